//! Why a message was refused: which field, and what is wrong with it.

use std::fmt;

/// A message that is not the wire form of any value. Permanent: the same message is refused again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct DecodeError {
    /// The field, from the outermost message on: `command.facts.lines[3].product_name`. Empty for a message as a whole.
    pub path: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is always set, and is not there.
    #[error("is missing")]
    Missing,
    /// An enumeration does not have this number: it comes from another version, or was never set.
    #[error("has the unknown value {0}")]
    UnknownValue(i32),
    /// The domain refuses it, for this reason.
    #[error("{0}")]
    Refused(String),
}

impl DecodeError {
    pub(super) fn missing(field: &str) -> Self {
        Self {
            path: field.to_owned(),
            problem: Problem::Missing,
        }
    }

    pub(super) const fn unknown_value(number: i32) -> Self {
        Self {
            path: String::new(),
            problem: Problem::UnknownValue(number),
        }
    }

    pub(super) fn refused(reason: impl fmt::Display) -> Self {
        Self {
            path: String::new(),
            problem: Problem::Refused(reason.to_string()),
        }
    }

    /// The same fault, seen from the message that holds `field`.
    pub(super) fn within(mut self, field: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => field.to_owned(),
            inner if inner.starts_with('[') => format!("{field}{inner}"),
            inner => format!("{field}.{inner}"),
        };
        self
    }
}
