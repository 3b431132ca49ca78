//! How an edge listens: it accepts connections, no more than are allowed at a time, watches over them, and stops in two steps,
//! a soft one that lets them end and a hard one that cuts them off.
//!
//! Both edges serve through [`Listening::serve`], each with its own way to serve one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept_failures::{AcceptFailures, is_too_few_files};
use crate::connection::Timeouts;
use crate::connections::{Connections, Limits};
use crate::stream::ConnectionStream;
use crate::ticks::{Ticks, tick_length, ticks_in};

/// After a failed accept (no file descriptors left, say) the next one waits this long.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// The kernel takes no more than this that it cannot send yet. Its buffers grow to megabytes, and it asks for more only when a
/// third of them is free: with a slow client that takes minutes, in which a client that reads looks like one that does not.
const UNSENT_BYTES: u32 = 16 * 1024;

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
    /// The most connections at a time. Past it a new one waits: in the kernel's backlog, if nothing else helps. See
    /// `connections` for who is limited from four fifths of it.
    pub max_connections: usize,
    /// A connection without requests in flight is closed after this.
    pub idle_timeout: Duration,
    /// A client that takes nothing of an answer for this long is cut off.
    pub write_timeout: Duration,
    /// Addresses that may hold any share of the connections, because many clients come through them.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a stopping server lets its tasks end before it cuts them off.
    pub drain_timeout: Duration,
    /// Where the connections run, and whatever runs on behalf of them.
    pub tasks: TaskTracker,
    /// Cancelled when nothing new is to be accepted.
    pub soft: CancellationToken,
    /// Cancelled when everything is to end at once. [`Listening::serve`] cancels it itself if the drain takes too long.
    pub hard: CancellationToken,
    /// What the tasks end on: cancelled after `hard`, once they were counted.
    pub cut: CancellationToken,
}

impl Listening {
    /// Hands each accepted connection to `serve` until `soft` is cancelled. Then accepts nothing more, asks the open connections
    /// to end, and returns when all tasks have ended, or when `hard` is cancelled or the drain's time is over, which cuts off
    /// what is left.
    ///
    /// `serve` is to make one of hyper's connections of the stream and to run it by
    /// [`Connection::run`](crate::Connection::run).
    pub async fn serve<S, F>(self, listener: TcpListener, serve: S) -> ServeReport
    where
        S: Fn(ConnectionStream) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let tick = tick_length(self.idle_timeout.min(self.write_timeout));
        let limits = Limits {
            max_connections: self.max_connections,
            trusted_proxies: self.trusted_proxies.clone(),
            timeouts: Timeouts {
                idle: ticks_in(self.idle_timeout, tick),
                write: ticks_in(self.write_timeout, tick),
            },
        };
        let connections = Arc::new(Connections::new(
            limits,
            Arc::new(Ticks::new()),
            self.soft.clone(),
            self.cut.clone(),
        ));
        let accepted = AtomicU64::new(0);
        let serving = async {
            tokio::select! {
                () = self.accept(&listener, &connections, &accepted, serve) => {}
                () = self.soft.cancelled() => {}
                () = self.hard.cancelled() => {}
            }
            drop(listener);
            connections.close_all();
            self.drain().await
        };
        // When a new timer is due before all others, the runtime wakes the thread that waits for sockets, which takes a call to
        // the kernel. This timer is always due soon, so the deadline of a request is hardly ever the first.
        let sweeping = async {
            loop {
                tokio::time::sleep(tick).await;
                connections.sweep();
            }
        };
        let cut_off = tokio::select! {
            cut_off = serving => cut_off,
            () = sweeping => 0,
        };
        ServeReport {
            cut_off,
            connections: accepted.into_inner(),
        }
    }

    /// Accepts connections, without end.
    async fn accept<S, F>(
        &self,
        listener: &TcpListener,
        connections: &Arc<Connections>,
        accepted: &AtomicU64,
        serve: S,
    ) where
        S: Fn(ConnectionStream) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        // Accepted sockets inherit it.
        let socket = socket2::SockRef::from(listener);
        if let Err(error) = socket.set_tcp_notsent_lowat(UNSENT_BYTES) {
            tracing::debug!(%error, "the system bounds no unsent bytes");
        }
        let mut failures = AcceptFailures::default();
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    failures.log_failed(&error);
                    if is_too_few_files(&error) {
                        connections.evict();
                    }
                    tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                    continue;
                }
            };
            let Some(slot) = connections.admit(peer).await else {
                failures.log_refused(self.max_connections);
                continue;
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection was gone before it was served");
                continue;
            }
            accepted.fetch_add(1, Ordering::Relaxed);
            self.tasks.spawn(serve(ConnectionStream::new(stream, slot)));
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
        // They only need to be scheduled once more.
        let _ = tokio::time::timeout(Duration::from_secs(1), tasks.wait()).await;
        cut_off
    }
}
