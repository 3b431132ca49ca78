//! The loop of one shard for a handler that takes no time: due orders are claimed and settled in one transaction of the
//! store. No task, no permit and no lease an order, and nothing to give back when the worker stops.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Settle, Write};
use domain::{Order, Status};
use tokio_util::sync::CancellationToken;

use crate::attempt::attempt_at_once;
use crate::claim_source::ClaimSource;
use crate::parts::Shared;

pub(crate) struct Immediate {
    pub(crate) shared: Arc<Shared>,
    pub(crate) claim_source: ClaimSource,
}

impl Immediate {
    /// Works until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let settle: Arc<dyn Settle> = Arc::new(AtOnce {
            shared: Arc::clone(&self.shared),
        });
        while !stop.is_cancelled() {
            let pause = match self.settle_some(&settle).await {
                Ok(may_be_more) if may_be_more => continue,
                Ok(_) => None,
                Err(pause) => Some(pause),
            };
            let wait = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => self.claim_source.wait().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Settles what is due, as far as the limits allow; whether there may be more.
    ///
    /// # Errors
    /// How long to wait before the next try.
    async fn settle_some(&mut self, settle: &Arc<dyn Settle>) -> Result<bool, Duration> {
        let batch = self.shared.settings.tuning.batch.max(1);
        let room = match &self.shared.limiter {
            Some(limiter) => limiter.take(batch)?,
            None => batch,
        };
        let settled = self.claim_source.settle(room, Arc::clone(settle)).await;
        let unused = room - settled.as_ref().map_or(0, Vec::len).min(room);
        if let Some(limiter) = &self.shared.limiter {
            limiter.put_back(unused);
        }
        for order in settled? {
            self.count(&order);
        }
        Ok(unused == 0)
    }

    fn count(&self, order: &Order) {
        let counters = &self.shared.counters;
        match order.status {
            Status::Processed => counters.processed.add(1),
            Status::Failed => counters.failed.add(1),
            Status::Retrying if order.attempt > 0 => counters.retried.add(1),
            Status::Retrying => counters.given_back.add(1),
            // No outcome of an attempt leads there.
            Status::Pending | Status::Processing | Status::OnHold | Status::Cancelled => {}
        }
    }
}

/// The handler and its retry_policy, as a store calls them within its transaction.
struct AtOnce {
    shared: Arc<Shared>,
}

impl Settle for AtOnce {
    fn settle(&self, claimed: &Order) -> Write {
        let now = self.shared.clock.now();
        attempt_at_once(&self.shared, claimed)
            .write(claimed, now)
            .expect("every outcome of an attempt is allowed from PROCESSING")
    }
}
