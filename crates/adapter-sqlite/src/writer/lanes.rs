//! Claiming due work: how many orders each lane gives, and which ones, round-robin over its buckets. Runs within the
//! transaction; `claims` claims the single order.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, PER_BUCKET};
use domain::{Bucket, Lane, Order, OrderId, Status, Timestamp, Version};

use super::Writer;
use super::leases::Origin;
use super::transaction::Transaction;
use super::unclaimed::UnclaimedOrder;
use crate::failure::is_unreadable;
use crate::job_state::{Due, JobState};
use crate::order_row;
use crate::request::ClaimKind;
use crate::rowid;

/// The delay of work whose order cannot be read.
pub(super) const UNREADABLE_DELAY: Duration = Duration::from_secs(600);

/// The most orders that one claim skips in a lane because they cannot be read or do not exist.
const MAX_SKIPPED: usize = 64;

/// Due work that was found.
struct Found {
    due_ms: u64,
    id: OrderId,
    /// The index among the unclaimed orders that the transaction removed; `None` for a job.
    removed_unclaimed: Option<usize>,
}

/// The order of due work.
enum Loaded {
    Order(Arc<Order>),
    /// The order was erased.
    Erased,
    /// The row cannot be read. Its work was deferred, so that it does not block other work.
    Deferred,
}

impl Writer<'_> {
    /// Claims due orders of this kind within `limits`.
    pub(super) fn claim_due(
        &mut self,
        transaction: &mut Transaction,
        limits: ClaimLimits,
        kind: ClaimKind,
        lease: Duration,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Arc<Order>>> {
        let mut claimed = Vec::new();
        match kind {
            ClaimKind::Shared => {
                let mut due = [0; Lane::ALL.len()];
                for lane in Lane::ALL {
                    let most = limits.lanes[lane.index()].most.min(limits.total);
                    due[lane.index()] = self.due_in(lane, most, now)?;
                }
                let allotted = limits.allot(due);
                for lane in Lane::ALL {
                    let wanted = allotted[lane.index()];
                    self.claim_in_lane(transaction, lane, wanted, lease, now, &mut claimed)?;
                }
            }
            ClaimKind::Quarantined => {
                self.claim_quarantined(transaction, limits.total, lease, now, &mut claimed)?;
            }
        }
        Ok(claimed)
    }

    /// The number of due orders in a lane, counted up to `most`.
    fn due_in(&self, lane: Lane, most: usize, now: Timestamp) -> rusqlite::Result<usize> {
        let state = JobState::InLane(lane);
        let mut count = match lane {
            Lane::Fresh => self.pending.unclaimed.len(),
            Lane::Retries | Lane::Receipts => 0,
        };
        let buckets = self.pending.jobs.due(state, now);
        let buckets: Vec<Bucket> = buckets.take(most.saturating_sub(count)).collect();
        if count + buckets.len() >= most {
            return Ok(most);
        }
        for bucket in buckets {
            count += self.count_due(state, bucket, most - count, now)?;
            if count >= most {
                return Ok(most);
            }
        }
        Ok(count)
    }

    /// Claims up to `wanted` due orders of a lane: round-robin over the buckets, oldest first in each bucket.
    fn claim_in_lane(
        &mut self,
        transaction: &mut Transaction,
        lane: Lane,
        wanted: usize,
        lease: Duration,
        now: Timestamp,
        claimed: &mut Vec<Arc<Order>>,
    ) -> rusqlite::Result<()> {
        let end = claimed.len() + wanted;
        let mut skipped = 0;
        while claimed.len() < end && skipped < MAX_SKIPPED {
            let mut found = self.find_due(transaction, lane, end - claimed.len(), now)?;
            if found.is_empty() {
                break;
            }
            // Adjacent rows are changed one after the other.
            found.sort_unstable_by_key(|found| (found.due_ms, rowid::of(found.id)));
            for Found {
                id,
                removed_unclaimed,
                ..
            } in found
            {
                let order = match removed_unclaimed {
                    Some(index) => self.claim_unclaimed(transaction, index, lease, now)?,
                    None => {
                        self.claim_job_of(transaction, id, JobState::InLane(lane), lease, now)?
                    }
                };
                skipped += usize::from(order.is_none());
                claimed.extend(order);
            }
        }
        Ok(())
    }

    /// Finds up to `wanted` due orders of a lane, round-robin over the buckets, and removes them from the waiting work.
    fn find_due(
        &mut self,
        transaction: &mut Transaction,
        lane: Lane,
        wanted: usize,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Found>> {
        let mut found = Vec::with_capacity(wanted);
        while found.len() < wanted
            && let Some(bucket) = self.pending.next_bucket(lane, now)
        {
            let turn = PER_BUCKET.min(wanted - found.len());
            self.find_due_in_bucket(transaction, lane, bucket, turn, now, &mut found)?;
        }
        Ok(found)
    }

    /// Claims up to `limit` quarantined orders, the longest due first.
    fn claim_quarantined(
        &mut self,
        transaction: &mut Transaction,
        limit: usize,
        lease: Duration,
        now: Timestamp,
        claimed: &mut Vec<Arc<Order>>,
    ) -> rusqlite::Result<()> {
        let state = JobState::Quarantined;
        let mut skipped = 0;
        while claimed.len() < limit && skipped < MAX_SKIPPED {
            let Some(bucket) = self.pending.jobs.due(state, now).next() else {
                break;
            };
            let jobs = self.jobs_of(state, bucket, 2)?;
            let next = jobs.get(1).map(|job| job.due_ms);
            self.pending.jobs.set(state, bucket, next);
            let Some(job) = jobs.first().filter(|job| job.due_ms <= now.as_millis()) else {
                continue;
            };
            self.mark_job_claimed(job.id)?;
            let order = self.claim_job_of(transaction, job.id, state, lease, now)?;
            skipped += usize::from(order.is_none());
            claimed.extend(order);
        }
        Ok(())
    }

    /// Finds up to `turn` due orders of a bucket, the longest due first.
    fn find_due_in_bucket(
        &mut self,
        transaction: &mut Transaction,
        lane: Lane,
        bucket: Bucket,
        turn: usize,
        now: Timestamp,
        found: &mut Vec<Found>,
    ) -> rusqlite::Result<()> {
        let state = JobState::InLane(lane);
        let now_ms = now.as_millis();
        let first_job = self.pending.jobs.first(state, bucket);
        let has_due_job = first_job.is_some_and(|due_ms| due_ms <= now_ms);
        let jobs = if has_due_job {
            self.jobs_of(state, bucket, turn + 1)?
        } else {
            Vec::new()
        };
        let mut jobs = jobs.into_iter().peekable();
        for _ in 0..turn {
            let job_due = jobs.peek().map(|job| job.due_ms);
            let job_due = job_due.filter(|due_ms| *due_ms <= now_ms);
            let unclaimed_due = match lane {
                Lane::Fresh => self.pending.unclaimed.first_due_of(bucket),
                Lane::Retries | Lane::Receipts => None,
            };
            let is_first =
                |due: Timestamp| job_due.is_none_or(|job_due| due.as_millis() <= job_due);
            if unclaimed_due.is_some_and(is_first)
                && let Some(order) = self.pending.unclaimed.remove_first_of(bucket)
            {
                found.push(Found {
                    due_ms: order.due().as_millis(),
                    id: order.id,
                    removed_unclaimed: Some(transaction.removed_unclaimed.len()),
                });
                transaction.removed_unclaimed.push(order);
            } else if let Some(job) = jobs.next_if(|job| job.due_ms <= now_ms) {
                self.mark_job_claimed(job.id)?;
                found.push(Found {
                    due_ms: job.due_ms,
                    id: job.id,
                    removed_unclaimed: None,
                });
            } else {
                break;
            }
        }
        if has_due_job {
            let next = jobs.next().map(|job| job.due_ms);
            self.pending.jobs.set(state, bucket, next);
        }
        Ok(())
    }

    /// Claims an unclaimed order that the transaction removed from the window; `None` if the order has changed since it was
    /// created, or cannot be claimed.
    fn claim_unclaimed(
        &mut self,
        transaction: &mut Transaction,
        index: usize,
        lease: Duration,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let UnclaimedOrder { seq, id, .. } = transaction.removed_unclaimed[index];
        transaction.counters.claimed_up_to = transaction.counters.claimed_up_to.max(seq);
        let order = match transaction.removed_unclaimed[index].order.clone() {
            Some(order) => order,
            None => match self.load_due(id, JobState::InLane(Lane::Fresh), now)? {
                Loaded::Order(order) => order,
                Loaded::Erased => return Ok(None),
                Loaded::Deferred => {
                    transaction.counters.subtract_unclaimed();
                    return Ok(None);
                }
            },
        };
        if order.version != Version::FIRST || order.status != Status::Pending {
            return Ok(None);
        }
        let claimed = self.claim_order(transaction, &order, Origin::Log(seq), lease, now)?;
        if claimed.is_some() {
            transaction.counters.subtract_unclaimed();
        }
        Ok(claimed)
    }

    /// Claims the order of a job; `None` if it cannot be claimed. A job whose order cannot be claimed at all is removed.
    fn claim_job_of(
        &mut self,
        transaction: &mut Transaction,
        id: OrderId,
        state: JobState,
        lease: Duration,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let claimed = match self.load_due(id, state, now)? {
            Loaded::Order(order) => {
                self.claim_order(transaction, &order, Origin::Job, lease, now)?
            }
            Loaded::Erased => None,
            Loaded::Deferred => return Ok(None),
        };
        if claimed.is_none() {
            tracing::warn!(order = %id, "a job without a claimable order was removed");
            self.remove_job(id)?;
        }
        Ok(claimed)
    }

    fn load_due(
        &mut self,
        id: OrderId,
        state: JobState,
        now: Timestamp,
    ) -> rusqlite::Result<Loaded> {
        match order_row::load(self.connection, id) {
            Err(error) if is_unreadable(&error) => {
                tracing::error!(order_id = %id, %error, "an order cannot be read; its work is deferred for ten minutes");
                self.put_job(id, state, Due::after(UNREADABLE_DELAY, now))?;
                Ok(Loaded::Deferred)
            }
            loaded => Ok(loaded?.map_or(Loaded::Erased, |(order, _)| Loaded::Order(order))),
        }
    }
}
