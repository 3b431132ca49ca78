//! The one task of this process that writes to a shard. It takes everything that waits, commits it in one transaction,
//! answers all of it and publishes a hint; it never waits for more to come. Erasures follow, one by one. Spawned by
//! the store; `transaction` and `erasure` do what it decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::{Clock, CommitError, CommitHint, CommitHints, StoreError};
use domain::{Seq, ShardId};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::pauses_up_to;
use crate::columns::Encoded;
use crate::connect::Address;
use crate::erasure::{self, ErasureCall};
use crate::error::{ConnectError, unavailable};
use crate::failure::Failure;
use crate::queue::{Call, Job, QueueTail};
use crate::schema::{self, ShardIdentity};
use crate::session::Connecting;
use crate::shard_state::ShardState;
use crate::transaction::Session;
use crate::work::{Work, names, split_off_deferred};

/// The writer of one shard.
pub(crate) struct Writer {
    pub(crate) address: Address,
    pub(crate) identity: ShardIdentity,
    pub(crate) queue: QueueTail,
    pub(crate) batch: usize,
    pub(crate) max_backoff: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hints: Arc<dyn CommitHints>,
    pub(crate) state: Arc<ShardState>,
    /// Whether the server refused the last commit.
    pub(crate) is_refusing: AtomicBool,
    pub(crate) closing: CancellationToken,
    pub(crate) drivers: TaskTracker,
}

/// How often a transaction that met another one in its way is tried.
const TRIES: u32 = 5;

/// The most erasures that are done before waiting writes have their turn again.
const ERASURES_PER_TURN: usize = 8;

/// What is taken out of the queue together.
#[derive(Default)]
struct Batch {
    jobs: Vec<Job>,
    calls: Vec<Call>,
    erasures: Vec<ErasureCall>,
}

impl Writer {
    /// Works until the store is closed and everything it has taken is answered.
    pub(crate) async fn run(mut self) {
        let mut session = None;
        let mut deferred = VecDeque::new();
        loop {
            let ready = match session.take() {
                Some(session) => session,
                None => match self.connect(&mut deferred).await {
                    Some(session) => session,
                    None => break,
                },
            };
            let Some(batch) = self.wait(&ready, &mut deferred).await else {
                break;
            };
            if self.write(&ready, batch).await && !ready.ended.is_cancelled() {
                session = Some(ready);
            }
        }
        self.refuse_waiting(&mut deferred, "the store is closed");
    }

    const fn shard(&self) -> ShardId {
        self.identity.shard
    }

    /// Everything that waits, or nothing if the connection ends meanwhile, so that the first order after a restart finds a
    /// new one. `None` once the store is closed and nothing waits any more.
    async fn wait(&mut self, session: &Session, deferred: &mut VecDeque<Call>) -> Option<Batch> {
        let mut batch = Batch::default();
        if self.closing.is_cancelled() {
            self.queue.jobs.close();
            self.queue.calls.close();
            self.queue.erasures.close();
        } else if deferred.is_empty() {
            tokio::select! {
                job = self.queue.jobs.recv() => batch.jobs.extend(job),
                call = self.queue.calls.recv() => batch.calls.extend(call),
                erasure = self.queue.erasures.recv() => batch.erasures.extend(erasure),
                () = self.closing.cancelled() => {}
                () = session.ended.cancelled() => return Some(batch),
            }
        }
        // Callers that were just answered get their turn first: a few microseconds later their next writes are in the
        // same transaction, instead of in a second one.
        yield_now().await;
        batch.calls.extend(deferred.drain(..));
        let mut permits: usize = batch.jobs.iter().map(|job| job.permits).sum();
        while permits < self.batch
            && let Ok(job) = self.queue.jobs.try_recv()
        {
            permits += job.permits;
            batch.jobs.push(job);
        }
        while let Ok(call) = self.queue.calls.try_recv() {
            batch.calls.push(call);
        }
        while batch.erasures.len() < ERASURES_PER_TURN
            && let Ok(erasure) = self.queue.erasures.try_recv()
        {
            batch.erasures.push(erasure);
        }
        *deferred = split_off_deferred(&mut batch.calls);
        let is_over = batch.jobs.is_empty() && batch.calls.is_empty() && batch.erasures.is_empty();
        (!(is_over && self.queue.jobs.is_closed())).then_some(batch)
    }

    /// Commits a batch. False if the connection cannot be used any more.
    async fn write(&self, session: &Session, batch: Batch) -> bool {
        let mut is_usable = self.write_orders(session, batch.jobs, batch.calls).await;
        for call in batch.erasures {
            if call.is_late() {
                call.fail(StoreError::Expired);
            } else if call.begin() {
                is_usable = is_usable && !session.ended.is_cancelled();
                is_usable = self.erase(session, call, is_usable).await;
            }
        }
        is_usable
    }

    async fn write_orders(&self, session: &Session, jobs: Vec<Job>, calls: Vec<Call>) -> bool {
        let jobs = self.begin(jobs);
        let calls: Vec<Call> = calls
            .into_iter()
            .filter(|call| !call.is_abandoned())
            .collect();
        if jobs.is_empty() && calls.is_empty() {
            return true;
        }
        let mut work = Work::new(jobs, calls);
        // On a connection that has ended nothing is tried, so that it is certain that nothing was written.
        let is_usable = !session.ended.is_cancelled() && self.drain(session, &mut work).await;
        work.answer(self.shard());
        is_usable
    }

    /// Erases one order. False if the connection cannot be used any more.
    async fn erase(&self, session: &Session, call: ErasureCall, is_usable: bool) -> bool {
        if !is_usable {
            call.fail(unavailable(self.shard(), "the connection broke"));
            return false;
        }
        for tries in 1.. {
            let failure = match session.erase(&call.erasure).await {
                Ok(Some(position)) => {
                    self.publish(position.seq, false);
                    call.answer(Ok(position));
                    return true;
                }
                Ok(None) => {
                    call.answer(Err(CommitError::Stale));
                    return true;
                }
                Err(failure) => failure,
            };
            if matches!(failure, Failure::Conflict(_)) && tries < TRIES {
                sleep(Duration::from_millis(10 * u64::from(tries))).await;
                continue;
            }
            let is_usable = !matches!(failure, Failure::Lost(_) | Failure::Unknown(_));
            let has_moved = matches!(failure, Failure::Moved);
            let error = erasure::refusal(self.shard(), session.map_epoch(), failure);
            tracing::warn!(shard = self.shard().0, %error, "an order was not erased");
            call.answer(Err(error));
            return is_usable && (!has_moved || self.read_map(session).await);
        }
        true
    }

    /// Refuses writes that came too late, and sorts those with keys or external ids by these names: two processes that
    /// bind the same names in the same order never wait for each other in a circle.
    fn begin(&self, jobs: Vec<Job>) -> Vec<Job> {
        let now = Instant::now();
        let mut begun = Vec::with_capacity(jobs.len());
        let mut has_names = false;
        for job in jobs {
            if job.deadline <= now {
                job.answer_all(&StoreError::Expired);
            } else if job.begin() {
                has_names |= job.items.iter().any(|item| names(item).is_some());
                begun.push(job);
            }
        }
        if has_names && !begun.iter().any(|job| job.is_part) {
            begun.sort_by(|one, other| first_names(one).cmp(&first_names(other)));
        }
        begun
    }

    /// Runs transactions until nothing is left. False if the connection cannot be used any more.
    async fn drain(&self, session: &Session, work: &mut Work) -> bool {
        let mut tries = 0;
        while let Some(sub_batch) = work.sub_batches.pop_front() {
            let result = {
                let writes: Vec<&Encoded> = sub_batch
                    .slots
                    .iter()
                    .map(|slot| work.encoded(*slot))
                    .collect();
                session
                    .transact(&writes, &sub_batch.needs, &*self.clock)
                    .await
            };
            match result {
                Ok(done) => {
                    tries = 0;
                    if self.is_refusing.swap(false, Ordering::Relaxed) {
                        tracing::info!(shard = self.shard().0, "the shard takes commits again");
                    }
                    if let Some(seq) = done.last_seq {
                        self.publish(seq, done.left_work);
                    }
                    work.take_down(&sub_batch, done, self.shard());
                }
                Err(Failure::Data(reason)) => work.divide(sub_batch, self.shard(), &reason),
                // Only what workers take is read back: without them the writes go on.
                Err(Failure::Corrupt(reason)) => work.divide(sub_batch, self.shard(), &reason),
                Err(Failure::Conflict(_)) if tries < TRIES => {
                    tries += 1;
                    work.sub_batches.push_front(sub_batch);
                    sleep(Duration::from_millis(10 * u64::from(tries))).await;
                }
                Err(failure @ Failure::Moved) => {
                    let error = failure.into_store_error(self.shard(), session.map_epoch());
                    work.fail(&sub_batch, &error);
                    if !self.read_map(session).await {
                        return false;
                    }
                }
                Err(failure @ (Failure::Lost(_) | Failure::Unknown(_))) => {
                    let error = failure.into_store_error(self.shard(), session.map_epoch());
                    tracing::warn!(shard = self.shard().0, %error, "the shard's connection broke");
                    work.fail(&sub_batch, &error);
                    return false;
                }
                Err(failure @ (Failure::Conflict(_) | Failure::Server(_) | Failure::Full(_))) => {
                    let error = failure.into_store_error(self.shard(), session.map_epoch());
                    // Logged once, and not for every commit while a disk is full.
                    if !self.is_refusing.swap(true, Ordering::Relaxed) {
                        tracing::warn!(shard = self.shard().0, %error, "the shard refuses commits");
                    }
                    work.fail(&sub_batch, &error);
                }
            }
        }
        true
    }

    /// Reads the shard's map again after it refused a commit, once; what comes next is written under the epoch that is
    /// found. False if it is not the map of this process, or cannot be read: the next connection finds out more.
    async fn read_map(&self, session: &Session) -> bool {
        let check = schema::check(&session.client, &self.identity);
        let (before, shard) = (session.map_epoch().number(), self.shard().0);
        match timeout(session.round_trip, check).await {
            Ok(Ok(epoch)) => {
                session.map_epoch.store(epoch.0, Ordering::Relaxed);
                let epoch = epoch.number();
                tracing::info!(
                    shard,
                    before,
                    epoch,
                    "the shard's map of buckets was read again"
                );
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(shard, %error, "the shard's map of buckets cannot be used");
                false
            }
            Err(_) => false,
        }
    }

    fn publish(&self, seq: Seq, work_is_due: bool) {
        let hint = CommitHint { seq, work_is_due };
        self.hints.committed(self.shard(), hint);
    }

    /// Connects, however long it takes. After the first failure no caller is kept waiting: every call is refused until the
    /// shard is back. `None` if the store was closed meanwhile.
    async fn connect(&mut self, deferred: &mut VecDeque<Call>) -> Option<Session> {
        let mut pauses = pauses_up_to(self.max_backoff);
        let mut why: Option<String> = None;
        loop {
            let attempt = Connecting {
                address: self.address.clone(),
                identity: self.identity.clone(),
                state: Arc::clone(&self.state),
                drivers: self.drivers.clone(),
                pause: why
                    .as_ref()
                    .map_or(Duration::ZERO, |_| pauses.after_failure()),
            };
            match self
                .refuse_during(Box::pin(attempt.run()), why.as_deref())
                .await?
            {
                Ok(session) => {
                    if why.is_some() {
                        tracing::info!(shard = self.shard().0, "the shard is back");
                    }
                    return Some(session);
                }
                Err(error) => {
                    if why.is_none() {
                        tracing::warn!(%error, "the shard is away; its orders are refused until it is back");
                    }
                    let reason = match error {
                        ConnectError::Unavailable { reason, .. } => reason,
                        other => other.to_string(),
                    };
                    self.refuse_waiting(deferred, &reason);
                    why = Some(reason);
                }
            }
        }
    }

    /// Waits for `attempt`; if `why` says that the shard is away, refuses everything that comes meanwhile.
    async fn refuse_during<T>(
        &mut self,
        mut attempt: impl Future<Output = T> + Unpin,
        why: Option<&str>,
    ) -> Option<T> {
        loop {
            tokio::select! {
                () = self.closing.cancelled() => return None,
                result = &mut attempt => return Some(result),
                Some(job) = self.queue.jobs.recv(), if why.is_some() => {
                    if job.begin() {
                        job.answer_all(&unavailable(self.identity.shard, why.unwrap_or_default()));
                    }
                }
                Some(call) = self.queue.calls.recv(), if why.is_some() => {
                    call.answer(Err(unavailable(self.identity.shard, why.unwrap_or_default())));
                }
                Some(erasure) = self.queue.erasures.recv(), if why.is_some() => {
                    if erasure.begin() {
                        erasure.fail(unavailable(self.identity.shard, why.unwrap_or_default()));
                    }
                }
            }
        }
    }

    fn refuse_waiting(&mut self, deferred: &mut VecDeque<Call>, reason: &str) {
        let error = unavailable(self.shard(), reason);
        while let Ok(job) = self.queue.jobs.try_recv() {
            if job.begin() {
                job.answer_all(&error);
            }
        }
        while let Ok(erasure) = self.queue.erasures.try_recv() {
            if erasure.begin() {
                erasure.fail(error.clone());
            }
        }
        let mut calls: Vec<Call> = deferred.drain(..).collect();
        while let Ok(call) = self.queue.calls.try_recv() {
            calls.push(call);
        }
        for call in calls {
            call.answer(Err(error.clone()));
        }
    }
}

fn first_names(job: &Job) -> Option<(&str, Option<&str>, Option<&str>)> {
    job.items.first().and_then(names)
}
