//! `[store]`: where orders are durable.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::types::{Hidden, ShardMapText, time};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// A folder on this machine.
    Sqlite,
    /// One or several databases.
    Postgres,
}

/// Where orders are durable.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Which one.
    pub kind: StoreKind,
    /// The embedded store's folder.
    pub data_dir: PathBuf,
    /// Connection strings, one for each shard.
    pub shards: Hidden<Vec<String>>,
    /// Which shard owns which users.
    pub map: ShardMapText,
    /// Connections a shard for reads.
    pub pool: usize,
    /// Whether processes tell each other of commits by NOTIFY.
    pub notify: bool,
    /// How long a connection may take.
    #[serde(deserialize_with = "time")]
    pub connect_timeout: Duration,
    /// How long a start waits for a shard.
    #[serde(deserialize_with = "time")]
    pub start_timeout: Duration,
    /// Decisions that may wait.
    pub queue: usize,
    /// Decisions in one commit.
    pub batch: usize,
}
