//! The sections of a guessed mapping, each as text. Called by [`super::write`] in the order of the file.

use std::fmt::Write as _;

use super::dates::{Dates, dates_of};
use super::names::Role;
use super::orders::Orders;
use super::statuses::statuses_of;
use super::write::{Known, line, one_line, quoted};

/// How many columns for a user are tried in turn.
pub const MAX_USERS: usize = 2;

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

/// What belongs to an order.
pub fn order(text: &mut String, known: &Known<'_>) {
    text.push_str("\n[order]\n");
    let column = |role| known.guess.column(role);
    match column(Role::OrderNumber) {
        Some(number) => number_field(text, known, number),
        None => text.push_str(
            "# No column with an order's number was recognised: each row is an order, and a second run takes all again.\n\
             # external_id = \"COLUMN\"\n",
        ),
    }
    user(text, known);
    if let Some(currency) = column(Role::Currency) {
        line(
            text,
            &format!("currency = {}", quoted(known.name(currency))),
            "",
        );
    }
    let has_lines = has_lines(known);
    match column(Role::OrderTotal) {
        Some(total) => line(
            text,
            &format!("amount = {}", quoted(known.name(total))),
            &checked(known, has_lines),
        ),
        None if !has_lines => {
            line(
                text,
                "amount = \"COLUMN\"",
                "<- no column with amounts was recognised",
            );
        }
        None => {}
    }
    created_at(text, known);
    metadata(text, known);
}

fn number_field(text: &mut String, known: &Known<'_>, number: usize) {
    let name = quoted(known.name(number));
    if is_decimal_id(known, number) {
        let content = format!("external_id = {{ column = {name}, strip_suffix = \".0\" }}");
        line(text, &content, "");
        return;
    }
    let has_sign = known.cells(number).any(|cell| cell.starts_with('#'));
    let comment = if has_sign {
        "without the sign #: { column = ..., strip_prefix = \"#\" }"
    } else {
        ""
    };
    line(text, &format!("external_id = {name}"), comment);
}

/// Whether a program has made decimals of ids: `17850.0`.
fn is_decimal_id(known: &Known<'_>, column: usize) -> bool {
    let is_decimal = |cell: &str| {
        let digits = cell.strip_suffix(".0").unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    known.cells(column).next().is_some() && known.cells(column).all(is_decimal)
}

/// Customers: the best column, and a second one for orders in which it is blank.
fn user(text: &mut String, known: &Known<'_>) {
    let number = known.guess.column(Role::OrderNumber);
    let is_order = |row: &[String]| number.is_none_or(|number| !row[number].trim().is_empty());
    let orders = || known.sample.rows.iter().filter(|row| is_order(row));
    let is_complete = |users: &[usize]| {
        orders().all(|row| users.iter().any(|user| !known.values.is_blank(&row[*user])))
    };
    let mut users = known.guess.users.as_slice();
    users = &users[..users.len().min(MAX_USERS)];
    if users.len() > 1 && is_complete(&users[..1]) {
        users = &users[..1];
    }
    let Some(first) = users.first() else {
        let comment = "<- no column with a customer was recognised: all orders belong to one user";
        line(text, "user_id = { value = \"guest\" }", comment);
        return;
    };
    let names: Vec<String> = users.iter().map(|user| quoted(known.name(*user))).collect();
    let mut keys = match names.as_slice() {
        [name] => format!("column = {name}"),
        names => format!("columns = [{}]", names.join(", ")),
    };
    if is_decimal_id(known, *first) {
        keys.push_str(", strip_suffix = \".0\"");
    }
    if !is_complete(users) {
        keys.push_str(", when_empty = \"guest\"");
    }
    let content = match (
        names.as_slice(),
        keys.contains("strip_suffix"),
        is_complete(users),
    ) {
        ([name], false, true) => format!("user_id = {name}"),
        _ => format!("user_id = {{ {keys} }}"),
    };
    let comment = if users.len() > 1 {
        "the first that is not blank"
    } else {
        ""
    };
    line(text, &content, comment);
}

fn has_lines(known: &Known<'_>) -> bool {
    let has = |role| known.guess.column(role).is_some();
    (has(Role::Product) || has(Role::Sku)) && (has(Role::UnitPrice) || has(Role::LineTotal))
}

/// What the first orders say about their sum.
fn checked(known: &Known<'_>, has_lines: bool) -> String {
    let check = known.check;
    match (has_lines, check.agree) {
        (false, _) | (_, 0) if check.checked == 0 || !has_lines => String::new(),
        (_, 0) => format!(
            "<- none of the first {} orders adds up to it: a column may be missing or mean something else",
            check.checked
        ),
        (_, agree) => format!("{agree} of the first {} orders add up to it", check.checked),
    }
}

fn created_at(text: &mut String, known: &Known<'_>) {
    let Some(date) = known.guess.column(Role::Date) else {
        text.push_str("# created_at = \"COLUMN\"   # needed for history; no column with a time was recognised\n");
        return;
    };
    let time = known.guess.column(Role::TimeOfDay);
    let cell = |row: &Vec<String>| {
        let day = row[date].trim();
        let time = time.map(|time| row[time].trim()).unwrap_or_default();
        if known.values.is_blank(day) {
            String::new()
        } else {
            format!("{day} {time}").trim().to_owned()
        }
    };
    let mut cells: Vec<String> = known
        .sample
        .rows
        .iter()
        .map(cell)
        .filter(|cell| !cell.is_empty())
        .collect();
    cells.dedup();
    let name = known.name(date);
    let origin = match time {
        Some(time) => format!(
            "template = {}",
            quoted(&format!(
                "{{{}}} {{{}}}",
                braced(name),
                braced(known.name(time))
            ))
        ),
        None => format!("column = {}", quoted(name)),
    };
    match dates_of(&cells, day_first(known)) {
        Some(Dates { format: None, .. }) if time.is_none() => {
            line(text, &format!("created_at = {}", quoted(name)), "");
        }
        Some(dates) => dated(text, known, &origin, &dates),
        None => {
            let example = one_line(cells.first().map_or("", String::as_str));
            line(
                text,
                &format!("created_at = {{ {origin}, format = \"iso\", zone = \"UTC\" }}"),
                &format!("<- set format: how {example:?} is written was not recognised"),
            );
        }
    }
}

fn dated(text: &mut String, known: &Known<'_>, origin: &str, dates: &Dates) {
    let mut content = format!("created_at = {{ {origin}");
    let mut comment = String::new();
    if let Some(format) = &dates.format {
        let _ = write!(content, ", format = {}", quoted(format));
    }
    if let Some(zone) = known.guess.column(Role::TimeZone) {
        let _ = write!(content, ", zone_column = {}", quoted(known.name(zone)));
    } else if !dates.has_zone {
        content.push_str(", zone = \"UTC\"");
        comment.push_str("<- the zone of the shop, such as \"Europe/Berlin\"");
    }
    content.push_str(" }");
    if let Some(other) = &dates.other {
        let _ = writeln!(
            text,
            "# Day and month can be meant either way, and no date of the first rows says which: {other} would read all too."
        );
    }
    line(text, &content, &comment);
}

/// Whether a day comes before its month, as the other values suggest: with a decimal comma it does.
fn day_first(known: &Known<'_>) -> bool {
    known.values.format.decimal == ','
        || known
            .values
            .currency
            .is_some_and(|currency| currency.code() != "USD")
}

/// A column's name inside a template.
fn braced(name: &str) -> String {
    name.replace('{', "{{").replace('}', "}}")
}

fn metadata(text: &mut String, known: &Known<'_>) {
    let pairs = [(Role::Note, "note"), (Role::Country, "country")];
    let found: Vec<String> = pairs
        .iter()
        .filter_map(|(role, name)| {
            let column = known.guess.column(*role)?;
            Some(format!("{name} = {}", quoted(known.name(column))))
        })
        .collect();
    if !found.is_empty() {
        let _ = writeln!(text, "\n[order.metadata]\n{}", found.join("\n"));
    }
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
