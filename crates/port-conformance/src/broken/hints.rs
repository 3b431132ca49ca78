//! Hints of which one is lost for good. Used by this module's parent.

use std::sync::Arc;

use application::in_process::InProcessHints;
use application::ports::{Dispatch, StatusBus};
use domain::{Seq, ShardId};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Fault;
use crate::order_store::OpenStore;

/// Which hint is lost: the first ones arrive, so that a suite that tries one alone would pass.
const LOST: u32 = 3;

/// Passes hints on, except one if that is the fault. Dropping it ends its tasks.
pub struct ForgetfulHints {
    passed_on: Arc<InProcessHints>,
    _tasks: JoinSet<()>,
}

impl ForgetfulHints {
    /// Listens to the hints of a healthy store.
    pub fn new(healthy: &dyn OpenStore, fault: Fault) -> Self {
        let store = healthy.store();
        let passed_on = Arc::new(InProcessHints::new(store.shards()));
        let mut tasks = JoinSet::new();
        for shard in store.shards().iter().copied() {
            let mut work = healthy.dispatch().subscribe(shard);
            let hints = Arc::clone(&passed_on);
            tasks.spawn(async move {
                let mut heard = 0;
                while work.changed().await.is_ok() {
                    heard += 1;
                    if fault != Fault::SwallowedDispatch || heard < LOST {
                        hints.work_is_due(shard);
                    }
                }
            });
            let mut news = healthy.status_bus().subscribe(shard);
            let hints = Arc::clone(&passed_on);
            tasks.spawn(async move {
                let mut heard = 0;
                while news.changed().await.is_ok() {
                    let seq = *news.borrow_and_update();
                    heard += 1;
                    if fault != Fault::SwallowedStatus || heard < LOST {
                        hints.committed(shard, seq);
                    }
                }
            });
        }
        Self {
            passed_on,
            _tasks: tasks,
        }
    }
}

impl Dispatch for ForgetfulHints {
    fn work_is_due(&self, shard: ShardId) {
        self.passed_on.work_is_due(shard);
    }

    fn subscribe(&self, shard: ShardId) -> watch::Receiver<u64> {
        Dispatch::subscribe(&*self.passed_on, shard)
    }
}

impl StatusBus for ForgetfulHints {
    fn committed(&self, shard: ShardId, seq: Seq) {
        self.passed_on.committed(shard, seq);
    }

    fn subscribe(&self, shard: ShardId) -> watch::Receiver<Seq> {
        StatusBus::subscribe(&*self.passed_on, shard)
    }
}
