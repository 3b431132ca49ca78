//! Cuts off calls whose clients do not take their answers.
//!
//! HTTP/2 asks for the next part of an answer only when the client has room for it. So an answer that is not taken is
//! not even looked at: it keeps its place among the calls under way and what it has to say, and no timer of its own would
//! ever fire. The timer is therefore around the call that hands the answer out ([`within_patience`]); the answer's body
//! tells it when a part is there and when it is looked at again. An answer that goes out at once costs no timer.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

tokio::task_local! {
    static TAKING: Cell<Taking>;
}

/// How far the client has taken the answer of the call that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Taking {
    /// Something is there that the client has no room for, as far as is known.
    is_waited_for: bool,
    /// How many parts were handed out.
    parts: u64,
}

/// A part of the answer is there, or the answer begins.
pub(crate) fn part_is_there() {
    change(|taking| Taking {
        is_waited_for: true,
        parts: taking.parts + 1,
    });
}

/// The client has room: whatever was there has been taken.
pub(crate) fn has_room() {
    change(|taking| Taking {
        is_waited_for: false,
        ..taking
    });
}

fn change(change: impl FnOnce(Taking) -> Taking) {
    // A body that is not handed out by a call is nobody's to cut.
    let _ = TAKING.try_with(|taking| taking.set(change(taking.get())));
}

/// Runs a call and hands out its answer, but gives it up once its client has taken nothing for `patience`.
pub(crate) fn within_patience<F: Future>(call: F, patience: Duration) -> WithinPatience<F> {
    WithinPatience {
        call,
        taking: Taking::default(),
        watch: None,
        patience,
    }
}

pin_project! {
    /// See [`within_patience`]. Not an `async fn`, whose future would hold the call twice: as it was given and as it runs.
    pub(crate) struct WithinPatience<F> {
        #[pin]
        call: F,
        taking: Taking,
        watch: Option<Pin<Box<Sleep>>>,
        patience: Duration,
    }
}

impl<F: Future> Future for WithinPatience<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let before = *this.taking;
        let polled = TAKING.sync_scope(Cell::new(before), || {
            let polled = this.call.poll(context);
            *this.taking = TAKING.with(Cell::get);
            polled
        });
        if polled.is_ready() {
            return Poll::Ready(());
        }
        if *this.taking != before || !this.taking.is_waited_for {
            *this.watch = None;
        }
        if !this.taking.is_waited_for {
            return Poll::Pending;
        }
        let patience = *this.patience;
        let watch = this.watch.get_or_insert_with(|| Box::pin(sleep(patience)));
        if watch.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let seconds = patience.as_secs();
        tracing::info!(
            seconds,
            "a call is cut off: its client takes nothing of its answer"
        );
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::{Instant, sleep};

    use super::{has_room, part_is_there, within_patience};

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_call_is_held_once() {
        let call = std::future::ready([0_u8; 4_096]);
        let bytes = size_of_val(&call);
        let watched = size_of_val(&within_patience(call, PATIENCE));
        assert!(watched < bytes + 128, "{watched}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_is_not_taken_ends_the_call() {
        let begun = Instant::now();
        within_patience(
            async {
                part_is_there();
                std::future::pending::<()>().await;
            },
            PATIENCE,
        )
        .await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_has_nothing_to_say_is_waited_for() {
        let (done, is_done) = oneshot::channel();
        within_patience(
            async {
                part_is_there();
                has_room();
                sleep(10 * PATIENCE).await;
                done.send(()).unwrap();
            },
            PATIENCE,
        )
        .await;
        assert!(is_done.await.is_ok());
    }

    /// Each part that is taken begins the patience anew, also where the next is there within the same poll.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_slowly_is_waited_for() {
        let begun = Instant::now();
        within_patience(
            async {
                for _ in 0..5 {
                    part_is_there();
                    sleep(PATIENCE * 3 / 4).await;
                    has_room();
                }
                part_is_there();
                std::future::pending::<()>().await;
            },
            PATIENCE,
        )
        .await;
        assert_eq!(begun.elapsed().as_secs(), 5 * 15 + 20);
    }

    #[tokio::test(start_paused = true)]
    async fn being_woken_does_not_begin_the_patience_anew() {
        let begun = Instant::now();
        let mut tick = Box::pin(sleep(Duration::ZERO));
        let call = async {
            part_is_there();
            poll_fn(|context| {
                while tick.as_mut().poll(context).is_ready() {
                    tick.as_mut().reset(Instant::now() + Duration::from_secs(1));
                }
                Poll::<()>::Pending
            })
            .await
        };
        within_patience(call, PATIENCE).await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }
}
