//! What was ordered, as it is kept in the JSON columns `lines`, `adjustments` and `metadata` of an order: as clients see
//! it, with quantities and amounts as exact decimals, so that a person can read the table. Optional fields that an order
//! does not have are left out. Used by `columns` and `rows`; it knows nothing of the database.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use domain::{
    Adjustment, AdjustmentKind, Currency, Label, Line, Metadata, Money, ProductName, Quantity, Sku,
    decimal,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Why a column cannot be read, in words.
pub(crate) type Unreadable = String;

/// The column `lines` of an order in this currency.
pub(crate) fn lines_json(lines: &[Line], currency: Currency) -> String {
    array_json(lines, |line, out| {
        if let Some(sku) = &line.sku {
            out.extend_from_slice(b"\"sku\":");
            write_text(sku.as_str(), out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"product_name\":");
        write_text(line.product_name.as_str(), out);
        write_decimal("quantity", line.quantity, out);
        if let Some(minor) = line.unit_price_minor {
            write_decimal("unit_price", Amount::of(minor, currency), out);
        }
        write_decimal("total", Amount::of(line.total_minor, currency), out);
    })
}

/// The column `adjustments` of an order in this currency.
pub(crate) fn adjustments_json(adjustments: &[Adjustment], currency: Currency) -> String {
    array_json(adjustments, |adjustment, out| {
        out.extend_from_slice(b"\"kind\":");
        write_text(adjustment.kind.as_str(), out);
        if let Some(label) = &adjustment.label {
            out.extend_from_slice(b",\"label\":");
            write_text(label.as_str(), out);
        }
        let amount = Amount {
            minor: adjustment.amount_minor,
            currency,
        };
        write_decimal("amount", amount, out);
        if adjustment.included {
            out.extend_from_slice(b",\"included\":true");
        }
    })
}

/// The column `metadata` of an order.
pub(crate) fn metadata_json(metadata: &Metadata) -> String {
    if metadata.pairs().is_empty() {
        return "{}".to_owned();
    }
    serde_json::to_string(metadata.pairs()).expect("texts have a JSON form")
}

/// An array of objects, of which `write_members` writes what is between the braces.
fn array_json<T>(values: &[T], write_members: impl Fn(&T, &mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(2 + values.len() * 112);
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        write_members(value, &mut out);
        out.push(b'}');
    }
    out.push(b']');
    String::from_utf8(out).expect("every part was a text")
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text has a JSON form, and a Vec takes it");
}

fn write_decimal(name: &str, decimal: impl fmt::Display, out: &mut Vec<u8>) {
    let _ = write!(out, ",\"{name}\":{decimal}");
}

/// An amount as a decimal with the digits of its currency.
struct Amount {
    minor: i64,
    currency: Currency,
}

impl Amount {
    fn of(minor: u64, currency: Currency) -> Self {
        Self {
            minor: i64::try_from(minor).unwrap_or(i64::MAX),
            currency,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.minor, self.currency.exponent())
    }
}

#[derive(Deserialize)]
struct StoredLine<'a> {
    #[serde(borrow, default)]
    sku: Option<Cow<'a, str>>,
    #[serde(borrow)]
    product_name: Cow<'a, str>,
    #[serde(borrow)]
    quantity: &'a RawValue,
    #[serde(borrow, default)]
    unit_price: Option<&'a RawValue>,
    #[serde(borrow)]
    total: &'a RawValue,
}

#[derive(Deserialize)]
struct StoredAdjustment<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    label: Option<Cow<'a, str>>,
    #[serde(borrow)]
    amount: &'a RawValue,
    #[serde(default)]
    included: bool,
}

/// Reads the column `lines` of an order in this currency.
pub(crate) fn lines(text: &str, currency: Currency) -> Result<Vec<Line>, Unreadable> {
    let stored: Vec<StoredLine<'_>> =
        serde_json::from_str(text).map_err(|error| format!("lines: {error}"))?;
    let read = |line: StoredLine<'_>| line.read(currency);
    stored.into_iter().map(read).collect()
}

/// Reads the column `adjustments` of an order in this currency.
pub(crate) fn adjustments(text: &str, currency: Currency) -> Result<Vec<Adjustment>, Unreadable> {
    if text == "[]" {
        return Ok(Vec::new());
    }
    let stored: Vec<StoredAdjustment<'_>> =
        serde_json::from_str(text).map_err(|error| format!("adjustments: {error}"))?;
    let read = |adjustment: StoredAdjustment<'_>| adjustment.read(currency);
    stored.into_iter().map(read).collect()
}

/// Reads the column `metadata` of an order.
pub(crate) fn metadata(text: &str) -> Result<Metadata, Unreadable> {
    let pairs: BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|error| format!("metadata: {error}"))?;
    Metadata::new(pairs).map_err(|faults| format!("metadata: {faults:?}"))
}

impl StoredLine<'_> {
    fn read(self, currency: Currency) -> Result<Line, Unreadable> {
        let minor = |field: &str, raw: &RawValue| {
            Money::parse(raw.get(), currency)
                .map(Money::minor)
                .map_err(|error| format!("a line's {field} {error}"))
        };
        let sku = self.sku.map(|sku| Sku::new(&sku)).transpose();
        let unit_price = self.unit_price.map(|raw| minor("unit_price", raw));
        Ok(Line {
            sku: sku.map_err(|error| format!("a line's sku {error}"))?,
            product_name: ProductName::new(&self.product_name)
                .map_err(|error| format!("a line's product_name {error}"))?,
            quantity: Quantity::parse(self.quantity.get())
                .map_err(|error| format!("a line's quantity {error}"))?,
            unit_price_minor: unit_price.transpose()?,
            total_minor: minor("total", self.total)?,
        })
    }
}

impl StoredAdjustment<'_> {
    fn read(self, currency: Currency) -> Result<Adjustment, Unreadable> {
        let label = self.label.map(|label| Label::new(&label)).transpose();
        Ok(Adjustment {
            kind: AdjustmentKind::from_name(&self.kind)
                .ok_or_else(|| "an adjustment's kind is unknown".to_owned())?,
            label: label.map_err(|error| format!("an adjustment's label {error}"))?,
            amount_minor: Money::parse_signed(self.amount.get(), currency)
                .map_err(|error| format!("an adjustment's amount {error}"))?,
            included: self.included,
        })
    }
}
