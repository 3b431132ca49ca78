//! How a file writes numbers, blanks and currencies, by the cells of the columns that hold amounts.

use domain::Currency;

use super::guess::Guess;
use super::probe::Sample;
use crate::values::{Number, NumberFormat};

/// Texts that stand for nothing in files.
const NULLS: [&str; 11] = [
    "--", "-", "\u{2013}", "\u{2014}", "n/a", "na", "#n/a", "null", "none", "nil", "\\n",
];
/// Ways to write numbers, the likelier ones first.
const FORMATS: [(char, Option<char>); 8] = [
    ('.', None),
    ('.', Some(',')),
    (',', Some('.')),
    (',', None),
    (',', Some(' ')),
    ('.', Some(' ')),
    ('.', Some('\'')),
    (',', Some('\'')),
];
/// Currencies for signs, the likelier ones first.
const CURRENCIES: [&str; 17] = [
    "USD", "EUR", "GBP", "BRL", "JPY", "INR", "CHF", "SEK", "PLN", "TRY", "RUB", "KRW", "ILS",
    "THB", "PHP", "CZK", "UAH",
];

/// How a file writes its values.
#[derive(Debug)]
pub struct Values {
    /// The signs in numbers.
    pub format: NumberFormat,
    /// A number that another format reads as another value.
    pub ambiguous: Option<String>,
    /// Numbers that the format does not read.
    pub unread: Vec<String>,
    /// Cells that stand for nothing.
    pub nulls: Vec<String>,
    /// The currency that the signs around amounts may stand for.
    pub currency: Option<Currency>,
}

impl Values {
    /// Looks at the cells of the columns that hold numbers.
    pub fn of(sample: &Sample, guess: &Guess) -> Self {
        let columns: Vec<usize> = guess.numbers().collect();
        let cells = || {
            let rows = sample.rows.iter();
            rows.flat_map(|row| columns.iter().map(|column| row[*column].trim()))
                .filter(|cell| !cell.is_empty())
        };
        let mut nulls: Vec<String> = Vec::new();
        for cell in cells().filter(|cell| is_null(cell)) {
            if !nulls.iter().any(|own| own == cell) {
                nulls.push(cell.to_owned());
            }
        }
        let numbers: Vec<&str> = cells().filter(|cell| !is_null(cell)).collect();
        let (format, unread) = format_of(&numbers);
        let mut values = Self {
            format,
            ambiguous: ambiguous(&numbers, format),
            unread,
            nulls,
            currency: None,
        };
        let amounts: Vec<usize> = guess.amounts().collect();
        values.currency = currency_of(sample, &amounts, format);
        values
    }

    /// The number in a cell; `None` if the cell is blank or no number.
    pub fn number(&self, cell: &str) -> Option<Number> {
        self.format.read(cell).ok().map(|(number, _)| number)
    }

    /// Whether a cell counts as blank.
    pub fn is_blank(&self, cell: &str) -> bool {
        let cell = cell.trim();
        cell.is_empty() || self.nulls.iter().any(|null| null == cell)
    }
}

fn is_null(cell: &str) -> bool {
    NULLS.contains(&cell.to_lowercase().as_str())
}

/// The first format that reads the most numbers, and up to three that it does not read.
fn format_of(numbers: &[&str]) -> (NumberFormat, Vec<String>) {
    let counted = FORMATS.iter().map(|(decimal, thousands)| {
        let format = NumberFormat {
            decimal: *decimal,
            thousands: *thousands,
        };
        let read = numbers.iter().filter(|number| format.read(number).is_ok());
        (format, read.count())
    });
    let best = counted.reduce(|best, next| if next.1 > best.1 { next } else { best });
    let format = best.map_or_else(NumberFormat::default, |(format, _)| format);
    let unread = numbers.iter().filter(|number| format.read(number).is_err());
    (
        format,
        unread.take(3).map(|number| (*number).to_owned()).collect(),
    )
}

/// A number such as 1.234 or 1,234, if no other number says whether the sign is the decimal one: the other sign would
/// make it a thousand times larger or smaller.
fn ambiguous(numbers: &[&str], format: NumberFormat) -> Option<String> {
    let swapped = NumberFormat {
        decimal: if format.decimal == '.' { ',' } else { '.' },
        thousands: Some(format.decimal),
    };
    let of = |format: NumberFormat, text: &str| format.read(text).ok().map(|(number, _)| number);
    let all_fit = numbers.iter().all(|number| of(swapped, number).is_some());
    let differs = |number: &&&str| of(swapped, number) != of(format, number);
    let found = numbers.iter().find(differs).filter(|_| all_fit);
    found.map(|number| (*number).to_owned())
}

/// The first currency that the signs around all amounts may stand for; `None` if there are none.
fn currency_of(sample: &Sample, amounts: &[usize], format: NumberFormat) -> Option<Currency> {
    let cells = || {
        let rows = sample.rows.iter();
        rows.flat_map(|row| amounts.iter().map(|column| row[*column].as_str()))
    };
    let has_marks = |cell: &str| {
        let plain = |sign: char| sign.is_ascii_digit() || " .,'-+()\u{a0}\u{202f}".contains(sign);
        !is_null(cell.trim()) && cell.contains(|sign| !plain(sign))
    };
    if !cells().any(has_marks) {
        return None;
    }
    let mut currencies = CURRENCIES
        .iter()
        .filter_map(|code| Currency::parse(code).ok());
    currencies.find(|currency| {
        let mut marks = cells().filter_map(|cell| format.read(cell).ok());
        marks.all(|(_, marks)| marks.fit(*currency))
    })
}
