//! ordermill: takes orders, keeps every one of them, works each off with one effect, and lets everyone watch.
//!
//! This crate is the binary: it reads the command line and the configuration, wires the other crates together, and
//! talks to a running server for people and scripts. It holds no rule of an order.

mod client;
mod command_line;
mod commands;
mod config;
mod exit;
mod serve;

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
