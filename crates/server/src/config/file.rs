//! Reads a configuration file: its sections and keys with their lines. Called by the layers; knows no setting.

use std::path::Path;

use toml::{Table, Value};

use super::error::ConfigError;

/// What a file has at its top level.
pub enum Entry {
    /// A section and its keys.
    Section {
        /// Its name.
        name: String,
        /// Where it begins; 0 if it could not be told.
        line: usize,
        /// Each key with its value and its line.
        keys: Vec<(String, Value, usize)>,
    },
    /// A key outside of every section.
    Stray {
        /// Its name.
        name: String,
    },
}

/// Reads the file.
///
/// # Errors
/// If it cannot be read or is not TOML.
pub fn read(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::one(format!(
            "cannot read the configuration file {}: {error}",
            path.display()
        ))
    })?;
    let table: Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| line_at(&text, span.start));
        let message = error.message().replace('\n', " ");
        ConfigError::one(format!("{}:{line}: {message}", path.display()))
    })?;
    let entry = |(name, value): (String, Value)| match value {
        Value::Table(keys) => {
            let line_of = |key: &str| line_of(&text, &name, key);
            let keys = keys.into_iter().map(|(key, value)| {
                let line = line_of(&key);
                (key, value, line)
            });
            Entry::Section {
                keys: keys.collect(),
                line: line_of(""),
                name,
            }
        }
        _ => Entry::Stray { name },
    };
    Ok(table.into_iter().map(entry).collect())
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// The line where a key of a section is set, by the usual layout; 0 if it is written in another way.
fn line_of(text: &str, section: &str, key: &str) -> usize {
    let mut here = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            here = header
                .split(']')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            if key.is_empty() && here == section {
                return index + 1;
            }
        } else if let Some((name, _)) = line.split_once('=') {
            let name = name.trim().trim_matches('"');
            let full = if here.is_empty() {
                name.to_owned()
            } else {
                format!("{here}.{name}")
            };
            if full == format!("{section}.{key}") {
                return index + 1;
            }
        }
    }
    0
}
