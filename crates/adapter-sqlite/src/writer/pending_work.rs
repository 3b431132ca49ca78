//! All waiting work in memory: the unclaimed orders of the log, when the first job of each bucket is due, and the round-robin
//! position of each lane. The writer owns it; `lanes` claims from it. It does no I/O.

use domain::{Bucket, Lane, OrderId, Timestamp};

use super::job_buckets::JobBuckets;
use super::round_robin::RoundRobin;
use super::transaction::Transaction;
use super::unclaimed::UnclaimedWindow;
use crate::due_work::DueWork;
use crate::job_state::JobState;

pub(crate) struct PendingWork {
    pub(crate) unclaimed: UnclaimedWindow,
    pub(crate) jobs: JobBuckets,
    pub(crate) round_robin: RoundRobin,
}

impl PendingWork {
    pub(crate) fn new(unclaimed: UnclaimedWindow, jobs: JobBuckets) -> Self {
        Self {
            unclaimed,
            jobs,
            round_robin: RoundRobin::default(),
        }
    }

    /// The next bucket of a lane that has due work; `None` if no bucket has. Its turn is used up.
    pub(crate) fn next_bucket(&mut self, lane: Lane, now: Timestamp) -> Option<Bucket> {
        let last = self.round_robin.last(lane);
        let next = self.bucket_after(lane, last, now);
        let next = next.or_else(|| self.bucket_after(lane, None, now))?;
        self.round_robin.set_last(lane, next);
        Some(next)
    }

    fn bucket_after(&self, lane: Lane, after: Option<Bucket>, now: Timestamp) -> Option<Bucket> {
        let with_jobs = self.jobs.next_due(JobState::InLane(lane), after, now);
        let in_log = match lane {
            Lane::Fresh => self.unclaimed.next_bucket(after),
            Lane::Retries | Lane::Receipts => None,
        };
        with_jobs.into_iter().chain(in_log).min()
    }

    /// When the first work of each kind is due.
    pub(crate) fn first_due(&self) -> DueWork {
        DueWork {
            in_log: self.unclaimed.first_due(),
            lanes: Lane::ALL.map(|lane| self.jobs.first_due(JobState::InLane(lane))),
            quarantined: self.jobs.first_due(JobState::Quarantined),
        }
    }

    /// Removes an unclaimed order whose state the transaction changes without a claim. A rollback puts it back.
    pub(crate) fn remove_unclaimed(&mut self, transaction: &mut Transaction, id: OrderId) {
        match self.unclaimed.remove(id) {
            Some(order) => transaction.removed_unclaimed.push(order),
            // The transaction itself created it.
            None => transaction.new_unclaimed.retain(|order| order.id != id),
        }
    }

    /// After the commit: adds the new orders of the transaction.
    pub(crate) fn on_commit(&mut self, transaction: &mut Transaction) {
        transaction.removed_unclaimed.clear();
        self.unclaimed.trim();
        let new = transaction.new_unclaimed.drain(..);
        new.for_each(|order| self.unclaimed.add(order));
    }

    /// After a rollback: restores the unclaimed orders and the round-robin positions. The caller reloads the jobs.
    pub(crate) fn on_rollback(&mut self, transaction: &mut Transaction) {
        self.round_robin = transaction.round_robin_before;
        let removed = transaction.removed_unclaimed.drain(..);
        self.unclaimed.put_back(removed);
    }
}
