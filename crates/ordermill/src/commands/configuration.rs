//! `config`: prints the commented defaults, checks a configuration, or shows where each value came from. Starts nothing.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;
use server::config;
use server::{ConfigFlags, Configuration};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: ordermill config show --config ordermill.toml")]
pub enum ConfigCommand {
    /// Print the commented defaults, to start a file of your own
    #[command(after_help = "Example: ordermill config default > ordermill.toml")]
    Default,
    /// Check everything that `serve` checks; exit 78 if something is wrong
    #[command(after_help = "Example: ordermill config check --config ordermill.toml")]
    Check(ConfigFlags),
    /// Print every setting and where its value came from; secrets are hidden
    #[command(after_help = "Example: ordermill config show --config ordermill.toml")]
    Show(ConfigFlags),
}

/// Prints to standard output.
pub fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    let text = match command {
        ConfigCommand::Default => config::DEFAULTS.to_owned(),
        ConfigCommand::Check(flags) => {
            server::check(Configuration::load(flags, &[])?)?;
            "configuration: good\n".to_owned()
        }
        ConfigCommand::Show(flags) => Configuration::load(flags, &[])?.show(),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
