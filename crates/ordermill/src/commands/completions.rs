//! `completions`: prints a shell's completion script.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::command_line::CommandLine;

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill completions bash > /etc/bash_completion.d/ordermill")]
pub struct CompletionsFlags {
    /// Which shell
    shell: Shell,
}

/// Prints the script.
pub fn run(flags: &CompletionsFlags) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(
        flags.shell,
        &mut CommandLine::command(),
        "ordermill",
        &mut script,
    );
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(ExitCode::SUCCESS)
}
