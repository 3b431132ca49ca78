//! Why watching did not begin. Watchers and joining topics fail with it.

use domain::ShardId;

use crate::access::Forbidden;
use crate::ports::StoreError;

/// Why there is no watcher, or why it could not join a topic. All but [`WatchError::Forbidden`] are retryable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The caller may not watch this. Permanent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// As many watchers as the hub serves are there.
    #[error("too many watchers")]
    TooManyWatchers,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hub could not follow the shard in time.
    #[error("the changes of shard {shard} cannot be followed now")]
    NotFollowed {
        /// Which one.
        shard: ShardId,
    },
    /// Too many watchers are reading what they missed.
    #[error("too many watchers read what they missed")]
    Busy,
}
