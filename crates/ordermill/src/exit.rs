//! How the process ends: the exit codes, and the one line (or, for a configuration, one line a fault) on standard error.

use std::process::ExitCode;

use crate::config::ConfigError;

/// A failure while running.
pub const FAILED: u8 = 1;
/// An import that refused some orders and took the others.
pub const SOME_REFUSED: u8 = 3;
/// A configuration that nothing can be started with (`EX_CONFIG`).
pub const BAD_CONFIGURATION: u8 = 78;

/// Prints an error with its causes on one line and chooses the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(configuration) = error.downcast_ref::<ConfigError>() {
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
    eprintln!("ordermill: {}", one_line(&format!("{error:#}")));
    ExitCode::from(FAILED)
}

/// Control characters of foreign texts must not move the terminal's cursor.
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
