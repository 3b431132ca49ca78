//! The known name nearest to a mistyped one: a field of an order, a parameter, a setting, a column, a preset.
//!
//! It is the only place in the workspace that decides what is near. It suggests nothing if no name is close.

/// A longer name is near to none of ours; comparing it would only cost time.
const LONGEST_COMPARED: usize = 64;

/// The name of `known` that `wrong` was probably meant to be, in any case of letters; `None` if none is close.
///
/// A name is close if at most half of its letters have to be inserted, removed, changed or swapped with their neighbour
/// to get it. Of equally close names the first in alphabetical order is returned.
pub fn nearest_name<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if wrong.len() > LONGEST_COMPARED {
        return None;
    }
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&wrong, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= name.chars().count() / 2)
        .min()
        .map(|(_, name)| name)
}

/// The end of a message about an unknown name: `; did you mean addr?`, or nothing if no known name is close.
pub fn did_you_mean<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest_name(wrong, known).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// The predicate of a fault about a name that is not `what`: `is not a field of an order; the nearest known one is amount`.
pub fn unknown_among<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
    what: &str,
) -> String {
    match nearest_name(name, known) {
        Some(nearest) => format!("is not {what}; the nearest known one is {nearest}"),
        None => format!("is not {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest_name};

    #[test]
    fn a_typing_mistake_finds_its_name_and_nonsense_finds_none() {
        let known = ["addr", "ws_addr", "body_bytes", "Quantity"];
        for (wrong, expected) in [
            ("adr", Some("addr")),
            ("dadr", Some("addr")),
            ("body_byte", Some("body_bytes")),
            ("QUANTITIY", Some("Quantity")),
            ("qqqq", None),
            ("", None),
        ] {
            assert_eq!(nearest_name(wrong, known), expected, "{wrong}");
        }
        let long = "a".repeat(10_000);
        assert_eq!(nearest_name(&long, [long.as_str()]), None);
        assert_eq!(did_you_mean("adr", known), "; did you mean addr?");
        assert_eq!(did_you_mean("qqqq", known), "");
    }

    #[test]
    fn the_first_of_equally_close_names_is_suggested() {
        assert_eq!(nearest_name("tota", ["totb", "totc", "tots"]), Some("totb"));
        assert_eq!(nearest_name("tota", ["tots", "totc", "totb"]), Some("totb"));
    }
}
