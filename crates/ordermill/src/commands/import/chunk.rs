//! What one batch carries, with the refusals between its orders.

use std::sync::Arc;

use order_import::{Item, Ready, Refused};

/// The most orders of a batch.
const MAX_ORDERS: usize = 500;
/// The most bytes of a batch, far below what a server takes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most refusals that wait to be reported.
const MAX_REFUSALS: usize = 2000;

/// A stretch of the files.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Orders to send.
    pub orders: Vec<Ready>,
    /// Orders and rows with faults.
    pub refused: Vec<Refused>,
    /// Orders that the mapping leaves out.
    pub skipped: u64,
    /// Files without a row.
    pub empty_files: Vec<Arc<str>>,
    bytes: usize,
    refusals: usize,
}

impl Chunk {
    /// Adds what was read.
    pub fn push(&mut self, item: Item) {
        match item {
            Item::Order(order) => {
                self.bytes += order.json.len();
                self.orders.push(*order);
            }
            Item::Refused(refused) => {
                self.refusals += refused.refusals.len();
                self.refused.push(refused);
            }
            Item::Skipped => self.skipped += 1,
            Item::EmptyFile(name) => self.empty_files.push(name),
        }
    }

    /// Whether it should be sent.
    pub const fn is_full(&self) -> bool {
        self.orders.len() >= MAX_ORDERS || self.bytes >= MAX_BYTES || self.refusals >= MAX_REFUSALS
    }
}
