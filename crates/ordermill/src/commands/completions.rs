//! `completions`: prints a shell's completion script.

use std::process::ExitCode;

use clap_complete::Shell;

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill completions bash > /etc/bash_completion.d/ordermill")]
pub struct CompletionsFlags {
    /// Which shell
    shell: Shell,
}

/// Prints the script for a command line.
pub fn run(flags: &CompletionsFlags, command_line: &mut clap::Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, command_line, "ordermill", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(ExitCode::SUCCESS)
}
