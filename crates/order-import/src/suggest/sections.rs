//! The sections of a guessed mapping, each as text. Called by [`super::write`] in the order of the file.

use std::fmt::Write as _;

use super::known::Known;
use super::orders::Orders;
use super::role::Role;
use super::statuses::statuses_of;
use super::toml_text::{line, one_line, quoted};

/// How the file is laid out.
pub fn file(text: &mut String, known: &Known<'_>) {
    let sample = known.sample;
    if let Some(encoding) = sample.encoding {
        let comment = "guessed: the file is not UTF-8; look at letters with accents";
        line(text, &format!("encoding = {}", quoted(encoding)), comment);
    }
    if let Some(delimiter) = sample.delimiter {
        let comment = "not found without this setting";
        line(
            text,
            &format!("delimiter = {}", quoted(&delimiter.to_string())),
            comment,
        );
    }
    if !sample.header_contains.is_empty() {
        let cells: Vec<String> = sample
            .header_contains
            .iter()
            .map(|cell| quoted(cell))
            .collect();
        let comment = "the heading is not the first row";
        line(
            text,
            &format!("header_contains = [{}]", cells.join(", ")),
            comment,
        );
    }
    if sample.is_ragged {
        line(
            text,
            "ragged = true",
            "some rows are shorter than the heading",
        );
    }
    if !known.values.nulls.is_empty() {
        let nulls: Vec<String> = known.values.nulls.iter().map(|null| quoted(null)).collect();
        line(
            text,
            &format!("null = [{}]", nulls.join(", ")),
            "cells that count as blank",
        );
    }
}

/// How numbers are written, and the currency of orders without one.
pub fn numbers(text: &mut String, known: &Known<'_>) {
    let format = known.values.format;
    if let Some(number) = &known.values.ambiguous {
        let number = one_line(number);
        let _ = writeln!(
            text,
            "# {number:?} can be meant in two ways, and no number of the first rows says which: set decimal and thousands."
        );
    }
    if format.decimal != '.' {
        line(text, "decimal = \",\"", "");
    }
    if let Some(thousands) = format.thousands {
        line(
            text,
            &format!("thousands = {}", quoted(&thousands.to_string())),
            "",
        );
    }
    if !known.values.unread.is_empty() {
        let unread: Vec<String> = known
            .values
            .unread
            .iter()
            .map(|number| format!("{:?}", one_line(number)))
            .collect();
        let _ = writeln!(text, "# Not read as numbers: {}.", unread.join(", "));
    }
    match (known.guess.column(Role::Currency), known.values.currency) {
        (Some(_), _) => {}
        (None, Some(currency)) => {
            let comment = "guessed by the signs around amounts";
            line(
                text,
                &format!("currency = {}", quoted(currency.code())),
                comment,
            );
        }
        (None, None) => {
            let comment = "<- the currency of all orders: no column says it";
            line(text, "currency = \"USD\"", comment);
        }
    }
}

/// Whether columns with products and prices were recognised.
pub fn has_lines(known: &Known<'_>) -> bool {
    let has = |role| known.guess.column(role).is_some();
    (has(Role::Product) || has(Role::Sku)) && (has(Role::UnitPrice) || has(Role::LineTotal))
}

/// What belongs to a line.
pub fn lines(text: &mut String, known: &Known<'_>) {
    if !has_lines(known) {
        text.push_str("\n# No columns with products and prices were recognised: an order is an amount alone.\n");
        return;
    }
    let name = |role| {
        known
            .guess
            .column(role)
            .map(|column| quoted(known.name(column)))
    };
    text.push_str("\n[line]\n");
    let (sku, product) = (name(Role::Sku), name(Role::Product));
    if let Some(sku) = &sku {
        line(text, &format!("sku = {sku}"), "");
    }
    let product = match (product, sku) {
        (Some(product), Some(sku)) => format!("[{product}, {sku}]"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return,
    };
    line(text, &format!("product_name = {product}"), "");
    match name(Role::Quantity) {
        Some(quantity) => line(text, &format!("quantity = {quantity}"), ""),
        None => line(
            text,
            "quantity = { value = \"1\" }",
            "no column with quantities was recognised",
        ),
    }
    if let Some(price) = name(Role::UnitPrice) {
        let comment = if known.check.agree == 0 && name(Role::LineTotal).is_none() {
            "of one piece; if it is the price of the whole line, write total instead of unit_price"
        } else {
            "of one piece"
        };
        line(text, &format!("unit_price = {price}"), comment);
    }
    if let Some(total) = name(Role::LineTotal) {
        let comment = if known.check.price_is_total {
            "of the whole line: so the first orders add up"
        } else {
            "of the whole line"
        };
        line(text, &format!("total = {total}"), comment);
    }
}

/// Discounts, shipping, tax and the like.
pub fn adjustments(text: &mut String, known: &Known<'_>, orders: &Orders<'_>) {
    let kinds = [
        (Role::Discount, "discount"),
        (Role::Shipping, "shipping"),
        (Role::Tax, "tax"),
        (Role::Fee, "fee"),
        (Role::Tip, "tip"),
    ];
    for (role, kind) in kinds {
        let Some(column) = known.guess.column(role) else {
            continue;
        };
        let _ = write!(text, "\n[[adjustment]]\nkind = \"{kind}\"\n");
        if orders.is_by_line(column, &known.values) {
            line(
                text,
                "level = \"line\"",
                "it differs between rows of an order: their sum",
            );
        }
        if role == Role::Discount
            && let Some(label) = known.guess.column(Role::DiscountLabel)
        {
            line(text, &format!("label = {}", quoted(known.name(label))), "");
        }
        let _ = writeln!(text, "amount = {}", quoted(known.name(column)));
        if role == Role::Tax {
            if known.check.tax_is_included {
                line(
                    text,
                    "included = true",
                    "the prices contain it: so the first orders add up",
                );
            } else if known.check.agree == 0 {
                text.push_str("# included = true   # if the prices contain it\n");
            }
        }
    }
    let others = known
        .guess
        .rivals
        .iter()
        .filter(|(role, _)| kinds.iter().any(|(kind, _)| kind == role));
    for (role, column) in others {
        let name = one_line(known.name(*column));
        let _ = writeln!(
            text,
            "\n# {name:?} may be another {role:?}: if it is not in the one above, give it an [[adjustment]]."
        );
    }
}

/// What became of the orders.
pub fn status(text: &mut String, known: &Known<'_>) {
    let has_dates = known.guess.column(Role::Date).is_some();
    let cancelled = known.guess.column(Role::CancelledAt);
    let found = known
        .guess
        .column(Role::Status)
        .and_then(|column| Some((column, statuses_of(known.cells(column))?)));
    if !has_dates || (cancelled.is_none() && found.is_none()) {
        text.push_str(
            "\n# Without [status] all orders come in as --as says: pending (they are processed) or processed (history).\n",
        );
        return;
    }
    text.push_str(
        "\n# processed and cancelled are history and never processed again; pending is a new order; skip leaves it out.\n",
    );
    if let Some(column) = cancelled {
        let _ = write!(
            text,
            "[[status]]\ncolumn = {}\nmap = {{ \"not blank\" = \"cancelled\" }}\n",
            quoted(known.name(column))
        );
        if found.is_none() {
            line(text, "when_empty = \"pending\"", "<- or \"processed\"");
        } else {
            text.push('\n');
        }
    }
    let Some((column, statuses)) = found else {
        return;
    };
    let _ = write!(
        text,
        "[[status]]\ncolumn = {}\n",
        quoted(known.name(column))
    );
    let map: Vec<String> = statuses
        .known
        .iter()
        .map(|(word, status)| format!("{} = \"{status}\"", quoted(word)))
        .collect();
    let _ = writeln!(text, "map = {{ {} }}", map.join(", "));
    if !statuses.unknown.is_empty() {
        let words: Vec<String> = statuses
            .unknown
            .iter()
            .map(|word| quoted(&one_line(word)))
            .collect();
        let _ = writeln!(
            text,
            "# <- add what these mean; an order with another word is refused: {}",
            words.join(", ")
        );
    }
}
