//! The bounded way from callers to a shard's writer: what waits, what has begun, and what each caller is answered if its
//! deadline passes in between. `store` puts in, `writer` takes out.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    CommitError, Committed, Deadline, Erasure, RescuePolicy, StoreError, Write,
};
use domain::{Order, ShardId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot};
use tokio::time::{timeout, timeout_at};

use crate::claim::Taking;
use crate::columns::Encoded;
use crate::erasure::{Erased, ErasureCall};
use crate::error::unavailable;
use crate::progress::Progress;

/// The answer to one write.
pub(crate) type Answer = Result<Committed, CommitError>;

/// The answer to a worker's call.
pub(crate) type Orders = Result<Vec<Arc<Order>>, StoreError>;

/// Writes of one caller, which are answered together.
pub(crate) struct Job {
    pub(crate) items: Vec<Encoded>,
    /// How much of a transaction it fills.
    pub(crate) permits: usize,
    /// Whether its caller's other writes are in other jobs, so that their order has to be kept.
    pub(crate) is_part: bool,
    pub(crate) deadline: Deadline,
    progress: Arc<Progress>,
    answer: oneshot::Sender<Vec<Answer>>,
    /// Its permits in the queue, given back when it is answered.
    _room: OwnedSemaphorePermit,
}

impl Job {
    /// Whether the writer may begin. Otherwise the caller has been answered that nothing will be written.
    pub(crate) fn begin(&self) -> bool {
        self.progress.begin()
    }

    pub(crate) fn answer(self, answers: Vec<Answer>) {
        // A caller that stopped listening finds out by its key.
        let _ = self.answer.send(answers);
    }

    /// The same answer for every write.
    pub(crate) fn answer_all(self, error: &StoreError) {
        let answers = self
            .items
            .iter()
            .map(|_| Err(CommitError::Store(error.clone())))
            .collect();
        self.answer(answers);
    }
}

/// What a worker asks for.
pub(crate) enum Call {
    Take {
        taking: Taking,
        answer: oneshot::Sender<Orders>,
    },
    Rescue {
        limit: usize,
        policy: RescuePolicy,
        answer: oneshot::Sender<Orders>,
    },
}

impl Call {
    pub(crate) fn answer(self, orders: Orders) {
        match self {
            // A worker that stopped listening holds leases that will run out.
            Self::Take { answer, .. } | Self::Rescue { answer, .. } => {
                let _ = answer.send(orders);
            }
        }
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        match self {
            Self::Take { answer, .. } | Self::Rescue { answer, .. } => answer.is_closed(),
        }
    }
}

/// The callers' end.
pub(crate) struct QueueHead {
    shard: ShardId,
    jobs: mpsc::Sender<Job>,
    calls: mpsc::Sender<Call>,
    erasures: mpsc::Sender<ErasureCall>,
    permits: Arc<Semaphore>,
    limit: usize,
    batch: usize,
    /// How long a worker's call may take.
    call_timeout: Duration,
}

/// The writer's end.
pub(crate) struct QueueTail {
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) calls: mpsc::Receiver<Call>,
    pub(crate) erasures: mpsc::Receiver<ErasureCall>,
}

/// The most calls of workers that wait.
const CALLS: usize = 64;

/// A queue of at most `limit` decisions.
pub(crate) fn queue(
    shard: ShardId,
    limit: usize,
    batch: usize,
    call_timeout: Duration,
) -> (QueueHead, QueueTail) {
    let limit = limit.clamp(1, Semaphore::MAX_PERMITS.min(1 << 24));
    let batch = batch.clamp(1, limit);
    let (jobs, jobs_tail) = mpsc::channel(limit);
    let (calls, calls_tail) = mpsc::channel(CALLS);
    let (erasures, erasures_tail) = mpsc::channel(limit);
    let head = QueueHead {
        shard,
        jobs,
        calls,
        erasures,
        permits: Arc::new(Semaphore::new(limit)),
        limit,
        batch,
        call_timeout,
    };
    let tail = QueueTail {
        jobs: jobs_tail,
        calls: calls_tail,
        erasures: erasures_tail,
    };
    (head, tail)
}

impl QueueHead {
    /// Hands writes to the writer and waits for their answers, no longer than `deadline`. A call of more writes
    /// than one transaction takes is cut into pending; the first pending_answer needs room at once, the others wait for it.
    pub(crate) async fn commit(&self, writes: Vec<Write>, deadline: Deadline) -> Vec<Answer> {
        let count = writes.len();
        let mut pending = Vec::new();
        let mut refused = None;
        let mut sub_batch = SubBatch::default();
        let mut writes = writes.into_iter().peekable();
        while let Some(write) = writes.next() {
            sub_batch.add(Encoded::new(self.shard, write));
            if sub_batch.permits < self.batch && writes.peek().is_some() {
                continue;
            }
            sub_batch.is_part = !pending.is_empty() || writes.peek().is_some();
            let full = std::mem::take(&mut sub_batch);
            match self.enqueue(full, deadline, pending.is_empty()).await {
                Ok(pending_answer) => pending.push(pending_answer),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let mut answers = Vec::with_capacity(count);
        for pending_answer in pending {
            answers.extend(self.await_answer(pending_answer, deadline).await);
        }
        if let Some(error) = refused {
            answers.resize_with(count, || Err(CommitError::Store(error.clone())));
        }
        answers
    }

    /// Takes due orders.
    pub(crate) async fn take(&self, taking: Taking) -> Orders {
        self.call(|answer| Call::Take { taking, answer }).await
    }

    /// Takes back up to `limit` lost orders.
    pub(crate) async fn rescue(&self, limit: usize, policy: RescuePolicy) -> Orders {
        self.call(|answer| Call::Rescue {
            limit,
            policy,
            answer,
        })
        .await
    }

    /// Hands an erasure to the writer and waits for its answer, no longer than `deadline`.
    pub(crate) async fn erase(&self, erasure: Erasure, deadline: Deadline) -> Erased {
        let room = self.room(1).map_err(CommitError::Store)?;
        let (answer, answered) = oneshot::channel();
        let progress = Arc::new(Progress::default());
        let call = ErasureCall {
            erasure,
            deadline,
            progress: Arc::clone(&progress),
            answer,
            _room: room,
        };
        // The channel has room for every permit of the semaphore: only a closed one refuses.
        let closed = |_| CommitError::Store(self.closed());
        self.erasures.try_send(call).map_err(closed)?;
        self.answer_of(answered, &progress, deadline)
            .await
            .unwrap_or_else(|error| Err(CommitError::Store(error)))
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    async fn call(&self, call: impl FnOnce(oneshot::Sender<Orders>) -> Call) -> Orders {
        let (answer, answered) = oneshot::channel();
        let work = async {
            if self.calls.send(call(answer)).await.is_err() {
                return Err(self.closed());
            }
            answered.await.unwrap_or_else(|_| Err(self.closed()))
        };
        timeout(self.call_timeout, work).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} ms", self.call_timeout.as_millis());
            Err(unavailable(self.shard, reason))
        })
    }

    async fn enqueue(
        &self,
        sub_batch: SubBatch,
        deadline: Deadline,
        is_first: bool,
    ) -> Result<PendingAnswer, StoreError> {
        // What is larger than the whole queue waits until it is alone in it.
        let count = u32::try_from(sub_batch.permits.min(self.limit)).unwrap_or(u32::MAX);
        let room = if is_first {
            self.room(count)?
        } else {
            timeout_at(
                deadline,
                Arc::clone(&self.permits).acquire_many_owned(count),
            )
            .await
            .map_err(|_| StoreError::Expired)?
            .map_err(|_| self.closed())?
        };
        let (answer, answered) = oneshot::channel();
        let progress = Arc::new(Progress::default());
        let pending_answer = PendingAnswer {
            count: sub_batch.items.len(),
            progress: Arc::clone(&progress),
            answered,
        };
        let job = Job {
            items: sub_batch.items,
            permits: sub_batch.permits,
            is_part: sub_batch.is_part,
            deadline,
            progress,
            answer,
            _room: room,
        };
        // The channel has room for every permit of the semaphore: only a closed one refuses.
        self.jobs.try_send(job).map_err(|_| self.closed())?;
        Ok(pending_answer)
    }

    /// Takes this many permits, if they are free.
    fn room(&self, count: u32) -> Result<OwnedSemaphorePermit, StoreError> {
        Arc::clone(&self.permits)
            .try_acquire_many_owned(count)
            .map_err(|error| match error {
                TryAcquireError::NoPermits => StoreError::Overloaded { limit: self.limit },
                TryAcquireError::Closed => self.closed(),
            })
    }

    async fn await_answer(&self, pending_answer: PendingAnswer, deadline: Deadline) -> Vec<Answer> {
        let PendingAnswer {
            count,
            progress,
            answered,
        } = pending_answer;
        match self.answer_of(answered, &progress, deadline).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(CommitError::Store(error)); count],
        }
    }

    /// The writer's answer, or what is known without it once the deadline has passed or the writer has stopped.
    async fn answer_of<T>(
        &self,
        answered: oneshot::Receiver<T>,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<T, StoreError> {
        Err(match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => return Ok(answer),
            Err(_) if progress.abandon() => StoreError::Expired,
            Ok(Err(_)) if progress.abandon() => self.closed(),
            Ok(Err(_)) => StoreError::Unknown {
                shard: self.shard,
                reason: "the store's writer has stopped".to_owned(),
            },
            Err(_) => StoreError::Unknown {
                shard: self.shard,
                reason: "not confirmed by the deadline".to_owned(),
            },
        })
    }

    fn closed(&self) -> StoreError {
        unavailable(self.shard, "the store is closed")
    }
}

/// The writes of one call that go into one transaction.
#[derive(Default)]
struct SubBatch {
    items: Vec<Encoded>,
    permits: usize,
    is_part: bool,
}

impl SubBatch {
    fn add(&mut self, encoded: Encoded) {
        self.permits += encoded.permits;
        self.items.push(encoded);
    }
}

/// The answer that a sub-batch waits for.
struct PendingAnswer {
    count: usize,
    progress: Arc<Progress>,
    answered: oneshot::Receiver<Vec<Answer>>,
}
