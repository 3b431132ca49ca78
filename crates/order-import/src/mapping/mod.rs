//! The mapping: which column of a file is what, and how the file writes it. A TOML text is read strictly and to its end,
//! so that all its faults are reported at once, each with its line. `reading` and `orders` use the result; no file is
//! opened here.

mod columns;
mod document;
mod field;
mod layout;
mod orders;
mod status;
mod time_field;

use std::collections::BTreeMap;

use domain::Currency;
use toml::de::DeTable;

pub use columns::{ColumnNames, ColumnRef};
pub use document::MappingFault;
pub use field::{Case, Edits, Field, Origin, Piece, word_of};
pub use orders::{AdjustmentFields, Included, KindOrigin, Level, LineFields, OrderFields};
pub use status::{Fate, RowFilter, StatusRule};
pub use time_field::TimeField;

use crate::files::FileLayout;
use crate::values::{Number, NumberFormat};
use document::{Faults, Section};
use field::FieldReader;

/// A mapping, checked.
#[derive(Debug)]
pub struct Mapping {
    /// How files are laid out.
    pub layout: FileLayout,
    /// Cells that count as blank, in small letters.
    pub null: Vec<String>,
    /// Whether an apostrophe before = + - @ TAB CR is taken off.
    pub has_formula_quotes: bool,
    /// The currency of orders that name none.
    pub currency: Option<Currency>,
    /// How numbers are written.
    pub numbers: NumberFormat,
    /// Whether values that are too precise are rounded.
    pub rounds: bool,
    /// How an order's rows lie in the file.
    pub rows: RowOrder,
    /// What all orders together must be.
    pub expect: Option<Expect>,
    /// A row counts if each of these matches.
    pub only: Vec<RowFilter>,
    /// A row does not count if one of these matches.
    pub skip: Vec<RowFilter>,
    /// Fields of an order.
    pub order: OrderFields,
    /// Fields of a line; `None` if orders are amounts alone.
    pub line: Option<LineFields>,
    /// Where adjustments come from.
    pub adjustments: Vec<AdjustmentFields>,
    /// What becomes of an order, tried in turn.
    pub status: Vec<StatusRule>,
    columns: ColumnNames,
}

/// How an order's rows lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// They follow each other.
    Adjacent,
    /// Anywhere.
    Anywhere,
}

/// What all orders together must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// How many.
    pub orders: Option<u64>,
    /// Their amounts by currency.
    pub sums: BTreeMap<Currency, Number>,
    /// Their amount, if there is one currency.
    pub sum: Option<Number>,
}

const ROOT_KEYS: [&str; 21] = [
    "encoding",
    "delimiter",
    "quote",
    "skip_lines",
    "header_contains",
    "ragged",
    "null",
    "sheet",
    "formula_quote",
    "currency",
    "decimal",
    "thousands",
    "round",
    "rows",
    "expect",
    "only",
    "skip",
    "order",
    "line",
    "adjustment",
    "status",
];

const EXPECT_KEYS: [&str; 2] = ["orders", "sum"];

/// All keys of a mapping by section: `""` is the top of the file, `field` a field's table, and `time` a time's. The
/// reference in docs/IMPORT.md is held to it.
#[must_use]
pub const fn mapping_keys() -> [(&'static str, &'static [&'static str]); 8] {
    [
        ("", &ROOT_KEYS),
        ("expect", &EXPECT_KEYS),
        ("field", &field::FIELD_KEYS),
        ("order", &orders::ORDER_KEYS),
        ("time", &time_field::TIME_KEYS),
        ("line", &orders::LINE_KEYS),
        ("adjustment", &orders::ADJUSTMENT_KEYS),
        ("status", &status::STATUS_KEYS),
    ]
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// All faults, by line.
    pub fn parse(text: &str) -> Result<Self, Vec<MappingFault>> {
        let mut faults = Faults::new(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            faults.add(&span, error.message().replace('\n', " "));
        }
        // Half a document would be full of faults that nobody made.
        if !faults.is_empty() {
            return Err(faults.finish());
        }
        let mapping = Self::of_root(&Section::root(&document), &mut faults);
        match mapping {
            Some(mapping) if faults.is_empty() => Ok(mapping),
            _ => Err(faults.finish()),
        }
    }

    /// Every column that the mapping names, once.
    pub fn columns(&self) -> &[String] {
        self.columns.names()
    }

    /// The name of a column.
    pub fn column_name(&self, column: ColumnRef) -> &str {
        self.columns.name(column)
    }

    /// What says which rows are one order, with its JSON pointer; `None` if each row is one.
    pub fn grouping(&self) -> Option<(&Field, &'static str)> {
        let order = &self.order;
        let group = order.group_by.as_ref().map(|field| (field, ""));
        let external_id = order.external_id.as_ref();
        let key = order.idempotency_key.as_ref();
        group
            .or_else(|| external_id.map(|field| (field, "/external_id")))
            .or_else(|| key.map(|field| (field, "/idempotency_key")))
    }

    fn of_root(root: &Section<'_>, faults: &mut Faults<'_>) -> Option<Self> {
        root.refuse_unknown(&ROOT_KEYS, faults);
        let layout = layout::file_layout(root, faults);
        let null = layout::null_words(root, faults);
        let numbers = layout::number_format(root, faults);
        let currency = currency(root, faults);
        let rounds = is_word(root, "round", &["half_even"], faults).is_some();
        let rows = match is_word(root, "rows", &["adjacent", "anywhere"], faults) {
            Some(1) => RowOrder::Anywhere,
            _ => RowOrder::Adjacent,
        };
        let has_formula_quotes = root.flag("formula_quote", faults).unwrap_or(false);
        let expect = expect(root, faults);
        let mut columns = ColumnNames::default();
        let mut reader = FieldReader {
            faults,
            columns: &mut columns,
        };
        let only = status::row_filters(root, "only", &mut reader);
        let skip = status::row_filters(root, "skip", &mut reader);
        let order = root.section("order", reader.faults);
        let order = order.map(|section| orders::order_fields(&section, &mut reader));
        let line = root.section("line", reader.faults);
        let line = line.map(|section| orders::line_fields(&section, &mut reader));
        let adjustments = root.sections("adjustment", reader.faults);
        let adjustments = adjustments
            .iter()
            .filter_map(|section| orders::adjustment_fields(section, &mut reader))
            .collect();
        let status = root.sections("status", reader.faults);
        let status = status
            .iter()
            .filter_map(|section| status::status_rule(section, &mut reader))
            .collect();
        let Some(order) = order else {
            if !root.has("order") {
                faults.add(&(0..0), "[order] is required, with at least user_id");
            }
            return None;
        };
        let mapping = Self {
            layout,
            null,
            has_formula_quotes,
            currency,
            numbers,
            rounds,
            rows,
            expect,
            only,
            skip,
            order,
            line,
            adjustments,
            status,
            columns,
        };
        mapping.check_together(root, faults);
        Some(mapping)
    }

    /// What sections ask of each other.
    fn check_together(&self, root: &Section<'_>, faults: &mut Faults<'_>) {
        let top = 0..0;
        if !root.has("currency") && self.order.currency.is_none() {
            faults.add(
                &top,
                "needs currency = \"...\" at the top, or order.currency with a column",
            );
        }
        if !root.has("line") && self.order.amount.is_none() {
            faults.add(&top, "needs a [line] section, or order.amount");
        }
        if self.rows == RowOrder::Anywhere && self.grouping().is_none() {
            let message = "needs order.external_id, order.idempotency_key or order.group_by, which says which rows are one \
                           order";
            faults.add_at_key(root, "rows", message);
        }
        let makes_history = self.status.iter().any(StatusRule::makes_history);
        if makes_history && self.order.created_at.is_none() {
            let message = "gives processed or cancelled, which needs order.created_at: when each order was made";
            faults.add_at_key(root, "status", message);
        }
    }
}

fn currency(root: &Section<'_>, faults: &mut Faults<'_>) -> Option<Currency> {
    let code = root.text("currency", faults)?;
    match Currency::parse_any(code.value) {
        Ok(currency) => Some(currency),
        Err(error) => {
            let hint = Currency::of_other_case(code.value)
                .map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
            faults.add(&code.span, format!("currency {error}{hint}"));
            None
        }
    }
}

/// The index of a text among the words that it may be.
fn is_word(
    root: &Section<'_>,
    key: &str,
    words: &[&str],
    faults: &mut Faults<'_>,
) -> Option<usize> {
    let text = root.text(key, faults)?;
    let index = words.iter().position(|word| *word == text.value);
    if index.is_none() {
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        faults.add(&text.span, format!("{key} must be {}", words.join(" or ")));
    }
    index
}

fn expect(root: &Section<'_>, faults: &mut Faults<'_>) -> Option<Expect> {
    let section = root.section("expect", faults)?;
    section.refuse_unknown(&EXPECT_KEYS, faults);
    let mut expect = Expect {
        orders: section.number("orders", faults),
        ..Expect::default()
    };
    if !section.has("orders") && !section.has("sum") {
        faults.add(section.span(), "expect needs orders or sum");
    }
    let Some(sum) = section.value("sum") else {
        return Some(expect);
    };
    let amount = |text: Option<document::Text<'_>>, name: &str, faults: &mut Faults<'_>| {
        let number = text.and_then(|text| Number::plain(text.value));
        if number.is_none() {
            let message = format!("{name} must be a decimal in quotes, such as \"1725.92\"");
            faults.add(&sum.span(), message);
        }
        number
    };
    if !sum.get_ref().is_table() {
        expect.sum = amount(document::text_of(sum), "expect.sum", faults);
        return Some(expect);
    }
    for (code, value) in section.section("sum", faults)?.entries() {
        let name = format!("expect.sum.{}", code.value);
        match Currency::parse_any(code.value) {
            Ok(currency) => {
                if let Some(number) = amount(document::text_of(value), &name, faults) {
                    expect.sums.insert(currency, number);
                }
            }
            Err(error) => faults.add(&code.span, format!("{name} {error}")),
        }
    }
    Some(expect)
}

#[cfg(test)]
mod tests;
