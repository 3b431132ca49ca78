//! How far reading has got. The reading thread counts, the command line shows.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one pass.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    left_out: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Rows read.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Rows that filters of the mapping left out.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Bytes read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn add_row(&self, counts: bool) {
        self.rows.fetch_add(1, Ordering::Relaxed);
        if !counts {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}
