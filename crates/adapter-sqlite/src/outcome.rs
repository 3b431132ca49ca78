//! What becomes of the writes that were handed over together: the writer tells it once, and each caller waits for its part.
//!
//! One for all of them instead of a channel for each: what the writer touches to answer lies side by side.

use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use application::ports::{CommitError, Committed};

pub(crate) type CommitAnswer = Result<Committed, CommitError>;

#[derive(Default)]
pub(crate) struct Outcome {
    /// One answer a write; empty until the writer tells.
    answers: OnceLock<Vec<CommitAnswer>>,
    waiting: Mutex<Vec<Waker>>,
}

impl Outcome {
    /// Tells all who wait, and all who come later; only the first time counts.
    pub(crate) fn tell(&self, answers: Vec<CommitAnswer>) {
        if self.answers.set(answers).is_err() {
            return;
        }
        let waiting = std::mem::take(&mut *self.lock());
        for waker in waiting {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        // No code that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wait for the answers to some of the writes; done when they are there.
pub(crate) struct Awaited {
    outcome: Arc<Outcome>,
    writes: Range<usize>,
    /// Where its waker is among those who wait.
    waits_at: Option<usize>,
}

impl Awaited {
    pub(crate) const fn new(outcome: Arc<Outcome>, writes: Range<usize>) -> Self {
        Self {
            outcome,
            writes,
            waits_at: None,
        }
    }

    /// The answers, in the order of the writes; `None` while they are not there.
    pub(crate) fn answers(&self) -> Option<&[CommitAnswer]> {
        let answers = self.outcome.answers.get()?;
        Some(&answers[self.writes.clone()])
    }
}

impl Future for Awaited {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self {
            outcome, waits_at, ..
        } = self.get_mut();
        if outcome.answers.get().is_some() {
            return Poll::Ready(());
        }
        let mut waiting = outcome.lock();
        // The writer tells before it takes the wakers: whoever is not among them by then finds the answers here.
        if outcome.answers.get().is_some() {
            return Poll::Ready(());
        }
        match *waits_at {
            Some(place) => waiting[place].clone_from(context.waker()),
            None => {
                *waits_at = Some(waiting.len());
                waiting.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
