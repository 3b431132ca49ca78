//! Finds the known name that a mistyped one was meant to be. For configuration keys and mapping files; never guesses
//! when nothing is close.

/// The known name closest to `wrong`, where one is close enough to be worth a suggestion.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}

/// The closing half of a message about an unknown name: `; did you mean addr?`, or nothing.
pub fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, known).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typing_mistake_finds_its_name_and_nonsense_finds_none() {
        let known = ["addr", "ws_addr", "body_bytes"];
        assert_eq!(nearest("adr", known), Some("addr"));
        assert_eq!(nearest("body_byte", known), Some("body_bytes"));
        assert_eq!(nearest("qqqq", known), None);
    }
}
