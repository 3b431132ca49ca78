//! What can go wrong with a PostgreSQL shard, and how its errors are told apart: by SQLSTATE, by the constraint that was
//! violated and by the state of the connection, never by text. Every error of a server is mapped here.

use std::error::Error as _;

use application::ports::StoreError;
use domain::ShardId;
use tokio_postgres::error::Severity;

use crate::shard_map::ShardMapError;

/// Why a store did not start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A data source name that cannot be read.
    #[error("store.shards[{shard}] is not a PostgreSQL address: {reason}")]
    InvalidAddress {
        /// Which one.
        shard: ShardId,
        /// What is wrong with it.
        reason: String,
    },
    /// The map does not fit the shards.
    #[error(transparent)]
    InvalidMap(#[from] ShardMapError),
    /// A shard could not be reached, or refused us, until the start gave up.
    #[error("shard {shard} (store.shards[{shard}]) cannot be reached: {reason}")]
    Unavailable {
        /// Which one.
        shard: ShardId,
        /// What was said last.
        reason: String,
    },
    /// The shard was set up as another one, or by another map.
    #[error(
        "shard {shard} was set up as {stored}, but the configuration says {configured}; orders would be looked for \
         where they are not: restore store.shards and store.map"
    )]
    WrongMap {
        /// Which one.
        shard: ShardId,
        /// What its schema says.
        stored: String,
        /// What the configuration says.
        configured: String,
    },
    /// The shard's list of its buckets is not the one of its map.
    #[error(
        "shard {shard} has a list of its home buckets (table owned_buckets) that is not the one of its map: restore the \
         list, or empty the table to have it made again by the next start"
    )]
    WrongBuckets {
        /// Which one.
        shard: ShardId,
    },
    /// The tables were made by an earlier build, before the first release.
    #[error(
        "shard {shard} (store.shards[{shard}]) has tables of an earlier build of ordermill, which this one cannot use: \
         name an empty database or schema there, or drop these tables"
    )]
    SchemaOfEarlierBuild {
        /// Which one.
        shard: ShardId,
    },
    /// The schema was made by a newer ordermill.
    #[error(
        "shard {shard} has schema version {found}, this ordermill knows versions up to {known}: start a newer ordermill"
    )]
    SchemaTooNew {
        /// Which one.
        shard: ShardId,
        /// Its version.
        found: i32,
        /// The newest version known here.
        known: i32,
    },
    /// The schema could not be brought up to date.
    #[error("shard {shard}: the schema cannot be brought up to date: {reason}")]
    Migration {
        /// Which one.
        shard: ShardId,
        /// What the server said.
        reason: String,
    },
}

impl ConnectError {
    /// Whether trying again later may help without any change of the configuration or of the database.
    pub(crate) const fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::InvalidAddress { .. }
            | Self::InvalidMap(_)
            | Self::WrongMap { .. }
            | Self::WrongBuckets { .. }
            | Self::SchemaOfEarlierBuild { .. }
            | Self::SchemaTooNew { .. }
            | Self::Migration { .. } => false,
        }
    }
}

/// What an error means for the transaction that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The data itself was refused, and will be refused again.
    Data,
    /// Another transaction was in the way; another try may succeed.
    Conflict,
    /// The transaction was made under another epoch of the shard map, or for a bucket of another shard.
    Moved,
    /// The server could not do it now (time-out, shutting down, read-only).
    Server,
    /// The server's disk is full.
    Full,
    /// The connection is gone.
    Lost,
}

/// Tells errors apart.
pub(crate) fn meaning(error: &tokio_postgres::Error) -> Meaning {
    if let Some(said) = error.as_db_error() {
        if matches!(
            said.parsed_severity(),
            Some(Severity::Fatal | Severity::Panic)
        ) {
            return Meaning::Lost;
        }
        return match said.code().code() {
            "40001" | "40P01" => Meaning::Conflict,
            "53100" => Meaning::Full,
            // The function `refuse_moved` of the schema.
            "OM001" => Meaning::Moved,
            // A server that has become read-only, or is going away: the primary is elsewhere by now, or soon.
            "25006" | "57P01" | "57P02" | "57P03" => Meaning::Lost,
            // Data exceptions, broken constraints, and values that are too large for an index.
            code if ["21", "22", "23", "54"].contains(&&code[..2]) => Meaning::Data,
            _ => Meaning::Server,
        };
    }
    let is_io = error
        .source()
        .is_some_and(|source| source.is::<std::io::Error>());
    if error.is_closed() || is_io {
        Meaning::Lost
    } else {
        // A parameter that cannot be sent, or an answer that cannot be read.
        Meaning::Data
    }
}

/// Whether a new order was refused because its id has events: the order existed and was erased.
pub(crate) fn is_known_event(error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|said| said.constraint() == Some("events_by_order"))
}

/// The error with its cause, for an operator: the crate's own text says only "db error".
pub(crate) fn reason(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// A failure after which nothing was written, so that the caller may try again.
pub(crate) fn unavailable(shard: ShardId, reason: impl Into<String>) -> StoreError {
    StoreError::Unavailable {
        shard,
        reason: reason.into(),
    }
}
