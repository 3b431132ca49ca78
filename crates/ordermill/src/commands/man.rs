//! `man`: writes the manual pages, one for each command, made of the same words as `--help`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap_mangen::Man;

/// Flags of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill man | man -l -\n\
         Example: ordermill man /usr/local/share/man/man1")]
pub struct ManFlags {
    /// The folder to write ordermill.1 and a page for each command to; the main page goes to standard output if it
    /// is missing
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Writes the pages of a command line.
pub fn run(flags: &ManFlags, command_line: clap::Command) -> anyhow::Result<ExitCode> {
    match &flags.folder {
        None => {
            let mut page = Vec::new();
            Man::new(command_line.disable_help_subcommand(true)).render(&mut page)?;
            std::io::stdout().lock().write_all(&page)?;
        }
        Some(folder) => {
            let cannot_write = || format!("cannot write the pages to {}", folder.display());
            std::fs::create_dir_all(folder).with_context(cannot_write)?;
            clap_mangen::generate_to(command_line, folder).with_context(cannot_write)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
