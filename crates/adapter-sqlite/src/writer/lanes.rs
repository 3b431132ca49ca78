//! Claiming and settling due work, within the transaction: how much each lane gives, and whose turn it is in it.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{ClaimLimits, PER_BUCKET};
use domain::{Bucket, Lane, Order, OrderId, Status, Timestamp, Version};

use super::Writer;
use super::batch::Batch;
use super::fresh::FreshWork;
use super::leases::Origin;
use crate::failure::is_unreadable;
use crate::read::row;
use crate::request::Taking;
use crate::waits::{Due, Waits};

/// How long an order rests whose row cannot be read.
pub(super) const PUT_OFF: Duration = Duration::from_secs(600);

/// The most orders that a lane passes over in one claim, because they cannot be read or are not there.
const MOST_PASSED_OVER: usize = 64;

/// Due work that was found.
struct Found {
    due_ms: u64,
    id: OrderId,
    /// Where it is among what the transaction took out of the window of new orders; otherwise it is a job.
    taken: Option<usize>,
}

/// An order whose work is due.
enum Loaded {
    Order(Arc<Order>),
    /// It was erased meanwhile.
    Gone,
    /// Its row cannot be read; its work was put off, so that it stops no other's.
    PutOff,
}

impl Writer<'_> {
    /// Takes due orders within `limits`; settling takes those that are quarantined after the others.
    pub(super) fn take_due(
        &mut self,
        batch: &mut Batch,
        limits: ClaimLimits,
        taking: &Taking,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Arc<Order>>> {
        let mut taken = Vec::new();
        if !matches!(taking, Taking::ClaimQuarantined(_)) {
            let mut due = [0; Lane::ALL.len()];
            for lane in Lane::ALL {
                let most = limits.lanes[lane.index()].most.min(limits.total);
                due[lane.index()] = self.due_in(lane, most, now)?;
            }
            let allotted = limits.allot(due);
            for lane in Lane::ALL {
                let wanted = allotted[lane.index()];
                self.take_from(batch, lane, wanted, taking, now, &mut taken)?;
            }
        }
        if !matches!(taking, Taking::Claim(_)) {
            self.take_quarantined(batch, limits.total, taking, now, &mut taken)?;
        }
        Ok(taken)
    }

    /// How much work of a lane is due, counted up to `most`.
    fn due_in(&self, lane: Lane, most: usize, now: Timestamp) -> rusqlite::Result<usize> {
        let waits = Waits::InLane(lane);
        let mut count = match lane {
            Lane::Fresh => self.waiting.fresh.len(),
            Lane::Retries | Lane::Receipts => 0,
        };
        let buckets = self.waiting.jobs.due(waits, now);
        let buckets: Vec<Bucket> = buckets.take(most.saturating_sub(count)).collect();
        if count + buckets.len() >= most {
            return Ok(most);
        }
        for bucket in buckets {
            count += self.count_due(waits, bucket, most - count, now)?;
            if count >= most {
                return Ok(most);
            }
        }
        Ok(count)
    }

    /// Takes `wanted` orders of a lane, if so much of it is due: round the buckets, the oldest due ones of each.
    fn take_from(
        &mut self,
        batch: &mut Batch,
        lane: Lane,
        wanted: usize,
        taking: &Taking,
        now: Timestamp,
        taken: &mut Vec<Arc<Order>>,
    ) -> rusqlite::Result<()> {
        let end = taken.len() + wanted;
        let mut passed_over = 0;
        while taken.len() < end && passed_over < MOST_PASSED_OVER {
            let mut found = self.go_round(batch, lane, end - taken.len(), now)?;
            if found.is_empty() {
                break;
            }
            // Rows that lie side by side are changed one after the other.
            found.sort_unstable_by_key(|found| (found.due_ms, found.id));
            for Found { id, taken: at, .. } in found {
                let order = match at {
                    Some(at) => self.take_fresh(batch, at, taking, now)?,
                    None => self.take_job(batch, id, Waits::InLane(lane), taking, now)?,
                };
                passed_over += usize::from(order.is_none());
                taken.extend(order);
            }
        }
        Ok(())
    }

    /// Finds up to `wanted` due orders of a lane: round the buckets, the oldest due ones of each. They do not wait any more.
    fn go_round(
        &mut self,
        batch: &mut Batch,
        lane: Lane,
        wanted: usize,
        now: Timestamp,
    ) -> rusqlite::Result<Vec<Found>> {
        let mut found = Vec::with_capacity(wanted);
        while found.len() < wanted
            && let Some(bucket) = self.waiting.next_bucket(lane, now)
        {
            let turn = PER_BUCKET.min(wanted - found.len());
            self.find_oldest_due(batch, lane, bucket, turn, now, &mut found)?;
        }
        Ok(found)
    }

    /// Takes what is quarantined, the order first that is due for longest.
    fn take_quarantined(
        &mut self,
        batch: &mut Batch,
        limit: usize,
        taking: &Taking,
        now: Timestamp,
        taken: &mut Vec<Arc<Order>>,
    ) -> rusqlite::Result<()> {
        let waits = Waits::Quarantined;
        let mut passed_over = 0;
        while taken.len() < limit && passed_over < MOST_PASSED_OVER {
            let Some(bucket) = self.waiting.jobs.due(waits, now).next() else {
                break;
            };
            let jobs = self.jobs_of(waits, bucket, 2)?;
            let next = jobs.get(1).map(|job| job.due_ms);
            self.waiting.jobs.set(waits, bucket, next);
            let Some(job) = jobs.first().filter(|job| job.due_ms <= now.as_millis()) else {
                continue;
            };
            self.claim_job(job.id)?;
            let order = self.take_job(batch, job.id, waits, taking, now)?;
            passed_over += usize::from(order.is_none());
            taken.extend(order);
        }
        Ok(())
    }

    /// Finds up to `turn` due orders of a bucket, the one first that is due for longest.
    fn find_oldest_due(
        &mut self,
        batch: &mut Batch,
        lane: Lane,
        bucket: Bucket,
        turn: usize,
        now: Timestamp,
        found: &mut Vec<Found>,
    ) -> rusqlite::Result<()> {
        let waits = Waits::InLane(lane);
        let now_ms = now.as_millis();
        let first_job = self.waiting.jobs.first(waits, bucket);
        let has_due_job = first_job.is_some_and(|due_ms| due_ms <= now_ms);
        let jobs = if has_due_job {
            self.jobs_of(waits, bucket, turn + 1)?
        } else {
            Vec::new()
        };
        let mut jobs = jobs.into_iter().peekable();
        for _ in 0..turn {
            let job_due = jobs.peek().map(|job| job.due_ms);
            let job_due = job_due.filter(|due_ms| *due_ms <= now_ms);
            let fresh_due = match lane {
                Lane::Fresh => self.waiting.fresh.first_due_of(bucket),
                Lane::Retries | Lane::Receipts => None,
            };
            let is_first =
                |due: Timestamp| job_due.is_none_or(|job_due| due.as_millis() <= job_due);
            if fresh_due.is_some_and(is_first)
                && let Some(work) = self.waiting.fresh.take_first_of(bucket)
            {
                found.push(Found {
                    due_ms: work.due.as_millis(),
                    id: work.id,
                    taken: Some(batch.taken.len()),
                });
                batch.taken.push(work);
            } else if let Some(job) = jobs.next_if(|job| job.due_ms <= now_ms) {
                self.claim_job(job.id)?;
                found.push(Found {
                    due_ms: job.due_ms,
                    id: job.id,
                    taken: None,
                });
            } else {
                break;
            }
        }
        if has_due_job {
            let next = jobs.next().map(|job| job.due_ms);
            self.waiting.jobs.set(waits, bucket, next);
        }
        Ok(())
    }

    /// Takes a new order that is out of its window, unless it has moved on since it was created.
    fn take_fresh(
        &mut self,
        batch: &mut Batch,
        at: usize,
        taking: &Taking,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let FreshWork { seq, id, .. } = batch.taken[at];
        batch.books.claimed_up_to = batch.books.claimed_up_to.max(seq);
        let order = match batch.taken[at].order.clone() {
            Some(order) => order,
            None => match self.load_due(id, Waits::InLane(Lane::Fresh), now)? {
                Loaded::Order(order) => order,
                Loaded::Gone => return Ok(None),
                Loaded::PutOff => {
                    batch.books.fresh_waiting = batch.books.fresh_waiting.saturating_sub(1);
                    return Ok(None);
                }
            },
        };
        if order.version != Version::FIRST || order.status != Status::Pending {
            return Ok(None);
        }
        let taken = self.take(batch, &order, Origin::Fresh(seq), taking, now)?;
        if taken.is_some() {
            batch.books.fresh_waiting = batch.books.fresh_waiting.saturating_sub(1);
        }
        Ok(taken)
    }

    fn take_job(
        &mut self,
        batch: &mut Batch,
        id: OrderId,
        waits: Waits,
        taking: &Taking,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Arc<Order>>> {
        let taken = match self.load_due(id, waits, now)? {
            Loaded::Order(order) => self.take(batch, &order, Origin::Job, taking, now)?,
            Loaded::Gone => None,
            Loaded::PutOff => return Ok(None),
        };
        if taken.is_none() {
            tracing::warn!(order = %id, "a job without a claimable order was removed");
            self.remove_job(id)?;
        }
        Ok(taken)
    }

    fn load_due(&mut self, id: OrderId, waits: Waits, now: Timestamp) -> rusqlite::Result<Loaded> {
        match row::load(self.connection, id) {
            Err(error) if is_unreadable(&error) => {
                tracing::error!(order_id = %id, %error, "an order cannot be read; its work is put off for ten minutes");
                self.put_job(id, waits, Due::after(PUT_OFF, now))?;
                Ok(Loaded::PutOff)
            }
            loaded => Ok(loaded?.map_or(Loaded::Gone, |(order, _)| Loaded::Order(order))),
        }
    }
}
