//! An order that the domain has checked, on its way to the server: the row of a batch, and where its parts come from, so
//! that the server's faults can be reported at their cells.

use std::sync::Arc;

use domain::{HistoryStatus, Money, PlaceOrder, Timestamp};
use serde_json::{Map, Value, json};

use super::refusal::{Place, Refusal};

/// An order without a fault.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The order.
    pub order: PlaceOrder,
    /// The key that it is sent with.
    pub key: Option<String>,
    /// What it was, if it is history.
    pub history: Option<History>,
    /// The row of a batch.
    pub json: String,
    /// Its number in reports: the external id, or what its rows share.
    pub number: String,
    /// Whether another run finds it again, and so does not take it twice.
    pub is_repeatable: bool,
    /// Where it comes from.
    pub origin: OrderRows,
    /// How many of its values were rounded.
    pub rounded: u32,
    /// The difference to the sum that is kept as an adjustment, in minor units.
    pub difference: Option<i64>,
}

/// What an order of the past was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// How it ended.
    pub status: HistoryStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

impl History {
    /// The status as the batch has it.
    pub const fn status_name(&self) -> &'static str {
        match self.status {
            HistoryStatus::Processed => "PROCESSED",
            HistoryStatus::Cancelled => "CANCELLED",
        }
    }
}

/// The rows of an order's parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderRows {
    /// The file.
    pub file: Arc<str>,
    /// The order's first row.
    pub first: u64,
    /// The row of each line.
    pub lines: Vec<u64>,
    /// The row of each adjustment, and the index of the mapping's adjustment.
    pub adjustments: Vec<(u64, usize)>,
}

impl OrderRows {
    /// The row that a JSON pointer speaks of: the line's or the adjustment's, or the order's first.
    pub fn row_of(&self, pointer: &str) -> u64 {
        let index = |prefix: &str| -> Option<usize> {
            let rest = pointer.strip_prefix(prefix)?;
            rest.split('/').next()?.parse().ok()
        };
        let line = index("/lines/").and_then(|index| self.lines.get(index).copied());
        let adjustment = index("/adjustments/")
            .and_then(|index| self.adjustments.get(index).map(|(row, _)| *row));
        line.or(adjustment).unwrap_or(self.first)
    }

    /// The index of the mapping's adjustment for each adjustment of the order.
    pub fn adjustment_indexes(&self) -> Vec<usize> {
        self.adjustments.iter().map(|(_, index)| *index).collect()
    }
}

impl Ready {
    /// A refusal of the order by the server.
    pub fn refusal(&self, pointer: &str, column: String, code: &str, reason: &str) -> Refusal {
        Refusal {
            place: Place {
                file: Arc::clone(&self.origin.file),
                row: self.origin.row_of(pointer),
            },
            column,
            order: self.number.clone(),
            code: code.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// The row of a batch. Amounts go as texts, which the server reads with the currency's digits.
pub fn batch_row(order: &PlaceOrder, key: Option<&str>, history: Option<&History>) -> String {
    let currency = order.amount.currency();
    let amount = |minor: u64| {
        Money::new(minor, currency)
            .map(|money| money.to_string())
            .unwrap_or_default()
    };
    let signed = |minor: i64| {
        let sign = if minor < 0 { "-" } else { "" };
        format!("{sign}{}", amount(minor.unsigned_abs()))
    };
    let lines = order.lines.iter().map(|line| {
        json!({
            "sku": line.sku.as_ref().map(|sku| sku.as_str()),
            "product_name": line.product_name.as_str(),
            "quantity": line.quantity.to_string(),
            "unit_price": line.unit_price_minor.map(amount),
            "total": amount(line.total_minor),
        })
    });
    let adjustments = order.adjustments.iter().map(|adjustment| {
        json!({
            "kind": adjustment.kind.as_str(),
            "label": adjustment.label.as_ref().map(|label| label.as_str()),
            "amount": signed(adjustment.amount_minor),
            "included": adjustment.included,
        })
    });
    let mut row = Map::new();
    let mut set = |name: &str, value: Value| {
        row.insert(name.to_owned(), value);
    };
    set("user_id", json!(order.user_id.as_str()));
    if let Some(external_id) = &order.external_id {
        set("external_id", json!(external_id.as_str()));
    }
    set("source", json!(order.source.as_str()));
    set("currency", json!(currency.code()));
    set("amount", json!(order.amount.to_string()));
    set("lines", lines.collect());
    set("adjustments", adjustments.collect());
    set("metadata", json!(order.metadata.pairs()));
    if let Some(at) = order.process_after {
        set("process_after", json!(at.to_string()));
    }
    if let Some(key) = key {
        set("idempotency_key", json!(key));
    }
    if let Some(history) = history {
        let created_at = history.created_at.to_string();
        set(
            "history",
            json!({"status": history.status_name(), "created_at": created_at}),
        );
    }
    Value::Object(row).to_string()
}
