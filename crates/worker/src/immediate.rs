//! The loop of one shard for a handler that takes no time: no task and no permit an order. A batch is claimed while
//! the outcomes of the one before are committed, so that a store with group commit makes both durable together.

use std::sync::Arc;

use domain::Order;
use tokio_util::sync::CancellationToken;

use crate::attempt::attempt;
use crate::intake::Intake;
use crate::ledger::{Finished, Ledger};
use crate::parts::Shared;

pub(crate) struct Immediate {
    pub(crate) shared: Arc<Shared>,
    pub(crate) intake: Intake,
    pub(crate) ledger: Ledger,
}

impl Immediate {
    /// Works until `stop`, then commits what is left, for as long as one call to the store may take.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut last_try_at = None;
        loop {
            let stopping = stop.is_cancelled();
            if stopping {
                let now = tokio::time::Instant::now();
                let last_try = last_try_at.get_or_insert(now + self.shared.settings.store_timeout);
                if self.ledger.is_empty() || now >= *last_try {
                    return self.ledger.abandon();
                }
            }
            let wanted = if stopping { Ok(0) } else { self.room() };
            let room = wanted.unwrap_or(0);
            let (pause, claimed) =
                tokio::join!(self.ledger.commit(), claim(&mut self.intake, room));
            let mut pause = pause.or(wanted.err());
            let mut idle = false;
            match claimed {
                Ok(orders) => {
                    self.put_back(room - orders.len());
                    idle = room > 0 && orders.len() < room && pause.is_none();
                    for order in orders {
                        let verdict = attempt(&self.shared, &order, None).await;
                        self.ledger.add(Finished::immediate(order, verdict));
                    }
                }
                Err(wait) => {
                    self.put_back(room);
                    pause = pause.or(Some(wait));
                }
            }
            // What was just decided is committed before anything is waited for.
            if let Some(pause) = pause {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled(), if !stopping => {}
                }
            } else if idle && self.ledger.is_empty() {
                tokio::select! {
                    () = self.intake.wait() => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// How many orders may be claimed now. Nothing is claimed while outcomes wait for a store that does not take them.
    fn room(&self) -> Result<usize, std::time::Duration> {
        if self.ledger.is_held_up() {
            return Ok(0);
        }
        let batch = self.shared.settings.batch.max(1);
        match &self.shared.limiter {
            Some(limiter) => limiter.take(batch),
            None => Ok(batch),
        }
    }

    fn put_back(&self, unused: usize) {
        if let Some(limiter) = &self.shared.limiter {
            limiter.put_back(unused);
        }
    }
}

async fn claim(intake: &mut Intake, room: usize) -> Result<Vec<Arc<Order>>, std::time::Duration> {
    if room == 0 {
        return Ok(Vec::new());
    }
    intake.claim(room).await
}
