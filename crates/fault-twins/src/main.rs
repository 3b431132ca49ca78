//! Twins of the server, each with one defect, for the fault tests alone: a checker that passes a broken twin checks
//! nothing. A twin takes `--defect=NAME` and then the flags and settings of `ordermill serve`, and runs the same server; its
//! wiring differs by the defect alone.
//!
//! Started by the tests of `ordermill`; never shipped, never published, and nothing depends on it.

mod broken_store;
mod defect;
mod poison;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use server::{Configuration, ServeFlags};

use defect::Defect;
use wiring::Broken;

/// The shipped binary's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves orders with a chosen defect.
#[derive(Debug, Parser)]
#[command(name = "fault-twins")]
struct CommandLine {
    /// What is broken
    #[arg(long, value_enum)]
    defect: Defect,
    #[command(flatten)]
    server: ServeFlags,
}

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fault-twins: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command_line: &CommandLine) -> anyhow::Result<()> {
    let flags = &command_line.server;
    let configuration = Configuration::load(&flags.config, &flags.overrides())?;
    server::run(flags.role, configuration, &mut Broken(command_line.defect))?;
    Ok(())
}
