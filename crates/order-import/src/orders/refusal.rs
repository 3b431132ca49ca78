//! Refusals: what is wrong with an order or a row, by file, row and column.

use std::sync::Arc;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<str>,
    /// The row in it.
    pub row: u64,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The row.
    pub place: Place,
    /// The column, if the fault is one column's.
    pub column: String,
    /// The number of the order that is refused for it; empty if it is not known.
    pub order: String,
    /// A stable word.
    pub code: String,
    /// A sentence.
    pub reason: String,
}

/// What is refused: an order, or a row that belongs to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its faults, in the order of the rows.
    pub refusals: Vec<Refusal>,
    /// Whether an earlier item refused other rows of the same order, so that the order is counted already.
    pub is_counted: bool,
}

/// Faults of one order, up to a bound.
#[derive(Debug)]
pub struct OrderFaults {
    file: Arc<str>,
    order: String,
    refusals: Vec<Refusal>,
    not_kept: usize,
}

/// The most faults of one order that are kept.
const MAX_FAULTS: usize = 1000;

impl OrderFaults {
    /// No faults yet.
    pub const fn new(file: Arc<str>, order: String) -> Self {
        Self {
            file,
            order,
            refusals: Vec::new(),
            not_kept: 0,
        }
    }

    /// Adds a fault.
    pub fn add(
        &mut self,
        row: u64,
        column: impl Into<String>,
        code: &str,
        reason: impl Into<String>,
    ) {
        if self.refusals.len() >= MAX_FAULTS {
            self.not_kept += 1;
            return;
        }
        self.refusals.push(Refusal {
            place: Place {
                file: Arc::clone(&self.file),
                row,
            },
            column: column.into(),
            order: self.order.clone(),
            code: code.to_owned(),
            reason: reason.into(),
        });
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Gives the order another name in all refusals.
    pub fn rename(&mut self, order: &str) {
        order.clone_into(&mut self.order);
        for refusal in &mut self.refusals {
            order.clone_into(&mut refusal.order);
        }
    }

    /// All of them by row, and how many more there are.
    pub fn finish(mut self) -> Vec<Refusal> {
        self.refusals.sort_by_key(|refusal| refusal.place.row);
        if self.not_kept > 0
            && let Some(last) = self.refusals.last().cloned()
        {
            self.refusals.push(Refusal {
                column: String::new(),
                code: "more".to_owned(),
                reason: format!("{} more faults of this order are not listed", self.not_kept),
                ..last
            });
        }
        self.refusals
    }
}
