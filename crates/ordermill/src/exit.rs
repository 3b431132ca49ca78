//! How the process ends: the exit codes, and the one line (or, for a configuration, one line a fault) on standard error.

use std::process::ExitCode;

use server::ConfigError;

/// A failure while running.
pub const FAILED: u8 = 1;
/// Flags that do not fit together; clap ends the process with the same code for unknown ones.
pub const BAD_USAGE: u8 = 2;
/// An import that refused some orders and took the others.
pub const SOME_REFUSED: u8 = 3;
/// An import that Ctrl-C ended.
pub const INTERRUPTED: u8 = 130;
/// A configuration that nothing can be started with (`EX_CONFIG`).
pub const BAD_CONFIGURATION: u8 = 78;

/// Prints an error with its causes on one line and chooses the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let refused = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<ConfigError>());
    if let Some(configuration) = refused {
        for fault in &configuration.faults {
            eprintln!("ordermill: configuration: {}", one_line(fault));
        }
        return ExitCode::from(BAD_CONFIGURATION);
    }
    let is_broken_pipe = error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if is_broken_pipe {
        // The reader, such as `head`, has seen enough.
        return ExitCode::SUCCESS;
    }
    eprintln!("ordermill: {}", one_line(&with_causes(error)));
    ExitCode::from(FAILED)
}

/// An error with its causes, each said once. Many errors repeat their cause in their own text, and the numbers of libraries
/// come with the text that was said before.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let end = cause.rsplit(": ").next().unwrap_or(&cause);
        if !text.is_empty() && text.contains(end) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

/// A foreign text as it may be printed: what would move the terminal's cursor, or change the direction of the text
/// beside it, is escaped.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_layout(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Separators of lines, and what sets the direction of text (Unicode Standard Annex #9, section 2).
const fn is_layout(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::{one_line, with_causes};

    #[test]
    fn a_cause_that_was_said_already_is_not_said_again() {
        let error = anyhow!("Error code 26: file is not a database")
            .context("file is not a database")
            .context("the folder d cannot be read: file is not a database");
        let text = "the folder d cannot be read: file is not a database";
        assert_eq!(with_causes(&error), text);
        let error = anyhow!("Address already in use (os error 98)").context("cannot listen on a:1");
        let text = "cannot listen on a:1: Address already in use (os error 98)";
        assert_eq!(with_causes(&error), text);
    }

    #[test]
    fn what_would_move_the_cursor_or_turn_the_text_is_shown_escaped() {
        for (text, shown) in [
            ("a\tb\r\nc", "a\\tb\\r\\nc"),
            ("\u{1b}[2J\u{7f}\u{9b}", "\\u{1b}[2J\\u{7f}\\u{9b}"),
            (
                "\u{202e}DIAP\u{2066}\u{2028}",
                "\\u{202e}DIAP\\u{2066}\\u{2028}",
            ),
            ("שלום, café 🎉 'x' <b>", "שלום, café 🎉 'x' <b>"),
        ] {
            assert_eq!(one_line(text), shown);
        }
    }
}
