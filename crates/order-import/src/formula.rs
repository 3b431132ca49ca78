//! Text that a spreadsheet program would run as a formula: the apostrophe that `export` puts before it, and that an
//! import of the export takes off again. `export` and the mapping engine call it; numbers never come here.
//!
//! The rule is exact in both directions. A text in danger is any number of apostrophes followed by a character that
//! begins a formula: it gets one apostrophe more, so every such text of an export has at least one, and exactly one
//! is taken off.

use std::borrow::Cow;

/// The characters that begin a formula, or that make a spreadsheet program look at the next one.
const STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The text as it may stand in a cell: with one leading apostrophe more if a spreadsheet program could run it.
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    if is_in_danger(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a cell that [`defuse`] made.
#[must_use]
pub fn restore(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_in_danger(text) => text,
        _ => cell,
    }
}

fn is_in_danger(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(STARTS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::{defuse, restore};

    #[test]
    fn a_formula_gets_an_apostrophe_and_other_text_stays_as_it_is() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30 1", "'+49 30 1"),
            ("-20", "'-20"),
            ("@sum", "'@sum"),
            ("\tx", "'\tx"),
            ("\r\nx", "'\r\nx"),
            ("'=1", "''=1"),
            ("'s-Hertogenbosch", "'s-Hertogenbosch"),
            ("a=b", "a=b"),
            ("", ""),
            ("'", "'"),
        ] {
            assert_eq!(defuse(text), cell);
            assert_eq!(restore(cell), text);
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "['=+@\t\r a-]{0,6}") {
            let cell = defuse(&text);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert_eq!(restore(&cell), text.as_str());
        }
    }
}
