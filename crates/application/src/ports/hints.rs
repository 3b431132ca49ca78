//! Hints of commits: wake-ups that may be lost, may come late and may come together. The truth is always in the store;
//! a slow scan runs beside every hint.
//!
//! Publishing and waking up are two ports. A store publishes through [`CommitHints`] to whatever buses the process has;
//! workers and live watching wait on [`WakeUps`], which every bus that hears of other processes' commits feeds.

use domain::{Seq, ShardId};
use tokio::sync::watch;

/// What a store tells of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitHint {
    /// The shard's last event, as of the commit or later. `Seq(0)` tells nothing of events.
    pub seq: Seq,
    /// Whether the commit left work that is due, now or later.
    pub work_is_due: bool,
}

impl CommitHint {
    /// One hint for two commits of the same shard.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            seq: self.seq.max(other.seq),
            work_is_due: self.work_is_due || other.work_is_due,
        }
    }
}

/// Publishes commits, in this process or in others. Stores call it.
pub trait CommitHints: Send + Sync + 'static {
    /// Called once per commit, after it is durable. Never blocks and never fails: a hint that cannot be delivered is lost,
    /// and several hints of a shard may be delivered as one ([`CommitHint::merged`]).
    fn committed(&self, shard: ShardId, hint: CommitHint);
}

/// Wakes up who waits for commits. Workers and live watching call it.
pub trait WakeUps: Send + Sync + 'static {
    /// Changes after a commit that left due work in this shard. Several commits may change it once.
    fn due_work(&self, shard: ShardId) -> watch::Receiver<u64>;

    /// Holds the largest seq of this shard that a hint named; the events up to it can be read.
    fn last_seq(&self, shard: ShardId) -> watch::Receiver<Seq>;
}

#[cfg(test)]
mod tests {
    use domain::Seq;

    use super::CommitHint;

    #[test]
    fn merged_hints_name_the_largest_seq_and_any_due_work() {
        let hint = |seq, work_is_due| CommitHint {
            seq: Seq(seq),
            work_is_due,
        };
        assert_eq!(hint(7, true).merged(hint(9, false)), hint(9, true));
        assert_eq!(hint(9, false).merged(hint(7, true)), hint(9, true));
        assert_eq!(hint(3, false).merged(hint(3, false)), hint(3, false));
    }
}
