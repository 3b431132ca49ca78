//! Reads the twin's command line: a defect, and the settings that the fault tests give to the shipped binary, by the
//! same names. What a twin does not know it refuses, so that no test believes to have set it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::defect::Defect;

/// Which store a twin works on.
#[derive(Debug, Clone)]
pub enum StoreAt {
    /// The embedded one, in this folder.
    Sqlite(PathBuf),
    /// PostgreSQL, by the names of its shards' data sources.
    Postgres(Vec<String>),
}

/// What a twin is set to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is broken.
    pub defect: Defect,
    /// Where orders are kept.
    pub store: StoreAt,
    /// Where orders are sent.
    pub handler_url: String,
    /// How long a call may take.
    pub handler_timeout: Duration,
    /// A worker's hold on an order.
    pub lease: Duration,
    /// Attempts before the dead letters.
    pub max_attempts: u32,
    /// The bound of the first wait.
    pub backoff_first: Duration,
    /// The bound of every later wait.
    pub backoff_last: Duration,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a stop may take.
    pub drain: Duration,
}

impl Settings {
    /// Reads `--defect=NAME` and `--set section.key=value`.
    ///
    /// # Errors
    /// If something is unknown or missing.
    pub fn read(arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut defect = None;
        let mut data_dir = None;
        let mut shards = None;
        let mut settings = Self {
            defect: Defect::Nothing,
            store: StoreAt::Sqlite(PathBuf::new()),
            handler_url: String::new(),
            handler_timeout: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            max_attempts: 8,
            backoff_first: Duration::from_secs(1),
            backoff_last: Duration::from_secs(300),
            request_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(20),
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            if let Some(name) = argument.strip_prefix("--defect=") {
                defect = Some(Defect::by_name(name)?);
                continue;
            }
            if argument != "--set" {
                bail!(
                    "unknown argument {argument}: a twin takes --defect=NAME and --set section.key=value"
                );
            }
            let pair = arguments.next().context("--set wants section.key=value")?;
            let (name, value) = pair
                .split_once('=')
                .context("--set wants section.key=value")?;
            match name {
                "store.data_dir" => data_dir = Some(PathBuf::from(value)),
                "store.shards" => shards = Some(texts(value)),
                "handler.url" => value.clone_into(&mut settings.handler_url),
                "handler.timeout" => settings.handler_timeout = milliseconds(value)?,
                "worker.lease" => settings.lease = milliseconds(value)?,
                "worker.max_attempts" => settings.max_attempts = value.parse()?,
                "worker.backoff_first" => settings.backoff_first = milliseconds(value)?,
                "worker.backoff_last" => settings.backoff_last = milliseconds(value)?,
                "http.request_timeout" => settings.request_timeout = milliseconds(value)?,
                "shutdown.drain" => settings.drain = milliseconds(value)?,
                // A twin always calls a handler, on a free port of loopback, without a second listener.
                "handler.kind" | "http.addr" | "http.ws_addr" | "grpc.addr" | "store.kind" => {}
                _ => bail!("a twin does not know the setting {name}"),
            }
        }
        settings.defect = defect.context("--defect=NAME is missing")?;
        settings.store = match (data_dir, shards) {
            (Some(folder), None) => StoreAt::Sqlite(folder),
            (None, Some(shards)) => StoreAt::Postgres(shards),
            _ => bail!("a twin wants either store.data_dir or store.shards"),
        };
        Ok(settings)
    }
}

/// `500ms` or `3s`.
fn milliseconds(text: &str) -> anyhow::Result<Duration> {
    let read = |number: &str| number.parse().with_context(|| format!("{text} is no time"));
    if let Some(number) = text.strip_suffix("ms") {
        return Ok(Duration::from_millis(read(number)?));
    }
    let number = text
        .strip_suffix('s')
        .with_context(|| format!("{text} has no unit"))?;
    Ok(Duration::from_secs(read(number)?))
}

/// `["one","two"]`, of texts that need no escapes.
fn texts(list: &str) -> Vec<String> {
    let inner = list.trim_start_matches('[').trim_end_matches(']');
    let texts = inner
        .split(',')
        .map(|text| text.trim().trim_matches('"').to_owned());
    texts.filter(|text| !text.is_empty()).collect()
}
