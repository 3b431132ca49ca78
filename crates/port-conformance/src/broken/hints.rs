//! Hints of which one is lost for good. Used by this module's parent.

use std::sync::Arc;

use application::in_process::InProcessHints;
use application::ports::{CommitHint, CommitHints as _};
use domain::Seq;
use tokio::task::JoinSet;

use super::Fault;
use crate::order_store::OpenStore;

/// Which hint is lost: the first ones arrive, so that a suite that tries one alone would pass.
const LOST: u32 = 3;

/// Passes the hints of a healthy store on, except one if that is the fault. Dropping it ends its tasks.
pub struct ForgetfulHints {
    passed_on: Arc<InProcessHints>,
    _tasks: JoinSet<()>,
}

impl ForgetfulHints {
    /// Listens to the hints of a healthy store.
    pub fn new(healthy: &dyn OpenStore, fault: Fault) -> Self {
        let (store, wake_ups) = (healthy.store(), healthy.wake_ups());
        let passed_on = Arc::new(InProcessHints::new(store.shards()));
        let mut tasks = JoinSet::new();
        for shard in store.shards().iter().copied() {
            let mut due_work = wake_ups.due_work(shard);
            let hints = Arc::clone(&passed_on);
            tasks.spawn(async move {
                let mut heard = 0;
                while due_work.changed().await.is_ok() {
                    heard += 1;
                    if fault != Fault::LostHintOfWork || heard < LOST {
                        let hint = CommitHint {
                            seq: Seq(0),
                            work_is_due: true,
                        };
                        hints.committed(shard, hint);
                    }
                }
            });
            let mut last_seq = wake_ups.last_seq(shard);
            let hints = Arc::clone(&passed_on);
            tasks.spawn(async move {
                let mut heard = 0;
                while last_seq.changed().await.is_ok() {
                    let seq = *last_seq.borrow_and_update();
                    heard += 1;
                    if fault != Fault::LostHintOfEvents || heard < LOST {
                        let hint = CommitHint {
                            seq,
                            work_is_due: false,
                        };
                        hints.committed(shard, hint);
                    }
                }
            });
        }
        Self {
            passed_on,
            _tasks: tasks,
        }
    }

    /// Where the hints arrive that are passed on.
    pub const fn wake_ups(&self) -> &Arc<InProcessHints> {
        &self.passed_on
    }
}
