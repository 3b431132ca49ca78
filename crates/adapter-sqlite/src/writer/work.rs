//! The workers' side of the writer: taking one order, heartbeats and rescues, each guarded in SQL by id, version and status.
//! Which orders are taken is decided by `lanes`.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Claim, RescuePolicy};
use domain::{Order, Timestamp};

use super::Writer;
use super::batch::Batch;
use super::lanes::PUT_OFF;
use super::leases::{Lease, Origin};
use super::recovery;
use crate::failure::is_unreadable;
use crate::prepared::Prepared;
use crate::read::row;
use crate::request::Taking;

impl Writer<'_> {
    /// Claims an order; `None` if its state or its guard does not allow it.
    pub(super) fn take(
        &mut self,
        batch: &mut Batch,
        order: &Order,
        origin: Origin,
        taking: &Taking,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let Ok(claim) = order.claim(now) else {
            return Ok(None);
        };
        let taken = Arc::clone(&claim.order);
        let mut bytes = batch.own_bytes();
        let write = Prepared::of_own_decision(order, claim, &mut bytes);
        if !self.change_row(batch, &write, &mut bytes, (order.version, order.status))? {
            return Ok(None);
        }
        let (Taking::Claim(lease) | Taking::ClaimQuarantined(lease)) = taking;
        self.lease(batch, &taken, origin, *lease);
        Self::finish(batch, &write, &bytes, false);
        batch.reuse(bytes);
        Ok(Some(taken))
    }

    fn lease(&self, batch: &mut Batch, claimed: &Order, origin: Origin, lease: Duration) {
        let lease = Lease {
            token: claimed.version,
            until: self.surroundings.clock.monotonic().saturating_add(lease),
            origin,
        };
        batch.leases_taken.push((claimed.id, lease));
    }

    /// Prolongs the leases of claims that still hold; returns the others.
    pub(super) fn heartbeat(
        &mut self,
        claims: Vec<Claim>,
        lease: Duration,
    ) -> rusqlite::Result<Vec<Claim>> {
        let until = self.surroundings.clock.monotonic().saturating_add(lease);
        let mut lost = Vec::new();
        for claim in claims {
            let holder = recovery::claim_token(self.connection, claim.order_id)?;
            if holder == Some(claim.token) {
                self.leases.prolong(claim.order_id, until);
            } else {
                lost.push(claim);
            }
        }
        Ok(lost)
    }

    /// Takes back orders whose lease has run out.
    pub(super) fn rescue(
        &mut self,
        batch: &mut Batch,
        policy: RescuePolicy,
        limit: usize,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Arc<Order>>> {
        let expired = self
            .leases
            .expired(self.surroundings.clock.monotonic(), limit);
        let mut rescued = Vec::with_capacity(expired.len());
        for (id, token) in expired {
            let order = match row::load(self.connection, id) {
                Err(error) if is_unreadable(&error) => {
                    tracing::error!(order_id = %id, %error, "an order whose lease ran out cannot be read; it is tried again in ten minutes");
                    let until = self.surroundings.clock.monotonic().saturating_add(PUT_OFF);
                    self.leases.prolong(id, until);
                    continue;
                }
                loaded => loaded?,
            };
            let Some((order, _)) = order else {
                continue;
            };
            if order.version != token {
                continue;
            }
            let Ok(decision) = order.lose_lease(policy.max_attempts, policy.delay, now) else {
                continue;
            };
            let after = Arc::clone(&decision.order);
            let mut bytes = batch.own_bytes();
            let write = Prepared::of_own_decision(&order, decision, &mut bytes);
            let before = (order.version, order.status);
            if self
                .apply_change(batch, &write, &mut bytes, before, now)?
                .is_ok()
            {
                rescued.push(after);
            }
            batch.reuse(bytes);
        }
        Ok(rescued)
    }
}
