//! One whole order, as [`write_order`](crate::write_order) writes it.

use std::collections::BTreeMap;

use super::object::{AnswerError, Object};

/// An order as a server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub amount: &'a str,
    /// What was ordered.
    pub lines: Vec<LineView<'a>>,
    /// What is added to the lines or taken off.
    pub adjustments: Vec<AdjustmentView<'a>>,
    /// The client's notes.
    pub metadata: BTreeMap<String, String>,
    /// It is not processed before this time.
    pub process_after: Option<String>,
    /// Attempts so far.
    pub attempt: u32,
    /// Why the last attempt failed.
    pub failure: Option<FailureView>,
    /// What the handler answered: any JSON, as it is written.
    pub result: Option<&'a str>,
    /// Where its receipt is.
    pub receipt_key: Option<String>,
    /// What it waits for, unless it is final.
    pub waiting_for: Option<WaitingForView>,
    /// When it was accepted.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A line as a server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView<'a> {
    /// The stock keeping unit.
    pub sku: Option<String>,
    /// What is sold.
    pub product_name: String,
    /// A decimal.
    pub quantity: &'a str,
    /// A decimal, unless only the total was given.
    pub unit_price: Option<&'a str>,
    /// A decimal.
    pub total: &'a str,
}

/// An adjustment as a server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentView<'a> {
    /// What it is for.
    pub kind: String,
    /// The client's name for it.
    pub label: Option<String>,
    /// A signed decimal.
    pub amount: &'a str,
    /// Whether the prices contain it already.
    pub included: bool,
}

/// What an order waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingForView {
    /// A stable word.
    pub what: String,
    /// The time, if it waits for one.
    pub until: Option<String>,
}

/// A failure as a server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureView {
    /// A stable word.
    pub code: String,
    /// A sentence.
    pub message: String,
}

impl<'a> OrderView<'a> {
    /// Reads an answer that is one order.
    ///
    /// # Errors
    /// If it is not JSON, or a member is missing or of another type.
    pub fn read(text: &'a [u8]) -> Result<Self, AnswerError> {
        let order = Object::read(text, String::new())?;
        let lines = order.objects("lines")?;
        let adjustments = order.objects("adjustments")?;
        let failure = order.optional_object("failure")?;
        let waiting_for = order.optional_object("waiting_for")?;
        Ok(Self {
            id: order.text("id")?,
            external_id: order.optional_text("external_id")?,
            user_id: order.text("user_id")?,
            source: order.text("source")?,
            status: order.text("status")?,
            version: order.whole("version")?,
            currency: order.text("currency")?,
            amount: order.decimal("amount")?,
            lines: lines.iter().map(LineView::of).collect::<Result<_, _>>()?,
            adjustments: (adjustments.iter())
                .map(AdjustmentView::of)
                .collect::<Result<_, _>>()?,
            metadata: order.object("metadata")?.texts()?,
            process_after: order.optional_text("process_after")?,
            attempt: order.whole("attempt")?,
            failure: failure.as_ref().map(FailureView::of).transpose()?,
            result: order.raw("result"),
            receipt_key: order.optional_text("receipt_key")?,
            waiting_for: waiting_for.as_ref().map(WaitingForView::of).transpose()?,
            created_at: order.text("created_at")?,
            updated_at: order.text("updated_at")?,
        })
    }
}

impl<'a> LineView<'a> {
    fn of(line: &Object<'a>) -> Result<Self, AnswerError> {
        Ok(Self {
            sku: line.optional_text("sku")?,
            product_name: line.text("product_name")?,
            quantity: line.decimal("quantity")?,
            unit_price: line.optional_decimal("unit_price")?,
            total: line.decimal("total")?,
        })
    }
}

impl<'a> AdjustmentView<'a> {
    fn of(adjustment: &Object<'a>) -> Result<Self, AnswerError> {
        Ok(Self {
            kind: adjustment.text("kind")?,
            label: adjustment.optional_text("label")?,
            amount: adjustment.decimal("amount")?,
            included: adjustment.boolean("included")?,
        })
    }
}

impl WaitingForView {
    fn of(waiting_for: &Object<'_>) -> Result<Self, AnswerError> {
        Ok(Self {
            what: waiting_for.text("what")?,
            until: waiting_for.optional_text("until")?,
        })
    }
}

impl FailureView {
    fn of(failure: &Object<'_>) -> Result<Self, AnswerError> {
        Ok(Self {
            code: failure.text("code")?,
            message: failure.text("message")?,
        })
    }
}

#[cfg(test)]
mod tests;
