//! A guessed mapping as text, section by section, with a comment wherever a person must decide. Its text is always a
//! mapping that can be read; a part that could not be guessed is a comment with an example.

use std::fmt::Write as _;

use super::guess::Guess;
use super::known::Known;
use super::order_section;
use super::orders::Orders;
use super::probe::Sample;
use super::role::Role;
use super::sections;
use super::toml_text::{line, one_line, quoted};
use super::values::Values;
use crate::presets;

/// The mapping for a file.
pub fn mapping_for(sample: &Sample) -> String {
    let mut guess = Guess::of(sample);
    let values = Values::of(sample, &guess);
    let orders = Orders::of(sample, &guess);
    let check = orders.check(&guess, &values);
    if check.price_is_total {
        guess.change(Role::UnitPrice, Role::LineTotal);
    }
    let known = Known {
        sample,
        guess,
        values,
        check,
    };
    let mut text = String::new();
    beginning(&mut text, &known);
    sections::file(&mut text, &known);
    sections::numbers(&mut text, &known);
    if orders.are_apart {
        text.push_str("rows = \"anywhere\"   # rows of an order are apart in this file\n");
    }
    if orders.has_unnumbered_rows
        && let Some(number) = known.guess.column(Role::OrderNumber)
    {
        text.push_str("\n# Rows without an order's number are left out and counted.\n[skip]\n");
        line(
            &mut text,
            &format!("{} = \"\"", quoted(known.name(number))),
            "",
        );
    }
    order_section::order(&mut text, &known);
    sections::lines(&mut text, &known);
    sections::adjustments(&mut text, &known, &orders);
    sections::status(&mut text, &known);
    rest(&mut text, &known);
    text.replace("\n\n\n", "\n\n")
}

fn beginning(text: &mut String, known: &Known<'_>) {
    let file = one_line(&known.sample.file);
    let _ = write!(
        text,
        "# A mapping for {file}, guessed from its heading and its first {} rows. Read it, correct it, and look at what it\n\
         # makes of the file before anything is sent:\n\
         #   ordermill import --mapping THIS --dry-run --show 3 {file}\n\
         # docs/IMPORT.md explains every key.\n",
        known.sample.rows.len()
    );
    if let Some(preset) = presets::of_columns(&known.sample.columns) {
        let _ = write!(
            text,
            "#\n# The heading has all columns of the preset {name}, which may fit as it is: ordermill import --preset {name} ...\n",
            name = preset.name
        );
    }
    text.push('\n');
}

/// Columns that the mapping does not use.
fn rest(text: &mut String, known: &Known<'_>) {
    let rivals = known.guess.rivals.iter().map(|(_, column)| *column);
    let spare_users = known
        .guess
        .users
        .iter()
        .skip(order_section::MAX_USERS)
        .copied();
    let mut unused: Vec<usize> = rivals
        .chain(spare_users)
        .chain(known.guess.unknown.iter().copied())
        .collect();
    unused.sort_unstable();
    if unused.is_empty() {
        return;
    }
    text.push_str(
        "\n# Columns that are not used. To keep one as a note of its order, add it to [order.metadata]: country = \"Country\"\n",
    );
    for column in unused {
        let name = known.name(column);
        if name.is_empty() {
            continue;
        }
        let example = known.cells(column).next().unwrap_or_default();
        let example: String = one_line(example).chars().take(40).collect();
        let comment = if example.is_empty() {
            "blank".to_owned()
        } else {
            format!("such as {example}")
        };
        let _ = writeln!(text, "#   {}: {comment}", quoted(&one_line(name)));
    }
}
