//! The known name that a mistyped one was probably meant to be. Used for keys of a mapping and for columns of a file; it
//! suggests nothing if no name is close.

/// The closing part of a message about an unknown name: `; did you mean addr?`, or nothing.
pub fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}
