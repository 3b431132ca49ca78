//! An order that the domain has checked, on its way to the server: the row of a batch, and where its parts come from, so
//! that the server's faults can be reported at their cells.

use std::sync::Arc;

use domain::{History, PlaceOrder};

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
