//! Cuts off calls whose clients take nothing of their answers, and owns the tasks that calls run in.
//!
//! hyper runs each call in a task of its own, through [`CallExecutor`], so that the calls of one connection use all cores. It
//! asks an answer for its next piece only when the client has room for it: an answer that is not taken is not polled, and a
//! timer within it would never fire. The timer is therefore around the task ([`within_write_timeout`]); the answer's
//! body says when a piece waits and when it is polled again. Neither hyper nor tonic has such a time-out. An answer that goes
//! out at once costs no timer.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tokio_util::task::TaskTracker;

/// Runs the calls of a connection as tasks of the edge.
#[derive(Debug, Clone)]
pub(crate) struct CallExecutor {
    tasks: TaskTracker,
    write_timeout: Duration,
}

impl CallExecutor {
    /// Calls are tasks of `tasks`, and end once their client has taken nothing for `write_timeout`.
    pub(crate) const fn new(tasks: TaskTracker, write_timeout: Duration) -> Self {
        Self {
            tasks,
            write_timeout,
        }
    }
}

impl<F> Executor<F> for CallExecutor
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, call: F) {
        self.tasks
            .spawn(within_write_timeout(call, self.write_timeout));
    }
}

tokio::task_local! {
    static PROGRESS: Cell<Progress>;
}

/// How far the client has taken the answer of the call that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Progress {
    /// A piece waits for the client, as far as is known.
    is_waiting: bool,
    /// How many pieces were handed out.
    pieces: u64,
}

/// A piece of the answer is there.
pub(crate) fn piece_waits() {
    change(|progress| Progress {
        is_waiting: true,
        pieces: progress.pieces + 1,
    });
}

/// The answer is polled: the piece before was taken.
pub(crate) fn piece_was_taken() {
    change(|progress| Progress {
        is_waiting: false,
        ..progress
    });
}

fn change(change: impl FnOnce(Progress) -> Progress) {
    // Outside of a call's task there is nothing to cut off.
    let _ = PROGRESS.try_with(|progress| progress.set(change(progress.get())));
}

/// Runs a call, but drops it once its client has taken nothing for `write_timeout`.
fn within_write_timeout<F: Future>(call: F, write_timeout: Duration) -> WithinWriteTimeout<F> {
    WithinWriteTimeout {
        call,
        progress: Progress::default(),
        timer: None,
        write_timeout,
    }
}

pin_project! {
    /// See [`within_write_timeout`]. Not an `async fn`, whose future would hold the call twice: as it was given and as it
    /// runs.
    struct WithinWriteTimeout<F> {
        #[pin]
        call: F,
        progress: Progress,
        timer: Option<Pin<Box<Sleep>>>,
        write_timeout: Duration,
    }
}

impl<F: Future> Future for WithinWriteTimeout<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let before = *this.progress;
        let polled = PROGRESS.sync_scope(Cell::new(before), || {
            let polled = this.call.poll(context);
            *this.progress = PROGRESS.with(Cell::get);
            polled
        });
        if polled.is_ready() {
            return Poll::Ready(());
        }
        if *this.progress != before || !this.progress.is_waiting {
            *this.timer = None;
        }
        if !this.progress.is_waiting {
            return Poll::Pending;
        }
        let write_timeout = *this.write_timeout;
        let timer = this
            .timer
            .get_or_insert_with(|| Box::pin(sleep(write_timeout)));
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        tracing::debug!("a call is cut off: its client takes nothing of its answer");
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

    use super::{piece_waits, piece_was_taken, within_write_timeout};

    const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

    #[test]
    fn the_call_is_in_memory_once() {
        let call = std::future::ready([0_u8; 4_096]);
        let bytes = size_of_val(&call);
        let watched = size_of_val(&within_write_timeout(call, WRITE_TIMEOUT));
        assert!(watched < bytes + 128, "{watched}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_that_is_not_taken_ends_the_call() {
        let begun = Instant::now();
        within_write_timeout(
            async {
                piece_waits();
                std::future::pending::<()>().await;
            },
            WRITE_TIMEOUT,
        )
        .await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_a_waiting_piece_is_not_cut_off() {
        let (done, is_done) = oneshot::channel();
        within_write_timeout(
            async {
                piece_waits();
                piece_was_taken();
                sleep(10 * WRITE_TIMEOUT).await;
                done.send(()).unwrap();
            },
            WRITE_TIMEOUT,
        )
        .await;
        assert!(is_done.await.is_ok());
    }

    /// Each piece that is taken restarts the timer, also if the next one is there within the same poll.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_slowly_is_not_cut_off() {
        let begun = Instant::now();
        within_write_timeout(
            async {
                for _ in 0..5 {
                    piece_waits();
                    sleep(WRITE_TIMEOUT * 3 / 4).await;
                    piece_was_taken();
                }
                piece_waits();
                std::future::pending::<()>().await;
            },
            WRITE_TIMEOUT,
        )
        .await;
        assert_eq!(begun.elapsed().as_secs(), 5 * 15 + 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_up_does_not_restart_the_timer() {
        let begun = Instant::now();
        let mut tick = Box::pin(sleep(Duration::ZERO));
        let call = async {
            piece_waits();
            poll_fn(|context| {
                while tick.as_mut().poll(context).is_ready() {
                    tick.as_mut().reset(Instant::now() + Duration::from_secs(1));
                }
                Poll::<()>::Pending
            })
            .await
        };
        within_write_timeout(call, WRITE_TIMEOUT).await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }
}
