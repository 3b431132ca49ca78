//! Connection timeouts: for a request's head to be complete, and for a connection on which nothing happens.
//!
//! A connection is watched by one timer that ticks a few times in the shortest wait, and by flags that requests and
//! bytes leave behind. So a request costs no timer and no look at the clock, and an idle keep-alive connection may live
//! longer than a half-sent head.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use edge_listener::ConnectionStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::settings::EdgeSettings;

/// What the requests of a connection tell its timer.
#[derive(Debug, Default)]
pub(crate) struct ConnectionActivity {
    /// Requests in flight; the timer rests while there are any.
    in_flight: AtomicUsize,
    /// Whether a request has come since the timer last ticked.
    request_came: AtomicBool,
    /// Whether HTTP/2 is spoken, whose frames are no sign of a request's head.
    is_http2: AtomicBool,
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlightGuard(Option<Arc<ConnectionActivity>>);

impl ConnectionActivity {
    /// A request's head is complete. The timer rests until the result is dropped.
    pub(crate) fn begin_request(self: &Arc<Self>, is_http2: bool) -> InFlightGuard {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.request_came.store(true, Ordering::Relaxed);
        if is_http2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
        InFlightGuard(Some(Arc::clone(self)))
    }
}

impl InFlightGuard {
    /// The connection was handed over (to a WebSocket, say), which times it by itself from now on.
    pub(crate) fn hand_over(mut self) {
        self.0 = None;
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if let Some(activity) = &self.0 {
            activity.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A connection that fails with a time-out once its client's time is over.
pub(crate) struct TimedStream {
    stream: ConnectionStream,
    activity: Arc<ConnectionActivity>,
    watch: Pin<Box<Sleep>>,
    tick: Duration,
    /// Whole ticks after which a head must be complete, and after which a silent connection ends.
    head_ticks: u32,
    idle_ticks: u32,
    /// Bytes have come since the last request: they begin the next one's head.
    in_head: bool,
    /// Bytes have come or gone since the watch last looked.
    has_moved: bool,
    ticks_in_head: u32,
    ticks_idle: u32,
}

/// Ticks in the wait for a head. The wait is exact to one tick.
const TICKS: u32 = 4;

impl TimedStream {
    pub(crate) fn new(
        stream: ConnectionStream,
        activity: Arc<ConnectionActivity>,
        settings: &EdgeSettings,
    ) -> Self {
        let shortest = settings.header_timeout.min(settings.tuning.idle_timeout);
        let tick = (shortest / TICKS).max(Duration::from_millis(1));
        let ticks = |wait: Duration| {
            u32::try_from(wait.as_millis().div_ceil(tick.as_millis().max(1))).unwrap_or(u32::MAX)
        };
        Self {
            stream,
            activity,
            watch: Box::pin(tokio::time::sleep(tick)),
            tick,
            head_ticks: ticks(settings.header_timeout),
            idle_ticks: ticks(settings.tuning.idle_timeout),
            // A fresh connection owes a request at once.
            in_head: true,
            has_moved: false,
            ticks_in_head: 0,
            ticks_idle: 0,
        }
    }

    /// The connection alone, for what takes it over (a WebSocket).
    pub(crate) fn into_inner(self) -> ConnectionStream {
        self.stream
    }

    /// Looks at the watch, and at the connection once a tick. Called whenever the connection would wait.
    fn poll_watch(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.watch.as_mut().poll(context).is_ready() {
            self.tick_over()?;
            self.watch.as_mut().reset(Instant::now() + self.tick);
        }
        Ok(())
    }

    fn tick_over(&mut self) -> io::Result<()> {
        let is_in_flight = self.activity.in_flight.load(Ordering::Relaxed) > 0;
        let request_came = self.activity.request_came.swap(false, Ordering::Relaxed);
        if request_came {
            self.in_head = false;
        }
        if is_in_flight || request_came {
            self.has_moved = false;
            self.ticks_in_head = 0;
            self.ticks_idle = 0;
            return Ok(());
        }
        let is_http2 = self.activity.is_http2.load(Ordering::Relaxed);
        self.ticks_in_head = if self.in_head && !is_http2 {
            self.ticks_in_head + 1
        } else {
            0
        };
        self.ticks_idle = if std::mem::take(&mut self.has_moved) {
            0
        } else {
            self.ticks_idle + 1
        };
        if self.ticks_in_head >= self.head_ticks || self.ticks_idle >= self.idle_ticks {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Ready(result) => {
                self.has_moved = true;
                // What comes while a request is answered is its body.
                let is_head = self.activity.in_flight.load(Ordering::Relaxed) == 0;
                self.in_head |= is_head && buffer.filled().len() > before;
                Poll::Ready(result)
            }
            Poll::Pending => match self.poll_watch(context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl TimedStream {
    /// A client that does not read is watched like one that does not write.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(result) => {
                self.has_moved = true;
                Poll::Ready(result)
            }
            Poll::Pending => match self.poll_watch(context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
        }
    }
}
