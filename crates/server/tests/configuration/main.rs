//! The configuration through its public interface: layers, faults, and the names of other systems.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod aliases;
mod faults;
mod layers;

use std::io::Write as _;

use server::{ConfigError, ConfigFlags, Configuration, Override};

/// A configuration of a file, an environment, `--set` flags and flags of their own.
fn load(
    file: &str,
    environment: &[(&str, &str)],
    sets: &[(&str, &str)],
    flags: &[Override],
) -> Result<Configuration, ConfigError> {
    let mut written = tempfile::NamedTempFile::new().unwrap();
    written.write_all(file.as_bytes()).unwrap();
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let chosen = ConfigFlags {
        config: Some(written.path().to_owned()),
        set: sets.iter().map(owned).collect(),
    };
    Configuration::load_with(&chosen, flags, environment.iter().map(owned))
}

/// The faults of a configuration, one a line; empty if it has none.
fn faults(file: &str, environment: &[(&str, &str)], sets: &[(&str, &str)]) -> String {
    let loaded = load(file, environment, sets, &[]);
    loaded
        .err()
        .map(|error| error.faults.join("\n"))
        .unwrap_or_default()
}

/// What `config show` says of a setting: its value and its origin.
fn shown(configuration: &Configuration, setting: &str) -> (String, String) {
    let text = configuration.show();
    let start = format!("{setting} = ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    let (value, origin) = line.unwrap().rsplit_once("  # ").unwrap();
    (value.trim().to_owned(), origin.to_owned())
}
