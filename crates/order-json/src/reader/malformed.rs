//! Why a text is not the JSON that was expected, and where in it.

/// A text is not the JSON that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}.")]
pub struct Malformed {
    /// Why.
    pub reason: MalformedReason,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in bytes.
    pub column: usize,
}

/// What is wrong with a text that is not the JSON that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReason {
    /// Bytes that are not UTF-8.
    #[error("The text is not UTF-8")]
    NotUtf8,
    /// The end comes before a value is complete.
    #[error("The text ends too early")]
    EndsEarly,
    /// A character that cannot be there.
    #[error("Unexpected character {0:?}")]
    Unexpected(char),
    /// More than white space behind the value.
    #[error("Something follows the value")]
    SomethingFollows,
    /// Objects and arrays in each other beyond the bound.
    #[error("The nesting is deeper than {most}")]
    TooDeep {
        /// The bound.
        most: u32,
    },
    /// A key that an object has already; its first 100 characters.
    #[error("The key {0:?} comes twice in an object")]
    DuplicateKey(String),
    /// A control character that is not escaped.
    #[error("Raw control character in a string")]
    ControlCharacter,
    /// A backslash before a character that it cannot escape.
    #[error("Unknown escape in a string")]
    UnknownEscape,
    /// `\u` without four hexadecimal digits behind it.
    #[error("A \\u escape needs four hexadecimal digits")]
    BadUnicodeEscape,
    /// A surrogate without the other one of its pair.
    #[error("Half of a surrogate pair in a string")]
    LoneSurrogate,
    /// A value of another type than the caller takes, in the caller's words.
    #[error("{0}")]
    Expected(&'static str),
}

impl Malformed {
    /// `reason` holds at the byte `at` of `bytes`.
    pub(super) fn at(reason: MalformedReason, bytes: &[u8], at: usize) -> Self {
        let before = &bytes[..at.min(bytes.len())];
        let last_line_end = before.iter().rposition(|byte| *byte == b'\n');
        Self {
            reason,
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before.len() - last_line_end.map_or(0, |end| end + 1) + 1,
        }
    }
}
