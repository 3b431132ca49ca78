//! `[store]`: where orders are durable.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use crate::config::layers::Layers;
use crate::config::value::{FromValue, one_of};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A folder on this machine.
    Sqlite,
    /// One or several databases.
    Postgres,
}

/// Where orders are durable.
#[derive(Debug, Clone)]
pub struct Store {
    /// Which one.
    pub kind: StoreKind,
    /// The embedded store's folder.
    pub data_dir: PathBuf,
    /// Connection strings, one a shard. Secret.
    pub shards: Vec<String>,
    /// Which shard owns which users.
    pub map: ShardMapText,
    /// Connections a shard for reads.
    pub pool: usize,
    /// Whether processes tell each other of commits by NOTIFY.
    pub notify: bool,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a start waits for a shard.
    pub start_timeout: Duration,
    /// Decisions that may wait.
    pub queue: usize,
    /// Decisions in one commit.
    pub batch: usize,
}

/// How `store.map` names a shard map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardMapText {
    /// Evenly.
    Spread,
    /// A-M first, all others second.
    Letter,
    /// Stretches of buckets: the first, the last and the shard of each.
    Ranges(Vec<(u16, u16, u16)>),
}

impl FromValue for ShardMapText {
    fn from_value(value: &Value) -> Result<Self, String> {
        let wrong = "must be \"spread\", \"letter\", or stretches of the 4096 buckets with their shards, such as \"ranges:0-2047=0,2048-4095=1\"";
        let text = value.as_str().ok_or(wrong)?;
        match text {
            "spread" => return Ok(Self::Spread),
            "letter" => return Ok(Self::Letter),
            _ => {}
        }
        let range = |range: &str| {
            let (buckets, shard) = range.trim().split_once('=')?;
            let (first, last) = buckets.split_once('-')?;
            Some((
                first.trim().parse().ok()?,
                last.trim().parse().ok()?,
                shard.trim().parse().ok()?,
            ))
        };
        text.strip_prefix("ranges:")
            .and_then(|ranges| ranges.split(',').map(range).collect::<Option<Vec<_>>>())
            .map(Self::Ranges)
            .ok_or_else(|| wrong.to_owned())
    }
}

impl FromValue for StoreKind {
    fn from_value(value: &Value) -> Result<Self, String> {
        one_of(
            value,
            &[("sqlite", Self::Sqlite), ("postgres", Self::Postgres)],
        )
    }
}

impl Store {
    pub(super) fn read(layers: &mut Layers) -> Self {
        Self {
            kind: layers.read("store.kind"),
            data_dir: layers.read("store.data_dir"),
            shards: layers.read("store.shards"),
            map: layers.read("store.map"),
            pool: layers.read("store.pool"),
            notify: layers.read("store.notify"),
            connect_timeout: layers.read("store.connect_timeout"),
            start_timeout: layers.read("store.start_timeout"),
            queue: layers.read("store.queue"),
            batch: layers.read("store.batch"),
        }
    }
}
