//! Cursors of lists: opaque to clients, versioned, and bound to the list that they came from. Edges write and read them,
//! each for its own lists; a store only sees the position that they hold.

use crate::opaque_cursor::{CursorScope, open, seal};

const VERSION: u8 = 1;

/// Which list a cursor belongs to: its name and each of its conditions.
#[derive(Debug, Clone)]
pub struct ListCursor {
    scope: CursorScope,
}

impl ListCursor {
    /// The cursors of the list `name` under `conditions`, which are always given in the same order.
    #[must_use]
    pub fn of<'c>(name: &str, conditions: impl Iterator<Item = (&'c str, &'c str)>) -> Self {
        let mut scope = CursorScope::default();
        scope.add(name);
        for (name, value) in conditions {
            scope.add(name);
            scope.add(value);
        }
        Self { scope }
    }

    /// The cursor that holds `position`.
    #[must_use]
    pub fn write(&self, position: &[u8]) -> String {
        seal(VERSION, position, &self.scope)
    }

    /// The position that a cursor of this list holds; `None` for every other text.
    #[must_use]
    pub fn read<const N: usize>(&self, text: &str) -> Option<[u8; N]> {
        open(text, VERSION, &self.scope)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::ListCursor;

    #[test]
    fn a_cursor_is_read_by_its_own_list_alone_and_only_unchanged() {
        let list = |user: &'static str| ListCursor::of("orders", [("user_id", user)].into_iter());
        let cursor = list("a").write(&[7; 16]);
        assert_eq!(
            cursor, "AQcHBwcHBwcHBwcHBwcHBwfzHNxrvrjWIw",
            "clients hold cursors across updates"
        );
        assert_eq!(list("a").read(&cursor), Some([7; 16]));
        assert_eq!(list("b").read::<16>(&cursor), None);
        assert_eq!(list("a").read::<4>(&cursor), None);
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(list("a").read::<16>(&changed), None, "{changed}");
        }
        for text in ["", "x", "AQ", "é"] {
            assert_eq!(list("a").read::<16>(text), None);
        }
    }
}
