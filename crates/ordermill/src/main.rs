//! ordermill: accepts orders, stores each durably, processes it with a single effect, and streams every status change.
//!
//! This crate is the binary: it reads the command line, starts the server or the benchmark, and talks to a running server
//! for people and scripts. It holds no rule of an order and wires nothing.

mod client;
mod command_line;
mod commands;
mod exit;

use std::process::ExitCode;

use clap::Parser as _;

/// Commits and answers are many small allocations from several threads; mimalloc also gives memory back when idle.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = command_line::CommandLine::parse();
    match commands::run(command_line.command) {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
