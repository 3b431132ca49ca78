//! An order as the server prints it. Amounts stay the texts that they are: no price passes through a float.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An order in JSON.
#[derive(Debug, Deserialize)]
pub struct OrderView<'a> {
    /// Its id.
    pub id: String,
    /// The client's own number.
    pub external_id: Option<String>,
    /// The user who placed it.
    pub user_id: String,
    /// Where it came in.
    pub source: String,
    /// How far it has got.
    pub status: String,
    /// How many changes it has seen.
    pub version: u64,
    /// ISO 4217.
    pub currency: String,
    /// A decimal.
    #[serde(borrow)]
    pub amount: &'a RawValue,
    /// What was ordered.
    #[serde(borrow)]
    pub lines: Vec<LineView<'a>>,
    /// What is added to the lines or taken off.
    #[serde(borrow)]
    pub adjustments: Vec<AdjustmentView<'a>>,
    /// The client's notes.
    pub metadata: BTreeMap<String, String>,
    /// It is not processed before this time.
    pub process_after: Option<String>,
    /// Attempts so far.
    pub attempt: u32,
    /// Why the last attempt failed.
    pub failure: Option<FailureView>,
    /// What the handler answered.
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    /// Where its receipt is.
    pub receipt_key: Option<String>,
    /// What it waits for, unless it is final.
    pub waiting_for: Option<WaitingForView>,
    /// When it was accepted.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A line in JSON.
#[derive(Debug, Deserialize)]
pub struct LineView<'a> {
    /// The stock keeping unit.
    pub sku: Option<String>,
    /// What is sold.
    pub product_name: String,
    /// A decimal.
    #[serde(borrow)]
    pub quantity: &'a RawValue,
    /// A decimal, unless only the total was given.
    #[serde(borrow)]
    pub unit_price: Option<&'a RawValue>,
    /// A decimal.
    #[serde(borrow)]
    pub total: &'a RawValue,
}

/// An adjustment in JSON.
#[derive(Debug, Deserialize)]
pub struct AdjustmentView<'a> {
    /// What it is for.
    pub kind: String,
    /// The client's name for it.
    pub label: Option<String>,
    /// A signed decimal.
    #[serde(borrow)]
    pub amount: &'a RawValue,
    /// Whether the prices contain it already.
    pub included: bool,
}

/// What an order waits for, in JSON.
#[derive(Debug, Deserialize)]
pub struct WaitingForView {
    /// A stable word.
    pub what: String,
    /// The time, if it waits for one.
    pub until: Option<String>,
}

/// A failure in JSON.
#[derive(Debug, Deserialize)]
pub struct FailureView {
    /// A stable word.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// A page of a list; each order stays the text that the server sent.
#[derive(Debug, Deserialize)]
pub struct OrderPage<'a> {
    /// The orders.
    #[serde(borrow)]
    pub data: Vec<&'a RawValue>,
    /// Whether there may be more.
    pub has_more: bool,
    /// Where the next page goes on.
    pub next_cursor: Option<String>,
}
