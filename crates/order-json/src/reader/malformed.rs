//! Why a text is not JSON, and where in it.

use std::borrow::Cow;
use std::fmt;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    what: Cow<'static, str>,
    /// From 1.
    line: usize,
    /// From 1, in bytes.
    column: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, line, column } = self;
        write!(f, "{what} at line {line}, column {column}.")
    }
}

impl Malformed {
    /// `what` is wrong at the byte `at` of `bytes`.
    pub(super) fn at(what: impl Into<Cow<'static, str>>, bytes: &[u8], at: usize) -> Self {
        let before = &bytes[..at.min(bytes.len())];
        let line_starts = before.iter().rposition(|byte| *byte == b'\n');
        Self {
            what: what.into(),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before.len() - line_starts.map_or(0, |end| end + 1) + 1,
        }
    }
}
