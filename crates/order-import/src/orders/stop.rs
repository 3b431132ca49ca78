//! Why reading stops: not for a faulty order, but because no order of the rest could be known whole.

use std::sync::Arc;

/// Why reading stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// More orders than a first pass keeps.
    #[error("the files have more than {limit} orders; import them in several runs")]
    TooManyOrders {
        /// The bound.
        limit: usize,
    },
    /// More rows wait for others of their order than memory is meant for.
    #[error(
        "{file} row {row}: orders whose rows are apart take more than {limit} bytes; sort the file by the order's number"
    )]
    TooMuchHeld {
        /// The file.
        file: Arc<str>,
        /// The row.
        row: u64,
        /// The bound.
        limit: usize,
    },
    /// A row that cannot be read and may belong to any order.
    #[error(
        "{file} row {row} cannot be read ({reason}) and, with rows = \"anywhere\", may belong to any order; correct it, or \
         remove it"
    )]
    RowOfAnyOrder {
        /// The file.
        file: Arc<str>,
        /// The row.
        row: u64,
        /// Why it cannot be read.
        reason: String,
    },
}
