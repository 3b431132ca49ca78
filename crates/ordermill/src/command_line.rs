//! What can be typed: every command, with its help and an example. Read by clap; does nothing.

use clap::{Parser, Subcommand};

use crate::commands::{
    bench, cancel, completions, configuration, dead_letters, export, get, import, list, migrate,
    place, watch,
};
use crate::serve;

/// Takes orders, keeps every one of them, works each off with one effect, and lets everyone watch.
#[derive(Debug, Parser)]
#[command(
    name = "ordermill",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server: HTTP, the store and the workers in one process
    Serve(serve::ServeFlags),
    /// Place an order
    Place(place::PlaceFlags),
    /// Show one order
    Get(get::GetFlags),
    /// List orders, newest first
    List(list::ListFlags),
    /// Watch status changes live
    Watch(watch::WatchFlags),
    /// Cancel orders that are not final
    Cancel(cancel::CancelFlags),
    /// Bring orders in from CSV or NDJSON files
    Import(import::ImportFlags),
    /// Write orders out as NDJSON or CSV
    Export(export::ExportFlags),
    /// Look at orders that failed for good; replay or discard them
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Measure how fast this build is on this machine
    Bench(bench::BenchArguments),
    /// Serve the edge before no store: the benchmark's ceiling
    #[command(hide = true, after_help = "Started by: ordermill bench")]
    BenchCeiling,
    /// Bring the store's schema up to this version, without serving
    Migrate(migrate::MigrateFlags),
    /// Print, check or explain the configuration
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// Print a shell's completion script
    Completions(completions::CompletionsFlags),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent_and_every_command_has_an_example() {
        let command = super::CommandLine::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            let help = sub
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("ordermill "),
                "{} has no example",
                sub.get_name()
            );
        }
    }
}
