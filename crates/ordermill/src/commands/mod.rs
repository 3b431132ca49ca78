//! One command a file. Each reads its flags, does its work, and answers with an exit code or an error with causes.

pub mod completions;
pub mod configuration;
pub mod dead_letters;
pub mod export;
pub mod get;
pub mod import;
pub mod list;
pub mod man;
pub mod migrate;
pub mod order_commands;
pub mod place;
pub mod serve;
mod table;
pub mod watch;

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::command_line::Command;

/// Runs one command to its end.
///
/// # Errors
/// What went wrong, with its causes; [`crate::exit::report`] turns it into a line and an exit code.
pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Place(flags) => wait_for(place::run(flags)),
        Command::Get(flags) => wait_for(get::run(flags)),
        Command::List(flags) => wait_for(list::run(flags)),
        Command::Watch(flags) => wait_for(watch::run(flags)),
        Command::Cancel(flags) => wait_for(order_commands::run(flags, "cancel")),
        Command::Hold(flags) => wait_for(order_commands::run(flags, "hold")),
        Command::Release(flags) => wait_for(order_commands::run(flags, "release")),
        Command::Import(flags) => wait_for(import::run(flags)),
        Command::Export(flags) => wait_for(export::run(flags)),
        Command::DeadLetters(command) => wait_for(dead_letters::run(command)),
        Command::Migrate(flags) => wait_for(migrate::run(flags)),
        Command::Bench(flags) => wait_with_all_cores(bench::run(flags)),
        Command::BenchCeiling => wait_with_all_cores(bench::no_store_server::run()),
        Command::Config(command) => configuration::run(&command),
        Command::Completions(flags) => completions::run(&flags),
        Command::Man(flags) => man::run(&flags),
    }
}

/// The load generator and its servers take all cores.
fn wait_with_all_cores(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work)?;
    Ok(ExitCode::SUCCESS)
}

/// A command that talks to a server needs one thread.
fn wait_for(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work)
}
