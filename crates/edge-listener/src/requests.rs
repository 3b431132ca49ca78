//! The requests of one connection: each is in flight from its complete head to the last byte of its answer that the client
//! takes. Says whether the connection is idle, and resets the HTTP/2 streams whose clients do not take their answers.
//!
//! `connection` begins requests, `answer_body` notes what is offered to a client and what it took, and the sweeper asks. A
//! request costs a few atomic operations, and over HTTP/2 an entry in a list of its connection; it costs no timer.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::Version;
use hyper::rt::Executor;
use tokio::task::{AbortHandle, Id};
use tokio_util::task::TaskTracker;

use crate::ticks::Ticks;

/// Ticks that a stream which was reset has to release its answer.
const RESET_TICKS: u32 = 2;

/// What the requests of a connection leave behind for the sweeper.
#[derive(Debug)]
pub(crate) struct Requests {
    ticks: Arc<Ticks>,
    in_flight: AtomicUsize,
    /// When the last request ended, or when the connection was opened.
    idle_since: AtomicU32,
    is_http2: AtomicBool,
    streams: Mutex<Streams>,
}

/// The HTTP/2 streams. Both lists hold entries of streams that have ended, but never more of them than of others: a list that is
/// full is cleared of them before it grows.
#[derive(Debug, Default)]
struct Streams {
    tasks: Vec<AbortHandle>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    request: Weak<Request>,
    /// The task of its stream, if it has one.
    task: Option<Id>,
}

impl Requests {
    pub(crate) fn new(ticks: Arc<Ticks>) -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            idle_since: AtomicU32::new(ticks.now()),
            is_http2: AtomicBool::new(false),
            streams: Mutex::default(),
            ticks,
        }
    }

    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> RequestInFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        if version == Version::HTTP_2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
        RequestInFlight(Arc::new(Request {
            offered: AtomicU32::new(0),
            progress: AtomicU32::new(self.ticks.now()),
            reset_at: AtomicU32::new(0),
            requests: Arc::clone(self),
        }))
    }

    /// Since when no request is in flight; `None` if one is.
    pub(crate) fn idle_since(&self) -> Option<u32> {
        let is_idle = self.in_flight.load(Ordering::Relaxed) == 0;
        is_idle.then(|| self.idle_since.load(Ordering::Relaxed))
    }

    /// Whether a request came over HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    /// Resets each stream whose client has taken nothing of its answer for `timeout` ticks. True if that freed nothing, because
    /// the answer is in the buffers of the connection and its task has ended: then the connection has to be cut.
    pub(crate) fn reset_stalled(&self, now: u32, timeout: u32) -> bool {
        if !self.is_http2() {
            // The stream of an HTTP/1 connection notes by itself whether its client takes anything.
            return false;
        }
        let mut streams = self.streams();
        let Streams { tasks, answers } = &mut *streams;
        answers.retain(|answer| answer.request.strong_count() > 0);
        for answer in answers {
            let Some(request) = answer.request.upgrade() else {
                continue;
            };
            let reset_at = request.reset_at.load(Ordering::Relaxed);
            if reset_at != 0 {
                if now.saturating_sub(reset_at) >= RESET_TICKS {
                    return true;
                }
                continue;
            }
            if !request.is_stalled(now, timeout) {
                continue;
            }
            let task = tasks.iter().find(|task| Some(task.id()) == answer.task);
            let Some(task) = task.filter(|task| !task.is_finished()) else {
                return true;
            };
            tracing::info!("a stream is reset: its client takes nothing of its answer");
            request.reset_at.store(now, Ordering::Relaxed);
            task.abort();
        }
        false
    }

    fn watch_answer(&self, request: &Arc<Request>) {
        let answers = &mut self.streams().answers;
        if answers.len() == answers.capacity() {
            answers.retain(|answer| answer.request.strong_count() > 0);
        }
        answers.push(Answer {
            request: Arc::downgrade(request),
            task: tokio::task::try_id(),
        });
    }

    fn watch_task(&self, task: AbortHandle) {
        let tasks = &mut self.streams().tasks;
        if tasks.len() == tasks.capacity() {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(task);
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight, until it is dropped and the client has taken its whole answer.
#[derive(Debug)]
pub struct RequestInFlight(Arc<Request>);

/// What all holders of a request share.
#[derive(Debug)]
struct Request {
    requests: Arc<Requests>,
    /// Parts of the answer that are offered to the client and not taken.
    offered: AtomicU32,
    /// When a part was last offered or taken.
    progress: AtomicU32,
    /// When its stream was reset because of a client that takes nothing; 0 if it was not.
    reset_at: AtomicU32,
}

impl RequestInFlight {
    /// From now on the sweeper ends the answer if its client takes nothing of it. Called in the task of the stream.
    pub(crate) fn watch_answer(&self) {
        let requests = &self.0.requests;
        if requests.is_http2() {
            requests.watch_answer(&self.0);
        }
    }

    /// Something is there for the client to take, until the result is dropped.
    pub(crate) fn offer(&self) -> Offered {
        self.0.note_progress();
        self.0.offered.fetch_add(1, Ordering::Relaxed);
        Offered(Arc::clone(&self.0))
    }
}

impl Request {
    fn note_progress(&self) {
        let now = self.requests.ticks.now();
        self.progress.store(now, Ordering::Relaxed);
    }

    /// Whether something was offered for `timeout` ticks without the client taking any of it.
    fn is_stalled(&self, now: u32, timeout: u32) -> bool {
        self.offered.load(Ordering::Relaxed) > 0
            && now.saturating_sub(self.progress.load(Ordering::Relaxed)) >= timeout
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let now = self.requests.ticks.now();
        self.requests.idle_since.store(now, Ordering::Relaxed);
        self.requests.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A part of an answer, until the client took it or it was discarded.
#[derive(Debug)]
pub(crate) struct Offered(Arc<Request>);

impl Drop for Offered {
    fn drop(&mut self) {
        self.0.note_progress();
        self.0.offered.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs the streams of one HTTP/2 connection as tasks of a tracker. See [`Connection::executor`](crate::Connection::executor).
#[derive(Debug, Clone)]
pub struct StreamTasks {
    requests: Arc<Requests>,
    tasks: TaskTracker,
}

impl StreamTasks {
    pub(crate) const fn new(requests: Arc<Requests>, tasks: TaskTracker) -> Self {
        Self { requests, tasks }
    }
}

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let task = self.tasks.spawn(stream).abort_handle();
        self.requests.watch_task(task);
    }
}
