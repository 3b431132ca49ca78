//! An order as `export` reads it from the server's JSON. Amounts and quantities stay the texts that they are: no price
//! passes through a float. Holds no rule of an order.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An order in JSON.
#[derive(Debug, Deserialize)]
pub struct Order<'a> {
    /// The server's id.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The client's number.
    #[serde(borrow)]
    pub external_id: Option<Cow<'a, str>>,
    /// The user that the order belongs to.
    #[serde(borrow)]
    pub user_id: Cow<'a, str>,
    /// How it came in.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// The present status.
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    /// The number of its last change.
    pub version: u64,
    /// ISO 4217.
    #[serde(borrow)]
    pub currency: Cow<'a, str>,
    /// A decimal.
    #[serde(borrow)]
    pub amount: &'a RawValue,
    /// What was ordered.
    #[serde(borrow)]
    pub lines: Vec<Line<'a>>,
    /// Discounts, shipping, tax and the like.
    #[serde(borrow, default)]
    pub adjustments: Vec<Adjustment<'a>>,
    /// The client's notes, an object of strings.
    #[serde(borrow)]
    pub metadata: &'a RawValue,
    /// Not processed before this time.
    #[serde(borrow, default)]
    pub process_after: Option<Cow<'a, str>>,
    /// Attempts since the last replay.
    pub attempt: u32,
    /// Why the last attempt failed.
    #[serde(borrow)]
    pub failure: Option<Failure<'a>>,
    /// What the handler answered.
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    /// The key of its receipt.
    #[serde(borrow)]
    pub receipt_key: Option<Cow<'a, str>>,
    /// What it waits for.
    #[serde(borrow, default)]
    pub waiting_for: Option<WaitingFor<'a>>,
    /// RFC 3339.
    #[serde(borrow)]
    pub created_at: Cow<'a, str>,
    /// RFC 3339.
    #[serde(borrow)]
    pub updated_at: Cow<'a, str>,
}

/// A line in JSON.
#[derive(Debug, Deserialize)]
pub struct Line<'a> {
    /// The stock keeping unit.
    #[serde(borrow)]
    pub sku: Option<Cow<'a, str>>,
    /// What is sold.
    #[serde(borrow)]
    pub product_name: Cow<'a, str>,
    /// A decimal.
    #[serde(borrow)]
    pub quantity: &'a RawValue,
    /// A decimal; `None` if only a total was given.
    #[serde(borrow)]
    pub unit_price: Option<&'a RawValue>,
    /// A decimal.
    #[serde(borrow, default)]
    pub total: Option<&'a RawValue>,
}

/// An adjustment in JSON.
#[derive(Debug, Deserialize)]
pub struct Adjustment<'a> {
    /// `discount`, `shipping`, `tax` and so on.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The client's name for it.
    #[serde(borrow)]
    pub label: Option<Cow<'a, str>>,
    /// A signed decimal.
    #[serde(borrow)]
    pub amount: &'a RawValue,
    /// A tax that the prices already contain.
    #[serde(default)]
    pub included: bool,
}

/// A failure in JSON.
#[derive(Debug, Deserialize)]
pub struct Failure<'a> {
    /// A stable word.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// A sentence.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
}

/// What an order waits for, in JSON.
#[derive(Debug, Deserialize)]
pub struct WaitingFor<'a> {
    /// `worker`, `process_after`, `release` and so on.
    #[serde(borrow)]
    pub what: Cow<'a, str>,
    /// RFC 3339.
    #[serde(borrow)]
    pub until: Option<Cow<'a, str>>,
}
