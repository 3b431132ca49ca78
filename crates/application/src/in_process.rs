//! Hints within one process, for the embedded store and for tests.

use std::collections::BTreeMap;

use domain::{Seq, ShardId};
use tokio::sync::watch;

use crate::ports::{Dispatch, StatusBus};

/// [`Dispatch`] and [`StatusBus`] of one process. Senders never block; a receiver sees the latest hint.
#[derive(Debug)]
pub struct InProcessHints {
    shards: BTreeMap<ShardId, (watch::Sender<u64>, watch::Sender<Seq>)>,
}

impl InProcessHints {
    /// Hints of these shards.
    #[must_use]
    pub fn new(shards: &[ShardId]) -> Self {
        let channels = || (watch::Sender::new(0), watch::Sender::new(Seq(0)));
        Self {
            shards: shards.iter().map(|shard| (*shard, channels())).collect(),
        }
    }

    fn shard(&self, shard: ShardId) -> &(watch::Sender<u64>, watch::Sender<Seq>) {
        self.shards
            .get(&shard)
            .expect("hints are made for every shard of the store that they serve")
    }
}

impl Dispatch for InProcessHints {
    fn work_is_due(&self, shard: ShardId) {
        self.shard(shard)
            .0
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn subscribe(&self, shard: ShardId) -> watch::Receiver<u64> {
        self.shard(shard).0.subscribe()
    }
}

impl StatusBus for InProcessHints {
    fn committed(&self, shard: ShardId, seq: Seq) {
        self.shard(shard).1.send_if_modified(|known| {
            let is_news = seq > *known;
            if is_news {
                *known = seq;
            }
            is_news
        });
    }

    fn subscribe(&self, shard: ShardId) -> watch::Receiver<Seq> {
        self.shard(shard).1.subscribe()
    }
}
