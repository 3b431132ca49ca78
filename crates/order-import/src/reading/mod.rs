//! Reads order files from beginning to end: opens them, finds a mapping's columns before anything is handed out, makes the
//! first pass, and hands out orders and refusals one after the other. The command line calls it on a thread of its own.
//! It sends nothing and keeps one order at a time, or those that wait for rows from anywhere.

mod error;
mod mapped;
mod progress;
mod source_file;
mod whole;

pub use error::ImportError;
pub use mapped::MappedFiles;
pub use progress::Progress;
pub use whole::WholeFiles;

use std::sync::Arc;

use crate::files::{Format, Input, Limits};
use crate::orders::{Ready, Refused};

/// What is read, and within which bounds.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The files, in this order.
    pub files: Vec<Input>,
    /// What they are; `None`: each file's content decides.
    pub format: Option<Format>,
    /// Bounds of opening them.
    pub limits: Limits,
}

/// What is read, one after the other.
#[derive(Debug)]
pub enum Item {
    /// An order to send.
    Order(Box<Ready>),
    /// An order or a row with faults.
    Refused(Refused),
    /// An order that the mapping leaves out.
    Skipped,
    /// A file without a row.
    EmptyFile(Arc<str>),
}

/// Takes what is read; false stops the reading.
pub type Sink<'s> = dyn FnMut(Item) -> bool + 's;
