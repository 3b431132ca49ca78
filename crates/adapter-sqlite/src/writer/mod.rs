//! The writer thread: takes everything that is queued, up to a limit, applies it in one transaction, makes it durable, and
//! then answers all callers. Under load a commit carries hundreds of decisions; at rest it carries one, without a delay.
//!
//! The store starts the thread; calls reach it only through the queue. It never waits for a caller, and it publishes to the
//! readers ([`CommittedState`], [`Memtable`]) before it answers.

mod admission;
mod apply;
mod bucket_set;
mod claims;
pub(crate) mod clock_watch;
pub(crate) mod counters;
mod duplicates;
mod erase;
mod failed;
mod insert;
pub(crate) mod job_buckets;
pub(crate) mod jobs;
mod lanes;
pub(crate) mod leases;
pub(crate) mod pending_work;
pub(crate) mod recovery;
mod requests;
mod round_robin;
mod statements;
mod stop_guard;
mod transaction;
mod unclaimed;
mod watermarks;

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Clock, CommitError, CommitHint, CommitHints, Ids};
use domain::{Seq, Timestamp};
use rusqlite::Connection;

use crate::committed_state::CommittedState;
use crate::index::memtable::Memtable;
use crate::index::reader::IndexReader;
use crate::queue::WriteQueue;
use crate::shard::SHARD;
use crate::write_batch::WriteBatch;
use admission::Admission;
use clock_watch::ClockWatch;
use counters::CheckpointCounters;
use failed::FailedTransaction;
use job_buckets::JobBuckets;
use leases::Leases;
use pending_work::PendingWork;
use statements::WriterStatements;
use stop_guard::StopGuard;
use transaction::Transaction;

/// How long the writer waits for space in the memtable before it refuses new orders.
const WAIT_FOR_SPACE: Duration = Duration::from_secs(2);

/// What the writer shares with the other threads of the store.
pub(crate) struct SharedState {
    pub(crate) queue: Arc<WriteQueue>,
    pub(crate) committed: Arc<CommittedState>,
    pub(crate) memtable: Arc<Memtable>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) hints: Arc<dyn CommitHints>,
}

/// The initial state of the writer, made when the store is opened and moved to its thread.
pub(crate) struct WriterSetup {
    pub(crate) shared: SharedState,
    pub(crate) connection: Connection,
    pub(crate) index: IndexReader,
    pub(crate) counters: CheckpointCounters,
    pub(crate) pending: PendingWork,
    pub(crate) leases: Leases,
    pub(crate) clock_watch: ClockWatch,
    /// [`Tuning::searched_events`](crate::Tuning::searched_events).
    pub(crate) searched_events: u64,
}

/// The state of the writer between two transactions, and the connection that writes orders.
pub(crate) struct Writer<'c> {
    shared: SharedState,
    connection: &'c Connection,
    statements: WriterStatements<'c>,
    index: IndexReader,
    /// The counters after the last commit.
    counters: CheckpointCounters,
    pending: PendingWork,
    /// A transaction was rolled back: the next one reloads the due times of the jobs from the table.
    must_reload_jobs: bool,
    leases: Leases,
    clock_watch: ClockWatch,
    searched_events: u64,
}

impl WriterSetup {
    /// Runs the writer until the queue is closed and empty, or until a fatal error. Returns the connection.
    pub(crate) fn run(self) -> Connection {
        let _stop_guard = StopGuard {
            committed: Arc::clone(&self.shared.committed),
            queue: Arc::clone(&self.shared.queue),
            memtable: Arc::clone(&self.shared.memtable),
        };
        match WriterStatements::prepare(&self.connection) {
            Ok(statements) => Writer {
                shared: self.shared,
                connection: &self.connection,
                statements,
                index: self.index,
                counters: self.counters,
                pending: self.pending,
                must_reload_jobs: false,
                leases: self.leases,
                clock_watch: self.clock_watch,
                searched_events: self.searched_events,
            }
            .run(),
            Err(error) => tracing::error!(%error, "the writer of the store cannot start"),
        }
        self.connection
    }
}

impl Writer<'_> {
    fn run(&mut self) {
        let mut batches = Vec::new();
        let mut transaction = Transaction::default();
        while self.shared.queue.take(&mut batches) {
            if !self.run_transaction(&mut batches, &mut transaction) {
                return;
            }
            batches.iter_mut().for_each(WriteBatch::clear);
        }
    }

    /// Runs one transaction and answers its callers. Returns `false` after a fatal error.
    fn run_transaction(
        &mut self,
        batches: &mut [WriteBatch],
        transaction: &mut Transaction,
    ) -> bool {
        let has_space = self.shared.memtable.wait_for_space(WAIT_FOR_SPACE);
        let now = self.shared.clock.now();
        // A commit uses half of the random bits.
        let bits = self.shared.ids.random() as u32;
        transaction.begin(self.counters, bits, self.pending.round_robin);
        let monotonic = self.shared.clock.monotonic();
        let (clock_watch, is_set_back) = self.clock_watch.look(now, monotonic);
        let done = self
            .begin(now, is_set_back)
            .and_then(|()| self.apply_all(batches, transaction, now, has_space))
            .and_then(|()| self.commit(transaction, now));
        self.index.end_snapshot();
        match done {
            Ok(()) => {
                self.clock_watch = clock_watch;
                self.on_commit(transaction, now);
                batches.iter_mut().for_each(WriteBatch::complete);
                for answer in transaction.answers.drain(..) {
                    answer.send();
                }
                true
            }
            Err(failed) => self.on_rollback(batches, transaction, &failed),
        }
    }

    fn begin(&mut self, now: Timestamp, is_set_back: bool) -> Result<(), FailedTransaction> {
        self.begin_transaction(now, is_set_back)
            .map_err(FailedTransaction::before_commit)
    }

    fn begin_transaction(&mut self, now: Timestamp, is_set_back: bool) -> rusqlite::Result<()> {
        self.statements.begin.execute([])?;
        if self.must_reload_jobs {
            self.pending.jobs = JobBuckets::load(self.connection)?;
            self.must_reload_jobs = false;
        }
        if is_set_back {
            self.restart_delays(now)?;
        }
        Ok(())
    }

    /// Applies the writes first and then the requests, so that a claim finds the orders of the same transaction.
    fn apply_all(
        &mut self,
        batches: &mut [WriteBatch],
        transaction: &mut Transaction,
        now: Timestamp,
        has_space: bool,
    ) -> Result<(), FailedTransaction> {
        self.apply_writes(batches, transaction, now, has_space)
            .map_err(FailedTransaction::before_commit)?;
        for batch in batches {
            while let Some(request) = batch.requests.pop_front() {
                self.apply_request(request, transaction, now)
                    .map_err(FailedTransaction::before_commit)?;
            }
        }
        Ok(())
    }

    fn apply_writes(
        &mut self,
        batches: &mut [WriteBatch],
        transaction: &mut Transaction,
        now: Timestamp,
        has_space: bool,
    ) -> rusqlite::Result<()> {
        let started = tokio::time::Instant::now();
        let mut write_order = std::mem::take(&mut transaction.write_order);
        write_order.clear();
        for (batch, rowids) in batches.iter().map(|batch| &batch.rowids).enumerate() {
            let rowids = rowids.iter().enumerate();
            write_order.extend(rowids.map(|(index, rowid)| (*rowid, batch, index)));
        }
        // Adjacent rows are written one after the other. No caller can observe the changed order, because their calls were
        // concurrent.
        write_order.sort_unstable();
        for (_, batch, index) in &write_order {
            let pending = batches[*batch].write_mut(*index);
            let admission = Admission {
                is_expired: pending.deadline <= started,
                has_space,
            };
            *pending.answer = match admission.refusal(pending.write) {
                Some(refusal) => Err(CommitError::Store(refusal)),
                None => self.apply(transaction, pending.write, pending.bytes, now)?,
            };
        }
        transaction.write_order = write_order;
        Ok(())
    }

    /// Writes the log row and makes the transaction durable.
    fn commit(
        &mut self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<(), FailedTransaction> {
        self.append_log_row(transaction, now)
            .map_err(FailedTransaction::before_commit)?;
        let committed = self.statements.commit.execute([]).map(drop);
        committed.map_err(|error| FailedTransaction::at_commit(&error))
    }

    /// After the commit: updates memory, publishes to the readers, and sends the hint to workers and followers.
    fn on_commit(&mut self, transaction: &mut Transaction, now: Timestamp) {
        let before = std::mem::replace(&mut self.counters, transaction.counters);
        self.pending.on_commit(transaction);
        let keeps_new_orders = self.pending.unclaimed.keeps_new_orders();
        self.shared.queue.set_keeps_new_orders(keeps_new_orders);
        for id in transaction.leases_ended.drain(..) {
            self.leases.remove(id);
        }
        for (id, lease) in transaction.leases_taken.drain(..) {
            self.leases.insert(id, lease);
        }
        let SharedState {
            committed,
            memtable,
            hints,
            ..
        } = &self.shared;
        let snapshot = self.counters.snapshot(self.pending.first_due());
        if self.counters.head == before.head {
            // No order changed, but due times may have: a job without an order was removed, or a job was deferred.
            if snapshot != committed.snapshot() {
                committed.publish(snapshot, &mut transaction.events);
            }
            return;
        }
        transaction.log.clear();
        memtable.append(&mut transaction.indexed, snapshot.position());
        if transaction.erases {
            transaction.events.clear();
            committed.publish_erasure(snapshot);
        } else {
            committed.publish(snapshot, &mut transaction.events);
        }
        let hint = CommitHint {
            seq: Seq(self.counters.head),
            work_is_due: snapshot.work.is_due(now),
        };
        hints.committed(SHARD, hint);
    }

    /// After a failure: rolls back, restores memory, and fails every caller. Returns `false` after a fatal error, which also
    /// stops the store.
    fn on_rollback(
        &mut self,
        batches: &mut [WriteBatch],
        transaction: &mut Transaction,
        failed: &FailedTransaction,
    ) -> bool {
        tracing::error!(error = %failed.answer, "a commit failed and was rolled back");
        let rolled_back =
            self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        self.pending.on_rollback(transaction);
        self.must_reload_jobs = true;
        transaction.reset();
        let is_fatal = !rolled_back || failed.is_fatal();
        if is_fatal {
            let error = format!(
                "the disk or the file system failed ({}); the store is not trusted any more, restart the process",
                failed.answer
            );
            self.shared.committed.poison(error.clone());
            self.shared.queue.close(&error);
        }
        for answer in transaction.answers.drain(..) {
            answer.fail(&failed.answer);
        }
        for batch in batches {
            batch.fail(&failed.answer);
        }
        !is_fatal
    }
}
