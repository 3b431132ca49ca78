//! Pieces of a mapping file as TOML: quoted texts, and lines with comments. The sections of a guessed mapping are made of
//! them.

use std::fmt::Write as _;

/// A text in quotes, as TOML has it.
pub fn quoted(text: &str) -> String {
    // JSON's escapes are TOML's too; TOML alone forbids DEL as it is.
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{7f}', "\\u007f")
}

/// Adds a line, with a comment if there is one.
pub fn line(text: &mut String, content: &str, comment: &str) {
    let comment = if comment.is_empty() {
        String::new()
    } else {
        format!("   # {comment}")
    };
    // Writing into a text cannot fail.
    let _ = writeln!(text, "{content}{comment}");
}

/// A foreign text that may stand in a comment.
pub fn one_line(text: &str) -> String {
    let plain = |sign: char| if sign.is_control() { ' ' } else { sign };
    text.chars().map(plain).collect()
}
