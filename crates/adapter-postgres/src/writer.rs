//! The one task of this process that writes to a shard. It takes everything that waits, commits it in one
//! transaction, answers all of it and tells the watchers; it never waits for more to come. Spawned by the store;
//! `transaction` does what it decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use application::ports::{Clock, Dispatch, StatusBus, StoreError};
use domain::ShardId;
use futures_util::FutureExt;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backoff::Backoff;
use crate::columns::Encoded;
use crate::connect::Address;
use crate::error::{ConnectError, unavailable};
use crate::queue::{Call, Job, QueueTail};
use crate::schema::Place;
use crate::session::Connecting;
use crate::transaction::{Done, Failure, Session};
use crate::work::{Work, keep_alike, names};

/// What the tasks of a shard know of it.
pub(crate) struct ShardState {
    /// The schema was seen to be ours; until then nothing is read from it.
    pub(crate) is_prepared: AtomicBool,
    /// The server's process behind the writing connection.
    pub(crate) writer_process: AtomicI32,
}

/// The writer of one shard.
pub(crate) struct Writer {
    pub(crate) address: Address,
    pub(crate) place: Place,
    pub(crate) queue: QueueTail,
    pub(crate) batch: usize,
    pub(crate) max_backoff: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dispatch: Arc<dyn Dispatch>,
    pub(crate) status: Arc<dyn StatusBus>,
    pub(crate) state: Arc<ShardState>,
    /// Whether the server refused the last commit.
    pub(crate) is_refusing: AtomicBool,
    pub(crate) closing: CancellationToken,
    pub(crate) drivers: TaskTracker,
}

/// How often a transaction that met another one in its way is tried.
const TRIES: u32 = 5;

/// What is taken out of the queue together.
#[derive(Default)]
struct Batch {
    jobs: Vec<Job>,
    calls: Vec<Call>,
}

impl Writer {
    /// Works until the store is closed and everything taken is answered.
    pub(crate) async fn run(mut self) {
        let mut session = None;
        let mut put_off = VecDeque::new();
        loop {
            let ready = match session.take() {
                Some(session) => session,
                None => match self.connect(&mut put_off).await {
                    Some(session) => session,
                    None => break,
                },
            };
            let Some(batch) = self.wait(&ready, &mut put_off).await else {
                break;
            };
            if self.write(&ready, batch).await && !ready.ended.is_cancelled() {
                session = Some(ready);
            }
        }
        self.refuse_waiting(&mut put_off, "the store is closed");
    }

    const fn shard(&self) -> ShardId {
        self.place.shard
    }

    /// Everything that waits. Nothing where the connection ends meanwhile, so that the first order after a restart
    /// finds a new one; `None` once the store is closed and nothing waits any more.
    async fn wait(&mut self, session: &Session, put_off: &mut VecDeque<Call>) -> Option<Batch> {
        let mut batch = Batch::default();
        if self.closing.is_cancelled() {
            self.queue.jobs.close();
            self.queue.calls.close();
        } else if put_off.is_empty() {
            tokio::select! {
                job = self.queue.jobs.recv() => batch.jobs.extend(job),
                call = self.queue.calls.recv() => batch.calls.extend(call),
                () = self.closing.cancelled() => {}
                () = session.ended.cancelled() => return Some(batch),
            }
        }
        // Callers that were just answered, or are about to ask, get their turn first: a few microseconds that make
        // one transaction of what would be two, a tiny one and the rest.
        yield_now().await;
        batch.calls.extend(put_off.drain(..));
        let mut places: usize = batch.jobs.iter().map(|job| job.places).sum();
        while places < self.batch
            && let Ok(job) = self.queue.jobs.try_recv()
        {
            places += job.places;
            batch.jobs.push(job);
        }
        while let Ok(call) = self.queue.calls.try_recv() {
            batch.calls.push(call);
        }
        *put_off = keep_alike(&mut batch.calls);
        let is_over = batch.jobs.is_empty() && batch.calls.is_empty();
        (!(is_over && self.queue.jobs.is_closed())).then_some(batch)
    }

    /// Commits a batch. False where the connection is of no more use.
    async fn write(&self, session: &Session, batch: Batch) -> bool {
        let jobs = self.begin(batch.jobs);
        let calls: Vec<Call> = batch
            .calls
            .into_iter()
            .filter(|call| !call.is_abandoned())
            .collect();
        if jobs.is_empty() && calls.is_empty() {
            return true;
        }
        let mut work = Work::new(jobs, calls);
        // On a connection that has ended nothing is tried: nobody need wonder whether it was written.
        let is_usable = !session.ended.is_cancelled() && self.drain(session, &mut work).await;
        work.answer(self.shard());
        is_usable
    }

    /// Refuses what came too late, and puts what names keys or external ids in the order of those names: two
    /// processes that bind the same names in the same order never wait for each other in a circle.
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

    /// Runs transactions until nothing is left. False where the connection is of no more use.
    async fn drain(&self, session: &Session, work: &mut Work) -> bool {
        let mut tries = 0;
        while let Some(portion) = work.portions.pop_front() {
            let result = {
                let writes: Vec<&Encoded> = portion
                    .slots
                    .iter()
                    .map(|slot| work.encoded(*slot))
                    .collect();
                session
                    .transact(&writes, &portion.needs, &*self.clock)
                    .await
            };
            match result {
                Ok(done) => {
                    tries = 0;
                    if self.is_refusing.swap(false, Ordering::Relaxed) {
                        tracing::info!(shard = self.shard().0, "the shard takes commits again");
                    }
                    self.tell(session, &done);
                    work.take_down(&portion, done);
                }
                Err(Failure::Data(reason)) => work.divide(portion, self.shard(), &reason),
                // Only what workers take is read back: without them the writes go on.
                Err(Failure::Corrupt(reason)) => work.divide(portion, self.shard(), &reason),
                Err(Failure::Conflict(_)) if tries < TRIES => {
                    tries += 1;
                    work.portions.push_front(portion);
                    sleep(Duration::from_millis(10 * u64::from(tries))).await;
                }
                Err(Failure::Conflict(reason) | Failure::Server(reason)) => {
                    // Said once, and not for every commit while a disk is full.
                    if !self.is_refusing.swap(true, Ordering::Relaxed) {
                        tracing::warn!(shard = self.shard().0, reason, "the shard refuses commits");
                    }
                    work.fail(&portion, &unavailable(self.shard(), reason));
                }
                Err(Failure::Lost(reason)) => {
                    tracing::warn!(
                        shard = self.shard().0,
                        reason,
                        "the shard's connection broke"
                    );
                    work.fail(&portion, &unavailable(self.shard(), reason));
                    return false;
                }
                Err(Failure::Unknown(reason)) => {
                    tracing::warn!(
                        shard = self.shard().0,
                        reason,
                        "the shard did not confirm a commit"
                    );
                    let shard = self.shard();
                    work.fail(&portion, &StoreError::Unknown { shard, reason });
                    return false;
                }
            }
        }
        true
    }

    /// Hints, here and in the other processes. Without waiting: a lost hint costs only time.
    fn tell(&self, session: &Session, done: &Done) {
        let Some(seq) = done.last_seq else { return };
        self.status.committed(self.shard(), seq);
        if done.left_work {
            self.dispatch.work_is_due(self.shard());
        }
        let payload = format!("{seq} {}", u8::from(done.left_work));
        // Polled once, the statement is on its way behind the commit; its answer is of no interest.
        let _ = session
            .statements
            .notify(&session.client, &payload)
            .now_or_never();
    }

    /// Connects, however long it takes. After the first failure nobody is kept waiting: what waits and what comes
    /// is refused until the shard is back. `None` where the store was closed meanwhile.
    async fn connect(&mut self, put_off: &mut VecDeque<Call>) -> Option<Session> {
        let mut backoff = Backoff::up_to(self.max_backoff);
        let mut why: Option<String> = None;
        loop {
            let attempt = Connecting {
                address: self.address.clone(),
                place: self.place.clone(),
                state: Arc::clone(&self.state),
                drivers: self.drivers.clone(),
                pause: why
                    .as_ref()
                    .map_or(Duration::ZERO, |_| backoff.next_pause()),
            };
            match self
                .refuse_during(Box::pin(attempt.run()), why.as_deref())
                .await?
            {
                Ok(session) => {
                    self.state
                        .writer_process
                        .store(session.process_id, Ordering::Relaxed);
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
                    self.refuse_waiting(put_off, &reason);
                    why = Some(reason);
                }
            }
        }
    }

    /// Waits for `attempt`; where `why` says that the shard is away, refuses everything that comes meanwhile.
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
                        job.answer_all(&unavailable(self.place.shard, why.unwrap_or_default()));
                    }
                }
                Some(call) = self.queue.calls.recv(), if why.is_some() => {
                    call.answer(Err(unavailable(self.place.shard, why.unwrap_or_default())));
                }
            }
        }
    }

    fn refuse_waiting(&mut self, put_off: &mut VecDeque<Call>, reason: &str) {
        let error = unavailable(self.shard(), reason);
        while let Ok(job) = self.queue.jobs.try_recv() {
            if job.begin() {
                job.answer_all(&error);
            }
        }
        let mut calls: Vec<Call> = put_off.drain(..).collect();
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
