//! Whether receipts can be written. While they cannot, orders whose work is done wait for it, and no other order does: the
//! handler goes on.
//!
//! A receipt that could not be written closes it; a service of the worker ([`run`]) asks the store until it can be reached.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::Receipts;
use application::backoff::{Backoff, Waits};
use application::ports::ReceiptStore;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The waits before an unreachable store is asked again.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(250),
    most: Duration::from_secs(5),
};
/// A store that does not answer within this time cannot be reached.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The health of the receipt store. One for all shards.
pub(crate) struct ReceiptStoreHealth {
    store: Option<Arc<dyn ReceiptStore>>,
    state: Mutex<State>,
    has_failed: Notify,
}

struct State {
    is_reachable: bool,
    /// The last receipt was written.
    is_proven: bool,
    waits: Waits,
}

impl ReceiptStoreHealth {
    pub(crate) fn new(receipts: &Receipts) -> Self {
        let store = match receipts {
            Receipts::Rendered => None,
            Receipts::Outside(store) => Some(Arc::clone(store)),
        };
        Self {
            store,
            state: Mutex::new(State {
                is_reachable: true,
                is_proven: true,
                waits: BACKOFF.waits(),
            }),
            has_failed: Notify::new(),
        }
    }

    /// Whether receipts can be written, as far as is known.
    pub(crate) fn is_reachable(&self) -> bool {
        self.lock().is_reachable
    }

    /// Whether only one order may find out if receipts can be written again: a store that answers may still take nothing.
    pub(crate) fn is_on_trial(&self) -> bool {
        !self.lock().is_proven
    }

    /// A receipt was written.
    pub(crate) fn written(&self) {
        let mut state = self.lock();
        state.is_proven = true;
        state.waits.reset();
    }

    /// A receipt could not be written.
    pub(crate) fn failed(&self) {
        let mut state = self.lock();
        let was_reachable = std::mem::replace(&mut state.is_reachable, false);
        state.is_proven = false;
        drop(state);
        if was_reachable {
            tracing::warn!(
                "the receipt store cannot be reached: orders whose work is done wait for it"
            );
            self.has_failed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next wait before the store is asked.
    fn next_wait(&self) -> Duration {
        self.lock().waits.after_failure()
    }
}

/// Asks an unreachable store until it can be reached, until `stop`.
pub(crate) async fn run(health: &ReceiptStoreHealth, stop: CancellationToken) {
    let Some(store) = &health.store else { return };
    let work = async {
        loop {
            while health.is_reachable() {
                health.has_failed.notified().await;
            }
            tokio::time::sleep(health.next_wait()).await;
            let answer = tokio::time::timeout(ANSWER_TIMEOUT, store.is_reachable()).await;
            if answer.unwrap_or(false) {
                tracing::info!("the receipt store can be reached again");
                health.lock().is_reachable = true;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}
