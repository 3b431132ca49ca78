//! The bounded queue in front of the writer: callers add writes and requests, and the writer takes everything that is
//! queued, up to a limit. A caller never waits for space: a full queue refuses at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{Deadline, StoreError};
use tokio::time::Instant;

use crate::commit_delay::{CommitDelay, MAX_DELAY};
use crate::completion::CommitFuture;
use crate::failure::unavailable;
use crate::request::{Class, Request};
use crate::write_batch::{EncodeBuffer, WriteBatch};

/// A commit of this many decisions is not delayed: its flush is a small part of what it costs. Nor is a commit with work in
/// progress, whose callers have already waited once.
const MAX_DELAYED_DECISIONS: usize = 256;

/// The most empty batches that are kept for reuse.
const MAX_SPARE_BATCHES: usize = 16;

pub(crate) struct WriteQueue {
    /// The most decisions that are queued.
    limit: usize,
    /// About the most decisions in one commit.
    commit_limit: usize,
    max_delay: Duration,
    state: Mutex<QueueState>,
    wake_writer: Condvar,
    /// Whether a new order that is queued now should stay in memory for its claim.
    keeps_new_orders: AtomicBool,
}

#[derive(Default)]
struct QueueState {
    /// The last batch accepts further calls until it is full.
    batches: VecDeque<WriteBatch>,
    /// Empty batches for reuse.
    spare: Vec<WriteBatch>,
    callers: usize,
    decisions: usize,
    /// The writer waits for the first call.
    writer_is_idle: bool,
    /// The writer delays a commit until this many callers are queued; 0 if it does not.
    target_callers: usize,
    /// A call of [`Class::Outcome`] is queued.
    has_outcomes: bool,
    commit_delay: CommitDelay,
    closed: Option<String>,
}

impl QueueState {
    /// Why a call of this class is refused now; `None` if it is accepted.
    fn refusal(&self, class: Class, limit: usize) -> Option<StoreError> {
        if let Some(reason) = &self.closed {
            return Some(unavailable(reason));
        }
        let limit = match class {
            Class::Intake => limit,
            Class::Outcome => limit.saturating_mul(2),
        };
        (self.decisions >= limit).then_some(StoreError::Overloaded { limit })
    }

    /// Adds one call to the last batch, or to a new one if that holds enough for a commit.
    fn add<T>(
        &mut self,
        class: Class,
        commit_limit: usize,
        add: impl FnOnce(&mut WriteBatch) -> T,
    ) -> T {
        let last = self.batches.back();
        if last.is_none_or(|batch| batch.decisions >= commit_limit) {
            let batch = self.spare.pop().unwrap_or_default();
            self.batches.push_back(batch);
        }
        let batch = self.batches.back_mut().expect("a batch was added");
        self.decisions -= batch.decisions;
        let added = add(batch);
        self.decisions += batch.decisions;
        self.callers += 1;
        self.has_outcomes |= class == Class::Outcome;
        added
    }

    /// Whether a commit that is delayed for `target` callers begins now.
    fn is_enough(&self, target: usize) -> bool {
        self.has_outcomes || self.callers >= target || self.decisions >= MAX_DELAYED_DECISIONS
    }
}

impl WriteQueue {
    /// A queue for at most `limit` decisions, of which about `commit_limit` are taken at once.
    pub(crate) fn new(limit: usize, commit_limit: usize) -> Self {
        Self::with_max_delay(limit, commit_limit, MAX_DELAY)
    }

    fn with_max_delay(limit: usize, commit_limit: usize, max_delay: Duration) -> Self {
        Self {
            limit,
            commit_limit,
            max_delay,
            state: Mutex::default(),
            wake_writer: Condvar::new(),
            keeps_new_orders: AtomicBool::new(true),
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an encoded new order should include the order itself, for its claim.
    pub(crate) fn keeps_new_orders(&self) -> bool {
        self.keeps_new_orders.load(Ordering::Relaxed)
    }

    pub(crate) fn set_keeps_new_orders(&self, keep: bool) {
        // Callers read it for every order, so it is only written if it changes.
        if self.keeps_new_orders() != keep {
            self.keeps_new_orders.store(keep, Ordering::Relaxed);
        }
    }

    /// Queues the writes of one call.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] if the queue is full, [`StoreError::Unavailable`] if it is closed.
    pub(crate) fn commit(
        &self,
        buffer: &mut EncodeBuffer,
        deadline: Deadline,
        class: Class,
    ) -> Result<CommitFuture, StoreError> {
        self.add(class, |batch| batch.add(buffer, deadline))
    }

    /// Queues a request. Fails as [`WriteQueue::commit`] does.
    pub(crate) fn request(&self, request: Request, class: Class) -> Result<(), StoreError> {
        self.add(class, |batch| batch.add_request(request))
    }

    fn add<T>(
        &self,
        class: Class,
        add: impl FnOnce(&mut WriteBatch) -> T,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        if let Some(refusal) = state.refusal(class, self.limit) {
            return Err(refusal);
        }
        let added = state.add(class, self.commit_limit, add);
        self.wake_writer_if_ready(state);
        Ok(added)
    }

    fn wake_writer_if_ready(&self, mut state: MutexGuard<'_, QueueState>) {
        let has_first_call = state.writer_is_idle && !state.batches.is_empty();
        let ends_delay = state.target_callers > 0 && state.is_enough(state.target_callers);
        let wake = has_first_call || ends_delay;
        if wake {
            state.writer_is_idle = false;
            state.target_callers = 0;
        }
        drop(state);
        if wake {
            self.wake_writer.notify_one();
        }
    }

    /// Moves the next batches into `taken`, about `commit_limit` decisions; blocks while the queue is empty. The batches that
    /// are in `taken` must be cleared; they are reused. Returns `false` once the queue is closed and empty.
    pub(crate) fn take(&self, taken: &mut Vec<WriteBatch>) -> bool {
        let mut state = self.lock();
        state.spare.append(taken);
        state.spare.truncate(MAX_SPARE_BATCHES);
        let waiting = state.callers;
        let ended = Instant::now();
        state.commit_delay.commit_ended(waiting, ended);
        while state.batches.is_empty() {
            if state.closed.is_some() {
                return false;
            }
            state.writer_is_idle = true;
            state = self
                .wake_writer
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if waiting == 0 {
            state.commit_delay.was_idle(ended.elapsed());
        }
        state = self.delay_commit(state);
        let (mut callers, mut decisions) = (0, 0);
        while decisions < self.commit_limit
            && let Some(batch) = state.batches.pop_front()
        {
            decisions += batch.decisions;
            callers += batch.callers;
            taken.push(batch);
        }
        state.callers -= callers;
        state.decisions -= decisions;
        state.commit_delay.commit_begins(callers, Instant::now());
        // The remaining batches of a full commit may hold outcomes.
        state.has_outcomes &= !state.batches.is_empty();
        true
    }

    /// Under load, blocks for a moment until the target number of callers is queued.
    fn delay_commit<'q>(
        &'q self,
        mut state: MutexGuard<'q, QueueState>,
    ) -> MutexGuard<'q, QueueState> {
        let target = state.commit_delay.target_callers();
        if state.is_enough(target) || state.closed.is_some() {
            return state;
        }
        state.target_callers = target;
        let delay = state.commit_delay.max_delay().min(self.max_delay);
        let waited = self
            .wake_writer
            .wait_timeout_while(state, delay, |state| state.target_callers > 0);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.target_callers = 0;
        state
    }

    /// Refuses all further calls with `reason`. The writer still takes what is queued.
    pub(crate) fn close(&self, reason: &str) {
        let mut state = self.lock();
        state.closed.get_or_insert_with(|| reason.to_owned());
        state.target_callers = 0;
        drop(state);
        self.wake_writer.notify_all();
    }

    /// Drops all queued calls when the writer has ended; their callers get [`StoreError::Unknown`].
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.callers = 0;
        state.decisions = 0;
        let dropped = std::mem::take(&mut state.batches);
        drop(state);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests;
