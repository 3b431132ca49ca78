//! One fault of an input: where it is, what kind it is, and what to do about it.

use std::borrow::Cow;

/// A fault of one field. An input is checked to its end, so that its sender sees all faults at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) to the field: `/lines/0/quantity`; empty for the whole input.
    pub pointer: String,
    /// A stable word for programs: `required`, `too_long`, `out_of_range`...
    pub code: Cow<'static, str>,
    /// A sentence for people: what is wrong and what would be right.
    pub detail: Cow<'static, str>,
}

impl Fault {
    /// A fault at `pointer`.
    pub fn new(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.into(),
            detail: detail.into(),
        }
    }
}
