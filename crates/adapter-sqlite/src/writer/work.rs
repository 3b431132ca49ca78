//! The workers' side of the writer: claims, heartbeats and rescues, each guarded in SQL by id, version and status.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Claim, RescuePolicy};
use domain::{Order, OrderId, Status, Timestamp, Version};
use rusqlite::params;

use super::Writer;
use super::batch::Batch;
use super::jobs::Waits;
use super::leases::{Lease, Origin};
use super::recovery;
use crate::failure::is_unreadable;
use crate::prepared::Prepared;
use crate::read::row;
use crate::request::Taking;

/// A fresh claim that is open for this many events is put into `jobs`, so that a start never searches more of the log.
const LONG_OPEN: u64 = 100_000;

/// How long an order rests whose row cannot be read.
const PUT_OFF: Duration = Duration::from_secs(600);

/// An order whose work is due.
enum Due {
    Order(Arc<Order>),
    /// It was erased meanwhile.
    Gone,
    /// Its row cannot be read; its work was put off, so that it stops no other's.
    PutOff,
}

impl Writer<'_> {
    /// Takes up to `limit` orders whose work is due, oldest due first; settling takes what runs alone after the others.
    pub(super) fn take_due(
        &mut self,
        batch: &mut Batch,
        limit: usize,
        taking: &Taking,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Arc<Order>>> {
        let mut taken = Vec::new();
        if !matches!(taking, Taking::ClaimQuarantined(_)) {
            self.take_in_company(batch, limit, taking, now, &mut taken)?;
        }
        if !matches!(taking, Taking::Claim(_)) && taken.len() < limit {
            let room = limit - taken.len();
            for (id, _) in self.due_jobs(batch, Waits::Quarantined, room, now)? {
                taken.extend(self.take_job(batch, id, taking, now)?);
            }
        }
        Ok(taken)
    }

    /// Takes orders that may be worked on side by side, until there are `limit` of them.
    fn take_in_company(
        &mut self,
        batch: &mut Batch,
        limit: usize,
        taking: &Taking,
        now: Timestamp,
        taken: &mut Vec<Arc<Order>>,
    ) -> rusqlite::Result<()> {
        let jobs = self.due_jobs(batch, Waits::InCompany, limit, now)?;
        let mut jobs = jobs.into_iter().peekable();
        while taken.len() < limit {
            let job_due = jobs.peek().map(|(_, due_ms)| *due_ms);
            let head = self.books.head;
            let fresh = self.fresh.front(self.connection, head)?;
            let takes_fresh = match (fresh, job_due) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(fresh), Some(due_ms)) => fresh.due_ms() <= due_ms,
            };
            let order = if takes_fresh {
                self.take_fresh(batch, taking, now)?
            } else if let Some((id, _)) = jobs.next() {
                self.take_job(batch, id, taking, now)?
            } else {
                None
            };
            taken.extend(order);
        }
        Ok(())
    }

    /// The next fresh order, unless it has moved on since it was created.
    fn take_fresh(
        &mut self,
        batch: &mut Batch,
        taking: &Taking,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let Some(work) = self.fresh.pop() else {
            return Ok(None);
        };
        batch.books.claimed_through = work.seq;
        batch.taken.push(work.clone());
        let order = match work.order {
            Some(order) => order,
            None => match self.load_due(batch, work.id, now)? {
                Due::Order(order) => order,
                Due::Gone => return Ok(None),
                Due::PutOff => {
                    batch.books.fresh_waiting = batch.books.fresh_waiting.saturating_sub(1);
                    return Ok(None);
                }
            },
        };
        if order.version != Version::FIRST || order.status != Status::Pending {
            return Ok(None);
        }
        let taken = self.take(batch, &order, Origin::Fresh(work.seq), taking, now)?;
        if taken.is_some() {
            batch.books.fresh_waiting = batch.books.fresh_waiting.saturating_sub(1);
        }
        Ok(taken)
    }

    fn take_job(
        &mut self,
        batch: &mut Batch,
        id: OrderId,
        taking: &Taking,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let taken = match self.load_due(batch, id, now)? {
            // It was put off among the others when it could not be read.
            Due::Order(order) if order.is_quarantined() && matches!(taking, Taking::Claim(_)) => {
                self.put_job(batch, id, Waits::Quarantined, now)?;
                return Ok(None);
            }
            Due::Order(order) => self.take(batch, &order, Origin::Job, taking, now)?,
            Due::Gone => None,
            Due::PutOff => return Ok(None),
        };
        if taken.is_none() {
            tracing::warn!(order = %id, "a job without a claimable order was removed");
            self.remove_job(batch, id)?;
        }
        Ok(taken)
    }

    fn load_due(
        &mut self,
        batch: &mut Batch,
        id: OrderId,
        now: Timestamp,
    ) -> rusqlite::Result<Due> {
        match row::load(self.connection, id) {
            Err(error) if is_unreadable(&error) => {
                tracing::error!(order_id = %id, %error, "an order cannot be read; its work is put off for ten minutes");
                let until = now.saturating_add(PUT_OFF);
                self.put_job(batch, id, Waits::InCompany, until)?;
                Ok(Due::PutOff)
            }
            loaded => Ok(loaded?.map_or(Due::Gone, |(order, _)| Due::Order(order))),
        }
    }

    /// Claims an order, and settles it if that is asked for; `None` if its state or its guard does not allow it.
    fn take(
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
        let decision = match taking {
            Taking::Claim(_) | Taking::ClaimQuarantined(_) => claim,
            Taking::Settle(settle) => {
                let outcome = settle.settle(&claim.order);
                claim.then(outcome.decision)
            }
        };
        let taken = Arc::clone(&decision.order);
        let mut bytes = batch.own_bytes();
        let write = Prepared::of_own_decision(order, decision, &mut bytes);
        if !self.change_row(batch, &write, &mut bytes, (order.version, order.status))? {
            return Ok(None);
        }
        match taking {
            Taking::Claim(lease) | Taking::ClaimQuarantined(lease) => {
                self.lease(batch, &taken, origin, *lease)?
            }
            Taking::Settle(_) => self.leave_settled(batch, &write, origin, now)?,
        }
        Self::finish(batch, &write, &bytes, false);
        batch.reuse(bytes);
        Ok(Some(taken))
    }

    fn lease(
        &mut self,
        batch: &mut Batch,
        claimed: &Order,
        origin: Origin,
        lease: Duration,
    ) -> rusqlite::Result<()> {
        if origin == Origin::Job {
            batch.touches_jobs = true;
            self.connection
                .prepare_cached("UPDATE jobs SET claimed = 1 WHERE id = ?1")?
                .execute([claimed.id.as_bytes()])?;
        }
        let lease = Lease {
            token: claimed.version,
            until: self.surroundings.clock.monotonic().saturating_add(lease),
            origin,
        };
        batch.leases_taken.push((claimed.id, lease));
        Ok(())
    }

    /// What a settled order leaves to be done. A fresh one has no job to remove: its entry in the log lies behind the
    /// mark from now on.
    fn leave_settled(
        &mut self,
        batch: &mut Batch,
        write: &Prepared,
        origin: Origin,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        match (write.due(now), origin) {
            (Some(due), _) => self.put_job_of(batch, write, due),
            (None, Origin::Job) => self.remove_job(batch, write.id).map(drop),
            (None, Origin::Fresh(_)) => Ok(()),
        }
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

    /// Fresh claims that are open for long move to `jobs`, so that the mark of what is settled can move on.
    pub(super) fn let_go_of_old_claims(&mut self, batch: &mut Batch) -> rusqlite::Result<()> {
        let Some(old) = batch.books.claimed_through.checked_sub(LONG_OPEN) else {
            return Ok(());
        };
        let until_now = self.surroundings.clock.now();
        for id in self.leases.fresh_up_to(old) {
            if batch.leases_ended.contains(&id) {
                continue;
            }
            let Some(lease) = self.leases.get(id).copied() else {
                continue;
            };
            self.connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO jobs (id, due_ms, claimed) VALUES (?1, ?2, 1)",
                )?
                .execute(params![id.as_bytes(), until_now.as_millis().cast_signed()])?;
            let origin = Origin::Job;
            batch.leases_taken.push((id, Lease { origin, ..lease }));
        }
        Ok(())
    }
}
