//! What can be typed: every command, with its help and an example. Read by clap; does nothing.

use bench::BenchArguments;
use clap::{Parser, Subcommand};

use crate::commands::{
    completions, configuration, dead_letters, export, get, import, list, man, migrate,
    order_commands, place, serve, watch,
};

/// Takes orders, makes each durable, processes it with a single effect, and shows every change live.
#[derive(Debug, Parser)]
#[command(
    name = "ordermill",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Example: ordermill serve --demo\n\
         Example: ordermill place --user alice --amount 9.99\n\
         Example: ordermill watch\n\n\
         A running server shows its dashboard at http://127.0.0.1:8080 and its interface at /docs."
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
    Serve(serve::ServeCommand),
    /// Place an order
    Place(place::PlaceFlags),
    /// Show one order
    Get(get::GetFlags),
    /// List orders, newest first
    List(list::ListFlags),
    /// Watch status changes live
    Watch(watch::WatchFlags),
    /// Cancel orders that are not final
    #[command(
        after_help = "Example: ordermill cancel 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b --reason 'ordered twice'"
    )]
    Cancel(order_commands::OrderCommandFlags),
    /// Hold orders back that are not being processed
    #[command(
        after_help = "Example: ordermill hold 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b --reason 'address unclear'"
    )]
    Hold(order_commands::OrderCommandFlags),
    /// Release orders that are on hold
    #[command(after_help = "Example: ordermill release 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b")]
    Release(order_commands::OrderCommandFlags),
    /// Bring orders in from CSV or NDJSON files
    Import(import::ImportFlags),
    /// Write orders out as NDJSON or CSV
    Export(export::ExportFlags),
    /// Look at orders that failed for good; replay or discard them
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Measure how fast this build is on this machine
    Bench(BenchArguments),
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
    /// Write the manual pages
    Man(man::ManFlags),
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _, Parser as _};

    use super::CommandLine;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_sentence_and_an_example_that_parses() {
        let mut checked = 0;
        check(&CommandLine::command(), "ordermill", &mut checked);
        assert!(checked > 20, "{checked}");
    }

    fn check(command: &Command, name: &str, checked: &mut usize) {
        assert!(
            command.get_about().is_some(),
            "{name} says nothing of itself"
        );
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let examples: Vec<&str> = help
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Example: "))
            // What comes before a pipe is for the shell to run.
            .map(|line| {
                let parts = line.split(" | ");
                parts.clone().find(|part| part.starts_with("ordermill ")).unwrap_or(line)
            })
            .collect();
        assert!(
            command.is_hide_set() || !examples.is_empty(),
            "{name} has no example"
        );
        for example in examples {
            let words = words(example);
            assert!(
                example.starts_with(name),
                "{example:?} is no example of {name}"
            );
            if let Err(error) = CommandLine::try_parse_from(&words) {
                panic!("{example:?} does not parse: {error}");
            }
            *checked += 1;
        }
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            check(sub, &format!("{name} {}", sub.get_name()), checked);
        }
    }

    /// The words of a line as a shell hands them over, up to a pipe or a redirection.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut is_quoted = false;
        for character in line.chars() {
            match character {
                '\'' => {
                    is_quoted = !is_quoted;
                    word.get_or_insert_default();
                }
                '|' | '>' | '<' if !is_quoted => break,
                ' ' if !is_quoted => words.extend(word.take()),
                character => word.get_or_insert_default().push(character),
            }
        }
        words.extend(word);
        words
    }
}
