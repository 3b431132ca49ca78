//! Why a transaction did nothing, and what an error of the server means at each of its steps. `transaction` and `erasure`
//! report it; the writer decides what to do about it.

use application::ports::StoreError;
use domain::ShardId;
use tokio_postgres::Error;

use crate::error::{Meaning, is_known_event, meaning, reason};
use crate::plan::ID_IS_TAKEN;
use crate::shard_map::MapEpoch;

/// Why a transaction did nothing, as far as is known.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One of the writes was refused by the data's rules. Nothing was written.
    Data(String),
    /// Another transaction was in the way. Nothing was written.
    Conflict(String),
    /// The shard map is not the one that the transaction was made under. Nothing was written.
    Moved,
    /// The server could not. Nothing was written.
    Server(String),
    /// The server's disk is full. Nothing was written.
    Full(String),
    /// The connection broke before the commit was sent. Nothing was written.
    Lost(String),
    /// The connection broke after the commit was sent. It may be written.
    Unknown(String),
    /// What is stored cannot be read. Nothing was written.
    Corrupt(String),
}

impl Failure {
    /// What the callers are answered, unless it is about one write alone; `epoch` is the one that they wrote under.
    pub(crate) fn into_store_error(self, shard: ShardId, epoch: MapEpoch) -> StoreError {
        match self {
            Self::Moved => StoreError::Moved {
                shard,
                epoch: epoch.number(),
            },
            Self::Full(reason) => StoreError::Full { shard, reason },
            Self::Unknown(reason) => StoreError::Unknown { shard, reason },
            Self::Data(reason)
            | Self::Conflict(reason)
            | Self::Server(reason)
            | Self::Lost(reason)
            | Self::Corrupt(reason) => StoreError::Unavailable { shard, reason },
        }
    }
}

/// What an error means before the COMMIT was sent.
pub(crate) fn before_commit(error: &Error) -> Failure {
    let why = if is_known_event(error) {
        ID_IS_TAKEN.to_owned()
    } else {
        reason(error)
    };
    match meaning(error) {
        Meaning::Data => Failure::Data(why),
        Meaning::Conflict => Failure::Conflict(why),
        Meaning::Moved => Failure::Moved,
        Meaning::Server => Failure::Server(why),
        Meaning::Full => Failure::Full(why),
        Meaning::Lost => Failure::Lost(why),
    }
}

/// What an error means after the COMMIT was sent: only an answer of the server itself says that nothing was written.
pub(crate) fn sent(error: &Error) -> Failure {
    match before_commit(error) {
        Failure::Lost(why) if error.as_db_error().is_none() => Failure::Unknown(why),
        failure => failure,
    }
}

/// What an error of the COMMIT itself means: if the connection ends with it, its outcome is unknown, whatever it says.
pub(crate) fn unconfirmed(error: &Error) -> Failure {
    match before_commit(error) {
        Failure::Lost(why) => Failure::Unknown(why),
        failure => failure,
    }
}
