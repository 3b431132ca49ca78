//! Whether the shards of a store can be reached and take commits, and how late their work is: what readiness and health
//! are made of. Edges ask [`Orders::store_health`](crate::Orders::store_health); wiring hands out the ports of its store as [`tracked`] ones.
//!
//! Reading is asked for when somebody wants to know. Commits are not tried for that: they count as good until one fails.
//! From then on the shard is probed ([`CommitHealth::run`]), so that a server that gets no more orders because it is not
//! ready becomes ready again by itself.

mod commit_health;
mod tracked_ports;

use std::time::Duration;

use domain::ShardId;

pub use commit_health::{CommitFailure, CommitHealth};
pub use tracked_ports::tracked;

/// Whether a shard does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardState {
    /// It answers, and its last commit did not fail.
    Available,
    /// It does not answer.
    Unreachable,
    /// It answers, but takes no commits.
    CommitsFail(CommitFailure),
}

impl ShardState {
    /// Its stable name, for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Unreachable => "unreachable",
            Self::CommitsFail(CommitFailure::Full) => "full",
            Self::CommitsFail(CommitFailure::Unavailable) => "commits_fail",
        }
    }
}

/// One shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardHealth {
    /// Which one.
    pub shard: ShardId,
    /// Whether it does its work.
    pub state: ShardState,
    /// For how long its longest-due order has waited; `None` if none is due, or nothing is known.
    pub oldest_due_age: Option<Duration>,
}

/// All shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    /// One entry for each, ascending.
    pub shards: Vec<ShardHealth>,
}

impl StoreHealth {
    /// Whether orders can be taken: at least by one shard. One that is away must not take the others' orders with it.
    #[must_use]
    pub fn takes_orders(&self) -> bool {
        let mut shards = self.shards.iter();
        shards.any(|shard| shard.state == ShardState::Available)
    }

    /// Whether a shard answers.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        let mut shards = self.shards.iter();
        shards.any(|shard| shard.state != ShardState::Unreachable)
    }

    /// For how long the longest-due order of all shards has waited; `None` if none is due, as far as shards answer.
    #[must_use]
    pub fn oldest_due_age(&self) -> Option<Duration> {
        let ages = self.shards.iter().map(|shard| shard.oldest_due_age);
        ages.max().flatten()
    }
}
