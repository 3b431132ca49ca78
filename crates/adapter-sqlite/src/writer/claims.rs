//! Claims of single orders: claiming, extending leases, and rescuing claims whose lease has expired. Each change is guarded in
//! SQL by id, version and status. `lanes` decides which orders are claimed.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Claim, RescuePolicy};
use domain::{Order, Timestamp};

use super::Writer;
use super::lanes::UNREADABLE_DELAY;
use super::leases::{Lease, Origin};
use super::recovery;
use super::transaction::Transaction;
use crate::encoded_write::EncodedWrite;
use crate::failure::is_unreadable;
use crate::order_row;

impl Writer<'_> {
    /// Claims an order; `None` if its status or the guard does not allow it.
    pub(super) fn claim_order(
        &mut self,
        transaction: &mut Transaction,
        order: &Order,
        origin: Origin,
        lease: Duration,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let Ok(claim) = order.claim(now) else {
            return Ok(None);
        };
        let claimed = Arc::clone(&claim.order);
        let mut bytes = transaction.take_encode_buffer();
        let write = EncodedWrite::of_writer_decision(order, claim, &mut bytes);
        let before = (order.version, order.status);
        if !self.change_row(transaction, &write, &mut bytes, before)? {
            return Ok(None);
        }
        let lease = Lease {
            token: claimed.version,
            until: self.lease_end(lease),
            origin,
        };
        transaction.leases_taken.push((claimed.id, lease));
        Self::finish(transaction, &write, &bytes, false);
        transaction.return_encode_buffer(bytes);
        Ok(Some(claimed))
    }

    fn lease_end(&self, lease: Duration) -> Duration {
        self.shared.clock.monotonic().saturating_add(lease)
    }

    /// Extends the leases of claims that are still valid; returns the claims that are lost.
    pub(super) fn heartbeat(
        &mut self,
        claims: Vec<Claim>,
        lease: Duration,
    ) -> rusqlite::Result<Vec<Claim>> {
        let until = self.lease_end(lease);
        let mut lost = Vec::new();
        for claim in claims {
            let holder = recovery::claim_token(self.connection, claim.order_id)?;
            if holder == Some(claim.token) {
                self.leases.extend(claim.order_id, until);
            } else {
                lost.push(claim);
            }
        }
        Ok(lost)
    }

    /// Takes back up to `limit` orders whose lease has expired.
    pub(super) fn rescue(
        &mut self,
        transaction: &mut Transaction,
        policy: RescuePolicy,
        limit: usize,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Arc<Order>>> {
        let expired = self.leases.expired(self.shared.clock.monotonic(), limit);
        let mut rescued = Vec::with_capacity(expired.len());
        for (id, token) in expired {
            let order = match order_row::load(self.connection, id) {
                Err(error) if is_unreadable(&error) => {
                    tracing::error!(order_id = %id, %error, "an order with an expired lease cannot be read; its rescue is retried in ten minutes");
                    self.leases.extend(id, self.lease_end(UNREADABLE_DELAY));
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
            let mut bytes = transaction.take_encode_buffer();
            let write = EncodedWrite::of_writer_decision(&order, decision, &mut bytes);
            let before = (order.version, order.status);
            if self
                .apply_change(transaction, &write, &mut bytes, before, now)?
                .is_ok()
            {
                rescued.push(after);
            }
            transaction.return_encode_buffer(bytes);
        }
        Ok(rescued)
    }
}
