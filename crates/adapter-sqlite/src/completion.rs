//! The completion of a write batch: the writer sets the answers once, and each caller awaits its part of them.
//!
//! A batch has one [`Completion`] for all its callers instead of one channel each, so that the memory that the writer touches
//! to answer them is contiguous.

use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use application::ports::{CommitError, Committed};

pub(crate) type CommitAnswer = Result<Committed, CommitError>;

/// The answers to the writes of one batch, shared by the writer and the callers.
#[derive(Default)]
pub(crate) struct Completion {
    /// One answer for each write; empty until the writer completes the batch.
    answers: OnceLock<Vec<CommitAnswer>>,
    wakers: Mutex<Vec<Waker>>,
}

impl Completion {
    /// Sets the answers and wakes all callers. Only the first call has an effect.
    pub(crate) fn complete(&self, answers: Vec<CommitAnswer>) {
        if self.answers.set(answers).is_err() {
            return;
        }
        let wakers = std::mem::take(&mut *self.lock());
        for waker in wakers {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        // No code that can panic runs under the lock.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves when the writes of one call are answered. Dropping it does not cancel the writes.
pub(crate) struct CommitFuture {
    completion: Arc<Completion>,
    writes: Range<usize>,
    /// The position of its waker among those of the completion.
    waker_index: Option<usize>,
}

impl CommitFuture {
    pub(crate) const fn new(completion: Arc<Completion>, writes: Range<usize>) -> Self {
        Self {
            completion,
            writes,
            waker_index: None,
        }
    }

    /// The answers, in the order of the writes; `None` if the batch is not completed yet.
    pub(crate) fn answers(&self) -> Option<&[CommitAnswer]> {
        let answers = self.completion.answers.get()?;
        Some(&answers[self.writes.clone()])
    }
}

impl Future for CommitFuture {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self {
            completion,
            waker_index,
            ..
        } = self.get_mut();
        if completion.answers.get().is_some() {
            return Poll::Ready(());
        }
        let mut wakers = completion.lock();
        // The writer sets the answers before it takes the wakers, so a waker that is added too late finds them here.
        if completion.answers.get().is_some() {
            return Poll::Ready(());
        }
        match *waker_index {
            Some(index) => wakers[index].clone_from(context.waker()),
            None => {
                *waker_index = Some(wakers.len());
                wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
