//! The configuration: one struct for each section, filled from layers (defaults < file < aliases < environment < flags) and
//! checked together before anything listens. Called by the command line and the broken twins. Never opens a socket or a
//! store.

mod aliases;
mod defaults;
mod deserializer;
mod error;
mod file;
mod layers;
mod rules;
mod sections;
mod show;
mod text;
mod types;

use std::collections::BTreeMap;
use std::path::PathBuf;

use aliases::Alias;

pub use defaults::DEFAULTS;
pub use error::ConfigError;
pub(crate) use layers::Layers;
pub use layers::Override;
pub use sections::{Config, Handler, HandlerKind, Log, LogFormat, ReceiptsKind, Store, StoreKind};
pub use types::{Hidden, ShardMapText};

/// The flags that choose a configuration, the same for every command that needs one.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigFlags {
    /// A configuration file (start one with `ordermill config default`)
    #[arg(long, value_name = "FILE", env = "ORDERMILL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Sets one value, above the file and the environment
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = parse_assignment)]
    pub set: Vec<(String, String)>,
}

fn parse_assignment(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| "is not of the form section.key=value".to_owned())
}

/// A configuration whose settings were read and fit together.
#[derive(Debug)]
pub struct Configuration {
    /// The settings.
    pub settings: Config,
    pub(crate) layers: Layers,
    aliases: Vec<Alias>,
}

impl Configuration {
    /// Reads all layers, with the environment of this process; `flags` are those of their own, such as `--data-dir`.
    ///
    /// # Errors
    /// Every fault of every layer at once.
    pub fn load(files_and_sets: &ConfigFlags, flags: &[Override]) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::load_with(files_and_sets, flags, environment)
    }

    /// As [`Configuration::load`], with this environment.
    ///
    /// # Errors
    /// Every fault of every layer at once.
    pub fn load_with(
        files_and_sets: &ConfigFlags,
        flags: &[Override],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::defaults();
        if let Some(path) = &files_and_sets.config {
            layers.add_file(path)?;
        }
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        let aliases = aliases::add(&mut layers, &environment);
        layers.add_environment(environment);
        for (name, text) in &files_and_sets.set {
            layers.add_flag(&Override::new(name, text.clone(), &format!("--set {name}")));
        }
        for flag in flags {
            layers.add_flag(flag);
        }
        let settings = layers.read();
        rules::check(&settings, &mut layers);
        layers.finish()?;
        Ok(Self {
            settings,
            layers,
            aliases,
        })
    }

    /// The defaults alone: no file, no environment, no flags.
    #[must_use]
    pub fn defaults() -> Self {
        Self::load_with(&ConfigFlags::default(), &[], [])
            .expect("the defaults are a configuration without a fault, as a test shows")
    }

    /// One line for each setting: name, value, origin; then what became of the names of other systems. Secrets are hidden.
    #[must_use]
    pub fn show(&self) -> String {
        show::show(&self.layers, &self.aliases)
    }

    /// What became of each name of another system in the environment, one line each.
    pub(crate) fn alias_lines(&self) -> impl Iterator<Item = String> {
        aliases::lines(&self.aliases, &self.layers)
    }
}
