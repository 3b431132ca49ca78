//! All waiting work in memory: new orders of the log, when the first job of each bucket is due, and how far the round of each
//! lane has come. Owned by the writer alone; `lanes` takes work by it.

use domain::{Bucket, Lane, OrderId, Timestamp};

use super::batch::Batch;
use super::fresh::FreshWindow;
use super::job_buckets::JobBuckets;
use crate::due_work::DueWork;
use crate::waits::Waits;

/// Of each lane, the bucket that had its turn last.
pub(crate) type Rounds = [Option<Bucket>; Lane::ALL.len()];

pub(crate) struct Waiting {
    pub(crate) fresh: FreshWindow,
    pub(crate) jobs: JobBuckets,
    pub(crate) rounds: Rounds,
}

impl Waiting {
    pub(crate) fn new(fresh: FreshWindow, jobs: JobBuckets) -> Self {
        Self {
            fresh,
            jobs,
            rounds: Rounds::default(),
        }
    }

    /// The next bucket of a lane that has due work. Its turn counts as over from then on.
    pub(crate) fn next_bucket(&mut self, lane: Lane, now: Timestamp) -> Option<Bucket> {
        let last = self.rounds[lane.index()];
        let next = self.bucket_after(lane, last, now);
        let next = next.or_else(|| self.bucket_after(lane, None, now))?;
        self.rounds[lane.index()] = Some(next);
        Some(next)
    }

    fn bucket_after(&self, lane: Lane, after: Option<Bucket>, now: Timestamp) -> Option<Bucket> {
        let of_jobs = self.jobs.next_due(Waits::InLane(lane), after, now);
        let of_log = match lane {
            Lane::Fresh => self.fresh.next_bucket(after),
            Lane::Retries | Lane::Receipts => None,
        };
        of_jobs.into_iter().chain(of_log).min()
    }

    /// When the first work of each kind is due.
    pub(crate) fn first_due(&self) -> DueWork {
        DueWork {
            in_log: self.fresh.first().map(|work| work.due),
            lanes: Lane::ALL.map(|lane| self.jobs.first_due(Waits::InLane(lane))),
            quarantined: self.jobs.first_due(Waits::Quarantined),
        }
    }

    /// Takes a new order out that moves on in the transaction without a claim; it is put back if that fails.
    pub(crate) fn pass_over(&mut self, batch: &mut Batch, id: OrderId) {
        match self.fresh.take_out(id) {
            Some(work) => batch.taken.push(work),
            // It is new in this transaction.
            None => batch.fresh.retain(|work| work.id != id),
        }
    }

    /// The transaction is durable: its new orders wait from now on.
    pub(crate) fn adopt(&mut self, batch: &mut Batch) {
        batch.taken.clear();
        self.fresh.trim();
        batch.fresh.drain(..).for_each(|work| self.fresh.add(work));
    }

    /// The transaction failed: what it took waits again, and the rounds have come no further. What is known of the jobs has to
    /// be read again.
    pub(crate) fn restore(&mut self, batch: &mut Batch) {
        self.rounds = batch.rounds;
        self.fresh.put_back(batch.taken.drain(..));
    }
}
