//! A first mapping for a file of which nothing is known: `import --suggest`. Guesses columns by their names in five
//! languages, and formats by the first rows; says in comments what it is not sure of. The command line prints what it
//! returns. It sends nothing, and its guesses are for a person to read before they are used.
//!
//! | file | owns |
//! | --- | --- |
//! | `probe` | encoding, delimiter and heading of the file, and its first rows |
//! | `role`, `names`, `known_names` | what a column may hold, and which names mean it |
//! | `guess` | one column for each meaning |
//! | `values`, `dates`, `statuses` | how numbers, times and statuses are written |
//! | `orders` | whether the columns add up to the order's total |
//! | `known` | all of that together |
//! | `write`, `order_section`, `sections`, `toml_text` | the mapping as text |

mod dates;
mod guess;
mod known;
mod known_names;
mod names;
mod order_section;
mod orders;
mod probe;
mod role;
mod sections;
mod statuses;
mod toml_text;
mod values;
mod write;

use std::io;
use std::path::Path;

use crate::files::{FileError, Input};

/// Why there is no suggestion.
#[derive(Debug, thiserror::Error)]
pub enum SuggestError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is no order file.
    #[error(transparent)]
    File(#[from] FileError),
    /// It has no rows.
    #[error("{file} has no rows; give a file that has at least a heading")]
    Empty {
        /// The file.
        file: String,
    },
}

/// The text of a mapping for a file, with comments; `-` is standard input. Reads the first 4 MiB of a text, and all of a
/// spreadsheet.
///
/// # Errors
/// If the file cannot be read, is no order file or has no rows.
pub fn suggest(path: &Path) -> Result<String, SuggestError> {
    let sample = probe::sample(&Input::new(path))?;
    Ok(write::mapping_for(&sample))
}
