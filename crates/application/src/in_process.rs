//! Hints within one process: what a store publishes here wakes up this process's workers and watchers. A bus that hears
//! of other processes' commits delivers them here, too; nothing that arrives here leaves the process.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Seq, ShardId};
use tokio::sync::watch;

use crate::ports::{CommitHint, CommitHints, WakeUps};

/// [`CommitHints`] and [`WakeUps`] of one process. Publishing never blocks; a receiver sees the latest hint.
#[derive(Debug)]
pub struct InProcessHints {
    shards: BTreeMap<ShardId, ShardHints>,
}

#[derive(Debug)]
struct ShardHints {
    due_work: watch::Sender<u64>,
    last_seq: watch::Sender<Seq>,
}

impl InProcessHints {
    /// Hints of these shards.
    #[must_use]
    pub fn new(shards: &[ShardId]) -> Self {
        let hints = || ShardHints {
            due_work: watch::Sender::new(0),
            last_seq: watch::Sender::new(Seq(0)),
        };
        Self {
            shards: shards.iter().map(|shard| (*shard, hints())).collect(),
        }
    }

    fn shard(&self, shard: ShardId) -> &ShardHints {
        self.shards
            .get(&shard)
            .expect("hints are made for every shard of the store that they serve")
    }
}

impl CommitHints for InProcessHints {
    fn committed(&self, shard: ShardId, hint: CommitHint) {
        let hints = self.shard(shard);
        hints.last_seq.send_if_modified(|known| {
            let is_news = hint.seq > *known;
            if is_news {
                *known = hint.seq;
            }
            is_news
        });
        if hint.work_is_due {
            hints
                .due_work
                .send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl WakeUps for InProcessHints {
    fn due_work(&self, shard: ShardId) -> watch::Receiver<u64> {
        self.shard(shard).due_work.subscribe()
    }

    fn last_seq(&self, shard: ShardId) -> watch::Receiver<Seq> {
        self.shard(shard).last_seq.subscribe()
    }
}

/// [`CommitHints`] that publish to several buses, one after the other.
pub struct FanOut(Vec<Arc<dyn CommitHints>>);

impl FanOut {
    /// Publishes to all of `buses`.
    #[must_use]
    pub const fn to(buses: Vec<Arc<dyn CommitHints>>) -> Self {
        Self(buses)
    }
}

impl CommitHints for FanOut {
    fn committed(&self, shard: ShardId, hint: CommitHint) {
        for bus in &self.0 {
            bus.committed(shard, hint);
        }
    }
}

impl std::fmt::Debug for FanOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FanOut")
            .field("buses", &self.0.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{Seq, ShardId};

    use super::{FanOut, InProcessHints};
    use crate::ports::{CommitHint, CommitHints as _, WakeUps as _};

    #[test]
    fn every_bus_gets_each_hint_and_only_of_its_shard() {
        let shards = [ShardId(0), ShardId(1)];
        let buses = [(); 2].map(|()| Arc::new(InProcessHints::new(&shards)));
        let all = FanOut::to(buses.iter().map(|bus| Arc::clone(bus) as _).collect());
        for (seq, work_is_due) in [(7, true), (5, false)] {
            let seq = Seq(seq);
            all.committed(shards[1], CommitHint { seq, work_is_due });
        }
        for bus in buses {
            assert_eq!(*bus.last_seq(shards[1]).borrow(), Seq(7));
            assert_eq!(*bus.due_work(shards[1]).borrow(), 1);
            assert_eq!(*bus.last_seq(shards[0]).borrow(), Seq(0));
            assert_eq!(*bus.due_work(shards[0]).borrow(), 0);
        }
    }
}
