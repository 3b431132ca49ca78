//! Bounded texts: each kind of text that an order carries is a type of its own, refused at its constructor.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Empty, or nothing but white space.
    #[error("must not be blank")]
    Blank,
    /// More characters than allowed.
    #[error("is longer than {max} characters")]
    TooLong {
        /// The most characters it may have.
        max: usize,
    },
    /// A control character (C0, DEL, C1).
    #[error("holds a control character")]
    Control,
    /// A character that is not visible ASCII.
    #[error("holds something other than visible ASCII characters")]
    NotVisibleAscii,
}

impl TextError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::TooLong { .. } => "too_long",
            Self::Control => "control_character",
            Self::NotVisibleAscii => "not_visible_ascii",
        }
    }
}

fn check(text: &str, max: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Blank);
    }
    if text.len() > max && text.chars().count() > max {
        return Err(TextError::TooLong { max });
    }
    if text.chars().any(char::is_control) {
        return Err(TextError::Control);
    }
    Ok(())
}

fn check_visible_ascii(text: &str, max: usize) -> Result<(), TextError> {
    if text.is_empty() {
        return Err(TextError::Blank);
    }
    if text.len() > max {
        return Err(TextError::TooLong { max });
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TextError::NotVisibleAscii);
    }
    Ok(())
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most characters it may have.
            pub const MAX_CHARS: usize = $max;

            /// Takes a text that keeps the rules of this type.
            ///
            /// # Errors
            /// See [`TextError`].
            pub fn new(text: &str) -> Result<Self, TextError> {
                $check(text, Self::MAX_CHARS)?;
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

bounded_text!(
    /// Whose order it is: 1-100 characters, not blank, no control characters.
    UserId, 100, check
);
bounded_text!(
    /// The client's own number of an order: 1-128 characters, unique per user.
    ExternalId, 128, check
);
bounded_text!(
    /// What a line sells: 1-255 characters.
    ProductName, 255, check
);
bounded_text!(
    /// A stock keeping unit: 1-128 characters.
    Sku, 128, check
);
bounded_text!(
    /// What an adjustment is called: 1-255 characters.
    Label, 255, check
);
bounded_text!(
    /// Who caused a change: the subject of a token, 1-255 characters.
    Actor, 255, check
);
bounded_text!(
    /// Why a person changed an order, in their words: 1-255 characters.
    Reason, 255, check
);
bounded_text!(
    /// The client's key for one request to make at most one order: 1-255 visible ASCII characters.
    IdempotencyKey, 255, check_visible_ascii
);
bounded_text!(
    /// Names one request through logs and events: 1-128 visible ASCII characters.
    RequestId, 128, check_visible_ascii
);

/// Up to 50 pairs of strings, together at most 8 KiB, that the client keeps with an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<String, String>);

/// Why metadata was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A blank key, or a control character in a key.
    #[error("a key must not be blank nor hold control characters")]
    Key,
    /// A control character other than TAB, CR and LF in a value.
    #[error("a value must not hold control characters other than TAB, CR and LF")]
    Value,
    /// More than [`Metadata::MAX_PAIRS`].
    #[error("holds more than {max} pairs", max = Metadata::MAX_PAIRS)]
    TooManyPairs,
    /// More than [`Metadata::MAX_BYTES`].
    #[error("is larger than {max} bytes, keys and values together", max = Metadata::MAX_BYTES)]
    TooLarge,
}

impl MetadataError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Key | Self::Value => "control_character",
            Self::TooManyPairs => "too_many",
            Self::TooLarge => "too_long",
        }
    }
}

impl Metadata {
    /// The most pairs.
    pub const MAX_PAIRS: usize = 50;
    /// The most bytes of UTF-8, keys and values together.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Takes pairs that keep the bounds as a whole; the first fault of a pair is reported with its key.
    ///
    /// # Errors
    /// The faulty key, where the fault is one pair's, and what is wrong.
    pub fn new(
        pairs: BTreeMap<String, String>,
    ) -> Result<Self, Vec<(Option<String>, MetadataError)>> {
        let mut faults = Vec::new();
        if pairs.len() > Self::MAX_PAIRS {
            faults.push((None, MetadataError::TooManyPairs));
        }
        if pairs
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>()
            > Self::MAX_BYTES
        {
            faults.push((None, MetadataError::TooLarge));
        }
        for (key, value) in &pairs {
            if key.trim().is_empty() || key.chars().any(char::is_control) {
                faults.push((Some(key.clone()), MetadataError::Key));
            } else if value
                .chars()
                .any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n'))
            {
                faults.push((Some(key.clone()), MetadataError::Value));
            }
        }
        if faults.is_empty() {
            Ok(Self(pairs))
        } else {
            Err(faults)
        }
    }

    /// The pairs, by key.
    #[must_use]
    pub const fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{IdempotencyKey, TextError, UserId};

    #[test]
    fn lengths_are_counted_in_characters_and_controls_are_refused() {
        assert!(UserId::new(&"é".repeat(100)).is_ok());
        assert_eq!(
            UserId::new(&"é".repeat(101)),
            Err(TextError::TooLong { max: 100 })
        );
        assert_eq!(UserId::new(" \u{3000}"), Err(TextError::Blank));
        for control in ["a\0", "a\n", "a\u{7f}", "a\u{85}"] {
            assert_eq!(UserId::new(control), Err(TextError::Control), "{control:?}");
        }
        assert!(UserId::new("Robert'); DROP TABLE orders;-- 😀 \u{202e}").is_ok());
    }

    #[test]
    fn keys_are_visible_ascii() {
        assert!(IdempotencyKey::new("3f-!~").is_ok());
        for key in ["", "a b", "é", "a\t"] {
            assert!(IdempotencyKey::new(key).is_err(), "{key:?}");
        }
        assert!(IdempotencyKey::new(&"k".repeat(256)).is_err());
    }
}
