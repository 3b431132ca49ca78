//! `man`: writes the manual pages, one a command, made of the same words as `--help`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::command_line::CommandLine;

/// Flags of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill man | man -l -\n\
         Example: ordermill man /usr/local/share/man/man1")]
pub struct ManFlags {
    /// The folder to write ordermill.1 and a page for each command to; the main page goes to standard output where it
    /// is missing
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Writes the pages.
pub fn run(flags: &ManFlags) -> anyhow::Result<ExitCode> {
    let command = CommandLine::command();
    match &flags.folder {
        None => {
            let mut page = Vec::new();
            Man::new(command.disable_help_subcommand(true)).render(&mut page)?;
            std::io::stdout().lock().write_all(&page)?;
        }
        Some(folder) => {
            let cannot_write = || format!("cannot write the pages to {}", folder.display());
            std::fs::create_dir_all(folder).with_context(cannot_write)?;
            clap_mangen::generate_to(command, folder).with_context(cannot_write)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
