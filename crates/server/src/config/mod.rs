//! The configuration: one struct a section, read from layers (defaults < file < aliases < environment < flags), checked
//! together before anything listens. Called by `serve`, `migrate` and `config`. Never opens a socket or a store.

mod aliases;
mod check;
pub mod layers;
mod sections;
mod show;
mod value;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use layers::{Layers, Override};
pub use sections::{
    Config, Handler, HandlerKind, Log, LogFormat, ReceiptsKind, ShardMapText, Store, StoreKind,
};
pub use show::show;

/// The commented defaults: the one list of all settings.
pub const DEFAULTS: &str = include_str!("ordermill.toml");

/// A configuration that nothing can be started with. Exit code 78.
#[derive(Debug)]
pub struct ConfigError {
    /// What is wrong, one line each.
    pub faults: Vec<String>,
}

impl ConfigError {
    fn one(fault: String) -> Self {
        Self {
            faults: vec![fault],
        }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "configuration: {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

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

/// Reads all layers; `flags` are those of their own, such as `--data-dir`.
///
/// # Errors
/// Every fault of every layer at once.
pub fn load(
    files_and_sets: &ConfigFlags,
    flags: &[Override],
) -> Result<(Config, Layers), ConfigError> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load_with(files_and_sets, flags, environment)
}

/// The settings of a server to which nothing is said.
#[must_use]
pub fn defaults() -> Config {
    let (config, _) = load_with(&ConfigFlags::default(), &[], std::iter::empty())
        .expect("a test starts with the defaults");
    config
}

fn load_with(
    files_and_sets: &ConfigFlags,
    flags: &[Override],
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(Config, Layers), ConfigError> {
    let mut layers = Layers::defaults();
    if let Some(path) = &files_and_sets.config {
        layers.add_file(path)?;
    }
    let environment: BTreeMap<String, String> = environment.collect();
    aliases::add(&mut layers, &environment);
    layers.add_environment(environment);
    for (name, text) in &files_and_sets.set {
        layers.add_flag(&Override::new(name, text.clone(), &format!("--set {name}")));
    }
    for flag in flags {
        layers.add_flag(flag);
    }
    let config = Config::read(&mut layers);
    check::together(&config, &mut layers);
    layers.finish()?;
    Ok((config, layers))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{ConfigFlags, Override, load_with};

    fn faults(file: &str, environment: &[(&str, &str)], sets: &[(&str, &str)]) -> Vec<String> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        written.write_all(file.as_bytes()).unwrap();
        let flags = ConfigFlags {
            config: Some(written.path().to_owned()),
            set: sets
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        };
        let environment = environment
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        load_with(&flags, &[], environment)
            .err()
            .map(|error| error.faults)
            .unwrap_or_default()
    }

    #[test]
    fn defaults_are_a_configuration_that_starts() {
        assert!(load_with(&ConfigFlags::default(), &[], std::iter::empty()).is_ok());
    }

    #[test]
    fn later_layers_win() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[store]\nqueue = 10\nbatch = 10\n[worker]\nconcurrency = 10\n")
            .unwrap();
        let flags = ConfigFlags {
            config: Some(file.path().to_owned()),
            set: vec![("worker.concurrency".to_owned(), "30".to_owned())],
        };
        let environment = [
            ("ORDERMILL__STORE__BATCH", "20"),
            ("ORDERMILL__WORKER__CONCURRENCY", "20"),
        ];
        let environment = environment
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        let data_dir = Override::new("store.data_dir", "/srv/orders", "--data-dir");
        let (config, layers) = load_with(&flags, &[data_dir], environment).unwrap();
        assert_eq!(
            (
                config.store.queue,
                config.store.batch,
                config.worker.concurrency
            ),
            (10, 20, 30)
        );
        let origin = |name: &str| layers.settings()[name].origin.to_string();
        assert!(origin("store.queue").ends_with(":2"));
        assert_eq!(origin("store.batch"), "ORDERMILL__STORE__BATCH");
        assert_eq!(origin("worker.concurrency"), "--set worker.concurrency");
        assert_eq!(origin("store.data_dir"), "--data-dir");
    }

    #[test]
    fn all_faults_are_named_at_once_with_their_origin_and_the_nearest_name() {
        let found = faults(
            "[htp]\naddr = 1\n[store]\nqeue = 5\nbatch = \"many\"\n",
            &[
                ("ORDERMILL__WORKER__LEESE", "5s"),
                ("ORDERMILL__WORKER__LEASE", "soon"),
            ],
            &[("handler.kind", "smtp")],
        );
        let all = found.join("\n");
        for part in [
            "[htp] is no section; did you mean http?",
            "store.qeue is no setting; did you mean store.queue?",
            "store.batch must be a whole number, not text",
            "worker.leese is no setting; did you mean worker.lease? (ORDERMILL__WORKER__LEESE)",
            "worker.lease must be a time such as",
            "handler.kind must be \"none\" or \"http\" (--set handler.kind)",
        ] {
            assert!(all.contains(part), "{part} is not in\n{all}");
        }
    }

    #[test]
    fn impossible_combinations_are_refused_with_the_reason() {
        for (sets, part) in [
            (vec![("http.addr", "0.0.0.0:8080")], "auth.mode"),
            (vec![("grpc.addr", "0.0.0.0:50051")], "grpc.addr"),
            (vec![("grpc.addr", "127.0.0.1:8080")], "grpc.addr"),
            (
                vec![("grpc.max_messages_bytes", "1000")],
                "grpc.max_messages_bytes",
            ),
            (vec![("handler.kind", "http")], "handler.url"),
            (vec![("handler.url", "http://localhost/")], "handler.kind"),
            (vec![("store.kind", "postgres")], "store.shards"),
            (
                vec![("store.shards", "postgres://localhost/a")],
                "store.kind",
            ),
            (vec![("receipts.store", "folder")], "receipts.folder"),
            (vec![("worker.backoff_first", "10m")], "worker.backoff_last"),
            (vec![("store.queue", "0")], "store.queue"),
            (
                vec![("orders.default_currency", "ABC")],
                "orders.default_currency",
            ),
            (vec![("http.ws_addr", "127.0.0.1:8080")], "http.ws_addr"),
        ] {
            let found = faults("", &[], &sets).join("\n");
            assert!(found.contains(part), "{sets:?}: {part} is not in {found:?}");
        }
        assert!(
            faults(
                "",
                &[],
                &[("http.addr", "0.0.0.0:80"), ("auth.mode", "none")]
            )
            .is_empty()
        );
    }
}
