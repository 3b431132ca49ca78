//! Whether receipts can be written: while the receipt store cannot be reached, no order is claimed. Without a receipt
//! store the gate is always open. It does not know which orders have a receipt that is stored.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::Receipts;
use application::ports::{Clock, ReceiptStore};

/// How long an answer of the store counts.
const BELIEVED: Duration = Duration::from_secs(1);
/// The first and the longest wait before an unreachable store is asked again.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A store that does not answer within this time cannot be reached.
const PATIENCE: Duration = Duration::from_secs(5);

/// The gate. One for all shards.
pub(crate) struct ReceiptGate {
    store: Option<Arc<dyn ReceiptStore>>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    reachable: bool,
    /// When the store is asked next, by the monotonic clock.
    ask_at: Duration,
    wait: Duration,
}

impl ReceiptGate {
    pub(crate) fn new(receipts: &Receipts, clock: Arc<dyn Clock>) -> Self {
        let store = match receipts {
            Receipts::Rendered => None,
            Receipts::Outside(store) => Some(Arc::clone(store)),
        };
        Self {
            store,
            clock,
            state: Mutex::new(State {
                reachable: true,
                ask_at: Duration::ZERO,
                wait: FIRST_WAIT,
            }),
        }
    }

    /// Whether orders may be claimed.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub(crate) async fn admit(&self) -> Result<(), Duration> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let now = self.clock.monotonic();
        {
            let state = self.lock();
            if now < state.ask_at {
                return if state.reachable {
                    Ok(())
                } else {
                    Err(state.ask_at.saturating_sub(now))
                };
            }
        }
        let answer = tokio::time::timeout(PATIENCE, store.is_reachable()).await;
        if answer.unwrap_or(false) {
            let mut state = self.lock();
            if !state.reachable {
                tracing::info!("the receipt store can be reached again");
            }
            state.reachable = true;
            state.ask_at = self.clock.monotonic() + BELIEVED;
            return Ok(());
        }
        Err(self.shut())
    }

    /// A receipt was kept.
    pub(crate) fn kept(&self) {
        self.lock().wait = FIRST_WAIT;
    }

    /// A receipt could not be kept.
    pub(crate) fn failed(&self) {
        self.shut();
    }

    /// Whether the store could be reached when it was last asked.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().reachable
    }

    /// Only a kept receipt makes the waits short again, so that a store which answers but keeps nothing is not asked
    /// at full speed.
    fn shut(&self) -> Duration {
        let mut state = self.lock();
        let now = self.clock.monotonic();
        if !state.reachable && now < state.ask_at {
            return state.ask_at.saturating_sub(now);
        }
        if state.reachable {
            tracing::warn!("the receipt store cannot be reached, no order is claimed");
        }
        state.reachable = false;
        let wait = state.wait;
        state.ask_at = now + wait;
        state.wait = (wait * 2).min(LONGEST_WAIT);
        wait
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
