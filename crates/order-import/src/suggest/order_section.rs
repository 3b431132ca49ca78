//! The section `[order]` of a guessed mapping: the number, the customer, the total and the time. Called by
//! [`super::write`].

use std::fmt::Write as _;

use super::dates::{Dates, dates_of};
use super::known::Known;
use super::role::Role;
use super::sections::has_lines;
use super::toml_text::{line, one_line, quoted};

/// How many columns for a user are tried in turn.
pub const MAX_USERS: usize = 2;

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
    cells.sort_unstable();
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
