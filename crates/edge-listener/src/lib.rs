//! How an edge listens: it accepts connections, no more than are allowed at a time, and stops in two steps, a soft one
//! that lets them end and a hard one that cuts them off.
//!
//! Both edges serve through [`Listening::serve`], each with its own way to serve one connection. Nothing here knows a
//! protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After a failed accept (no file descriptors left, say) the next one waits this long.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// A timer that is due before all others is made known to whoever waits for sockets by a call to the kernel, which also
/// wakes them. With one that is always due in so long, the deadline of a request is hardly ever the first.
const TICK: Duration = Duration::from_secs(1);

/// How the serving went, once it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServeReport {
    /// Connections accepted.
    pub connections: u64,
    /// Connections and streams that were still open when they were cut off; 0 after a clean drain.
    pub cut_off: usize,
}

/// What an edge listens with.
#[derive(Debug, Clone)]
pub struct Listening {
    /// The most connections at a time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// How long a stopping server lets its tasks end before it cuts them off.
    pub drain_timeout: Duration,
    /// Where the connections run, and whatever runs on behalf of them.
    pub tasks: TaskTracker,
    /// Cancelled where nothing new is to be accepted.
    pub soft: CancellationToken,
    /// Cancelled where everything is to end at once. [`Listening::serve`] cancels it itself where the drain takes too long.
    pub hard: CancellationToken,
    /// What the tasks end on: cancelled after `hard`, once they were counted.
    pub cut: CancellationToken,
}

impl Listening {
    /// Hands each connection to `serve`, with its place among those that there may be, until `soft` is cancelled. Then
    /// accepts nothing more and returns when all tasks have ended, or when `hard` is cancelled or the drain's time is
    /// over, which cuts off what is left.
    pub async fn serve<S, F>(self, listener: TcpListener, serve: S) -> ServeReport
    where
        S: Fn(TcpStream, OwnedSemaphorePermit) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(self.max_connections));
        let connections = AtomicU64::new(0);
        let accepting = async {
            loop {
                // The permit comes first: what cannot be served stays in the kernel's backlog.
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                    return;
                };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        connections.fetch_add(1, Ordering::Relaxed);
                        self.tasks.spawn(serve(stream, permit));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                    }
                }
            }
        };
        let ticking = async {
            loop {
                tokio::time::sleep(TICK).await;
            }
        };
        tokio::select! {
            () = accepting => {}
            () = ticking => {}
            () = self.soft.cancelled() => {}
            () = self.hard.cancelled() => {}
        }
        drop(listener);
        ServeReport {
            cut_off: self.drain().await,
            connections: connections.into_inner(),
        }
    }

    /// Waits until all tasks have ended; how many had to be cut off.
    async fn drain(&self) -> usize {
        let tasks = &self.tasks;
        tasks.close();
        tokio::select! {
            () = tasks.wait() => return 0,
            () = self.hard.cancelled() => {}
            () = tokio::time::sleep(self.drain_timeout) => {
                tracing::warn!(cut_off = tasks.len(), "connections are cut off, because the drain takes too long");
                self.hard.cancel();
            }
        }
        let cut_off = tasks.len();
        self.cut.cancel();
        // They have been told; they only need to be scheduled once more.
        let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
        cut_off
    }
}
