//! The calls of one connection, run by the connection's own task.
//!
//! A commit answers many calls at once. Run by a task each, they would be spread over the threads, and the connection
//! would write the answers of some while others are still on their way. Run here, all that are there are collected
//! first and written together, and a call costs no task.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hyper::rt::Executor;

use crate::taking::within_patience;

type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls under way on a connection. Dropping them cuts them off.
pub(crate) struct Calls {
    under_way: FuturesUnordered<Call>,
    begun: BegunCalls,
}

impl Calls {
    /// No calls yet. A call is given up once its client has taken nothing of its answer for
    /// `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            under_way: FuturesUnordered::new(),
            begun: BegunCalls {
                calls: Arc::default(),
                patience,
            },
        }
    }

    /// Where the connection puts the calls that it begins.
    pub(crate) fn executor(&self) -> BegunCalls {
        self.begun.clone()
    }

    /// Serves the connection and its calls, until the connection ends.
    ///
    /// Whenever it is woken it lets others go first: by the time that its turn comes, the answers of a commit that woke
    /// it with the first of them are all there.
    pub(crate) async fn serve<C: Future + Unpin>(&mut self, mut connection: C) -> C::Output {
        let mut has_waited = false;
        poll_fn(|context| {
            if !has_waited {
                has_waited = true;
                // Its first poll puts this task behind those that are ready.
                let mut turn = pin!(tokio::task::yield_now());
                if turn.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
            has_waited = false;
            self.poll(&mut connection, context)
        })
        .await
    }

    /// Looks at all that is there: calls that go on, and what the connection brings.
    fn poll<C: Future + Unpin>(
        &mut self,
        connection: &mut C,
        context: &mut Context<'_>,
    ) -> Poll<C::Output> {
        loop {
            while let Poll::Ready(Some(())) = self.under_way.poll_next_unpin(context) {}
            if let Poll::Ready(end) = Pin::new(&mut *connection).poll(context) {
                return Poll::Ready(end);
            }
            let mut begun = self.begun.lock();
            if begun.is_empty() {
                return Poll::Pending;
            }
            self.under_way.extend(begun.drain(..));
        }
    }
}

/// The calls that a connection has begun and nobody has looked at yet.
#[derive(Clone)]
pub(crate) struct BegunCalls {
    calls: Arc<Mutex<Vec<Call>>>,
    patience: Duration,
}

impl BegunCalls {
    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        // No code that can panic runs under the lock.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Executor<F> for BegunCalls
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, call: F) {
        let call = within_patience(call, self.patience);
        self.lock().push(Box::pin(call));
    }
}
