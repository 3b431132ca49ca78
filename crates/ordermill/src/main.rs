//! ordermill: accepts orders, stores each durably, processes it with a single effect, and streams every status change.
//!
//! This crate is the binary: it reads the command line, starts the server or the benchmark, and talks to a running server
//! for people and scripts. It holds no rule of an order and wires nothing.

mod client;
mod command_line;
mod commands;
mod exit;

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context as _;
use bench::BenchError;
use clap::{CommandFactory as _, Parser as _};

use command_line::{Command, CommandLine};
use commands::{
    completions, configuration, dead_letters, export, get, import, list, man, migrate,
    order_commands, place, serve, watch,
};

/// Commits and answers are many small allocations from several threads; mimalloc also gives memory back when idle.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(CommandLine::parse().command) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}

/// Runs one command to its end; an error becomes a line and an exit code in [`exit::report`].
fn run(command: Command) -> anyhow::Result<ExitCode> {
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
        Command::BenchCeiling => wait_with_all_cores(bench::serve_ceiling()),
        Command::Config(command) => configuration::run(&command),
        Command::Completions(flags) => completions::run(&flags, &mut CommandLine::command()),
        Command::Man(flags) => man::run(&flags, CommandLine::command()),
    }
}

/// The load generator and its servers take all cores.
fn wait_with_all_cores(
    work: impl Future<Output = Result<(), BenchError>>,
) -> anyhow::Result<ExitCode> {
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
