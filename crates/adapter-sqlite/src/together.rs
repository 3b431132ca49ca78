//! What a thread asks for in one go: kept aside while it asks, then put into the queue at once, so that no commit begins
//! in between and takes only a part of it.
//!
//! The store opens a [`Together`] around what asks; the queue offers it each request.

use std::cell::RefCell;

use crate::parcel::Parcel;
use crate::queue::WriteQueue;
use crate::request::Class;

thread_local! {
    /// What this thread has asked for so far, while it asks in one go.
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

struct Kept {
    /// The address of the queue: a thread may ask several stores.
    queue: usize,
    intake: Option<Parcel>,
    outcomes: Option<Parcel>,
}

/// This thread asks in one go, until it is dropped.
pub(crate) struct Together<'q>(&'q WriteQueue);

impl<'q> Together<'q> {
    /// `None` where the thread does so already: what it asks for now belongs to that.
    pub(crate) fn begin(queue: &'q WriteQueue) -> Option<Self> {
        KEPT.with_borrow_mut(|kept| {
            if kept.is_some() {
                return None;
            }
            *kept = Some(Kept {
                queue: address(queue),
                intake: None,
                outcomes: None,
            });
            Some(Self(queue))
        })
    }
}

impl Drop for Together<'_> {
    fn drop(&mut self) {
        let Some(kept) = KEPT.take() else { return };
        self.0.put_together([
            (kept.intake, Class::Intake),
            (kept.outcomes, Class::Outcome),
        ]);
    }
}

/// Keeps what a caller asks for aside; gives it back where the thread does not ask this queue in one go.
pub(crate) fn keep<T, P>(queue: &WriteQueue, class: Class, put: P) -> Result<T, P>
where
    P: FnOnce(&mut Parcel) -> T,
{
    KEPT.with_borrow_mut(|kept| {
        let kept = match kept {
            Some(kept) if kept.queue == address(queue) => kept,
            _ => return Err(put),
        };
        let parcel = match class {
            Class::Intake => &mut kept.intake,
            Class::Outcome => &mut kept.outcomes,
        };
        Ok(put(parcel.get_or_insert_with(|| queue.spare_parcel())))
    })
}

fn address(queue: &WriteQueue) -> usize {
    std::ptr::from_ref(queue).addr()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use application::ports::{Claim, StoreError};
    use tokio::sync::oneshot;

    use super::Together;
    use crate::queue::WriteQueue;
    use crate::request::{Class, Request};

    type Answer = oneshot::Receiver<Result<Vec<Claim>, StoreError>>;

    fn ask(queue: &WriteQueue) -> Answer {
        let (reply, answer) = oneshot::channel();
        let request = Request::Heartbeat {
            claims: Vec::new(),
            lease: Duration::ZERO,
            reply,
        };
        queue.ask(request, Class::Intake).unwrap();
        answer
    }

    /// How many requests a commit takes that begins now.
    fn take(queue: &WriteQueue) -> usize {
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken));
        taken.iter().map(|parcel| parcel.callers).sum()
    }

    #[test]
    fn a_commit_takes_all_or_nothing_of_what_is_asked_for_together() {
        let queue = WriteQueue::new(1_000, 1_000);
        let _before = ask(&queue);
        let together = Together::begin(&queue);
        let _answers = [ask(&queue), ask(&queue), ask(&queue)];
        assert_eq!(take(&queue), 1, "what was there before");
        drop(together);
        assert_eq!(take(&queue), 3);
    }

    #[test]
    fn asking_together_within_asking_together_is_one() {
        let queue = WriteQueue::new(1_000, 1_000);
        let _before = ask(&queue);
        let outer = Together::begin(&queue);
        let inner = Together::begin(&queue);
        let _answers = [ask(&queue), ask(&queue)];
        drop(inner);
        assert_eq!(take(&queue), 1, "the outer one goes on");
        drop(outer);
        assert_eq!(take(&queue), 2);
    }

    #[test]
    fn another_queue_is_asked_at_once() {
        let (queue, other) = (WriteQueue::new(1_000, 1_000), WriteQueue::new(1_000, 1_000));
        let _together = Together::begin(&queue);
        let _answers = [ask(&queue), ask(&other)];
        assert_eq!(take(&other), 1);
    }

    #[test]
    fn what_a_full_queue_does_not_take_is_answered_so() {
        let queue = WriteQueue::new(2, 1_000);
        let _before = [ask(&queue), ask(&queue)];
        let together = Together::begin(&queue);
        let refused = [ask(&queue), ask(&queue)];
        drop(together);
        assert_eq!(take(&queue), 2, "what was there before");
        for mut refused in refused {
            let answer = refused.try_recv().expect("it is answered at once");
            assert_eq!(answer, Err(StoreError::Overloaded { limit: 2 }));
        }
    }

    #[test]
    fn what_is_asked_for_when_the_queue_is_closed_is_answered_so() {
        let queue = WriteQueue::new(2, 1_000);
        let together = Together::begin(&queue);
        let mut answer = ask(&queue);
        queue.close("the test ends");
        drop(together);
        let answer = answer.try_recv().expect("it is answered at once");
        assert!(
            matches!(answer, Err(StoreError::Unavailable { .. })),
            "{answer:?}"
        );
    }

    #[test]
    fn a_panic_of_who_asks_loses_nothing() {
        let queue = WriteQueue::new(2, 1_000);
        let mut answer = None;
        let asking = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _together = Together::begin(&queue);
            answer = Some(ask(&queue));
            panic!("the one who asks breaks");
        }));
        assert!(asking.is_err());
        assert_eq!(take(&queue), 1);
        assert!(
            Together::begin(&queue).is_some(),
            "the thread asks by itself again"
        );
    }
}
