//! One open connection, as the rest of the server sees it: whether it is idle, whether its client takes what is written to
//! it, and how it is ended.
//!
//! The edge that serves the connection tells it of each request and runs it ([`Connection::run`]); its stream notes when
//! writes are blocked; the sweeper of the listener reads what they left behind.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use http::Version;
use hyper_util::server::graceful::GracefulConnection;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::requests::{RequestInFlight, Requests, StreamTasks};
use crate::ticks::Ticks;

/// Ticks after which a connection is cut that was asked to end and has no request in flight: HTTP/2 waits for an answer of its
/// client, which may never come.
const CLOSING_TICKS: u32 = 3;

/// An open connection. It counts among the open ones until its [`ConnectionStream`](crate::ConnectionStream) is dropped.
#[derive(Debug)]
pub struct Connection {
    peer: SocketAddr,
    ticks: Arc<Ticks>,
    requests: Arc<Requests>,
    /// [`Connection::run`] is over: if the stream is still open, it was handed over to another protocol.
    is_handed_over: AtomicBool,
    /// Since when the client has taken nothing of what is written; 0 while it takes it.
    write_blocked_since: AtomicU32,
    /// Since when it is asked to end; 0 if it is not.
    closing_since: AtomicU32,
    /// Cut because of a client that takes nothing: what the kernel still holds is discarded.
    is_stalled: AtomicBool,
    closing: CancellationToken,
    cut: CancellationToken,
}

/// The sweeper's timeouts, in ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) idle: u32,
    pub(crate) write: u32,
}

impl Connection {
    /// `closing` is cancelled when the connection should end after the requests in flight, `cut` when it should end at once.
    pub(crate) fn new(
        peer: SocketAddr,
        ticks: Arc<Ticks>,
        closing: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        Self {
            peer,
            requests: Arc::new(Requests::new(Arc::clone(&ticks))),
            is_handed_over: AtomicBool::new(false),
            write_blocked_since: AtomicU32::new(0),
            closing_since: AtomicU32::new(0),
            is_stalled: AtomicBool::new(false),
            closing,
            cut,
            ticks,
        }
    }

    /// The client's address.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// A request's head is complete. The connection is not idle until the result is dropped: with the last byte of the answer,
    /// if it goes into [`RequestInFlight::answer`].
    #[must_use]
    pub fn begin_request(&self, version: Version) -> RequestInFlight {
        self.requests.begin(version)
    }

    /// Runs the streams of this connection, if it speaks HTTP/2, as tasks of `tasks`. For hyper's builder.
    #[must_use]
    pub fn executor(&self, tasks: &TaskTracker) -> StreamTasks {
        StreamTasks::new(Arc::clone(&self.requests), tasks.clone())
    }

    /// Serves `connection` to its end. It is asked to end, after the requests in flight, when the server stops, when it was idle
    /// for too long, and when its address holds too many connections. A cut ends it at once.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn run<C: GracefulConnection>(&self, connection: C) -> Result<(), C::Error> {
        let result = self.run_to_end(connection).await;
        self.is_handed_over.store(true, Ordering::Relaxed);
        result
    }

    async fn run_to_end<C: GracefulConnection>(&self, connection: C) -> Result<(), C::Error> {
        let mut connection = pin!(connection);
        tokio::select! {
            // The connection first, so that a request that has arrived is in flight before anything ends it.
            biased;
            result = connection.as_mut() => return result,
            () = self.cut.cancelled() => return Ok(()),
            () = self.closing.cancelled() => {}
        }
        // HTTP/1 requests begin in this task, so none begins between this check and the end. A half-sent head is no request.
        if self.requests.idle_since().is_some() && !self.requests.is_http2() {
            return Ok(());
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            result = connection => result,
            () = self.cut.cancelled() => Ok(()),
        }
    }

    /// Resolves when the connection should end after the requests in flight: for what an edge does before [`Connection::run`].
    pub async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Resolves when the connection should end at once: for an edge that does not use [`Connection::run`].
    pub async fn cut(&self) {
        self.cut.cancelled().await;
    }

    /// Since when no request is in flight; `None` if one is, or if the connection was handed over to another protocol.
    pub(crate) fn idle_since(&self) -> Option<u32> {
        if self.is_handed_over.load(Ordering::Relaxed) {
            return None;
        }
        self.requests.idle_since()
    }

    /// Asks the connection to end after the requests in flight.
    pub(crate) fn close(&self) {
        let now = self.ticks.now();
        let _ = self
            .closing_since
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        self.closing.cancel();
    }

    /// Ends what has taken too long.
    pub(crate) fn sweep(&self, now: u32, timeouts: Timeouts) {
        if self.is_handed_over.load(Ordering::Relaxed) {
            return;
        }
        let has_passed =
            |since: u32, timeout: u32| since != 0 && now.saturating_sub(since) >= timeout;
        let blocked_since = self.write_blocked_since.load(Ordering::Relaxed);
        if has_passed(blocked_since, timeouts.write)
            || self.requests.reset_stalled(now, timeouts.write)
        {
            tracing::info!("a connection is cut: its client takes nothing of what is sent");
            self.is_stalled.store(true, Ordering::Relaxed);
            self.cut.cancel();
            return;
        }
        let Some(idle_since) = self.idle_since() else {
            return;
        };
        if has_passed(self.closing_since.load(Ordering::Relaxed), CLOSING_TICKS) {
            self.cut.cancel();
        } else if has_passed(idle_since, timeouts.idle) {
            self.close();
        }
    }

    pub(crate) fn note_blocked_write(&self) {
        if self.write_blocked_since.load(Ordering::Relaxed) == 0 {
            let now = self.ticks.now();
            self.write_blocked_since.store(now, Ordering::Relaxed);
        }
    }

    pub(crate) fn note_write(&self) {
        if self.write_blocked_since.load(Ordering::Relaxed) != 0 {
            self.write_blocked_since.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.is_stalled.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    #[cfg(test)]
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }
}
