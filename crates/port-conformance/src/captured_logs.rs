//! The log as a test reads it: the lines of its own thread, or those of all threads of the process.
//!
//! One listener for the whole process, installed before anything is logged. One for each test would miss lines:
//! `tracing` remembers for each place in the code whether anybody listens, and a place that another test comes to first
//! is remembered as one to which nobody does.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, fmt};

static LISTENER: LazyLock<()> = LazyLock::new(|| {
    let filter = Targets::new()
        .with_default(Level::INFO)
        .with_target("edge_http", Level::DEBUG)
        .with_target("edge_grpc", Level::DEBUG);
    let lines = fmt::layer().with_ansi(false).with_writer(ToKeptLogs);
    let listener = tracing_subscriber::registry().with(lines.with_filter(filter));
    tracing::subscriber::set_global_default(listener).expect("a test has one listener");
});

thread_local! {
    static KEPT: RefCell<Option<(Level, Bytes)>> = const { RefCell::new(None) };
}

/// The logs that keep the lines of all threads.
static KEPT_OF_ALL: Mutex<Vec<(Level, Bytes)>> = Mutex::new(Vec::new());

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Installs the listener. What starts a server calls it first.
pub fn listen() {
    LazyLock::force(&LISTENER);
}

/// What is logged from the moment this was made until it is dropped.
#[derive(Debug)]
pub struct KeptLog(Bytes);

impl KeptLog {
    /// Keeps what this thread logs at `level` or above. For tests that run on one thread.
    #[must_use]
    pub fn at(level: Level) -> Self {
        listen();
        let bytes = Bytes::default();
        KEPT.set(Some((level, Arc::clone(&bytes))));
        Self(bytes)
    }

    /// Keeps what all threads log at `level` or above. Other tests of the process log too: look for lines that name
    /// something of this test alone.
    #[must_use]
    pub fn of_all_threads(level: Level) -> Self {
        listen();
        let bytes = Bytes::default();
        lock(&KEPT_OF_ALL).push((level, Arc::clone(&bytes)));
        Self(bytes)
    }

    /// The lines so far.
    ///
    /// # Panics
    /// If a line is not UTF-8.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let bytes = lock(&self.0);
        let text = std::str::from_utf8(&bytes).expect("the log is text");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for KeptLog {
    fn drop(&mut self) {
        let is_this = |(_, bytes): &(Level, Bytes)| Arc::ptr_eq(bytes, &self.0);
        KEPT.with_borrow_mut(|kept| kept.take_if(|kept| is_this(kept)));
        lock(&KEPT_OF_ALL).retain(|kept| !is_this(kept));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to the logs that keep what this thread logs, or to nowhere.
struct ToKeptLogs;

struct Sink(Vec<Bytes>);

impl Sink {
    /// The logs that keep lines for which `is_kept` holds, given the level of a log.
    fn of(is_kept: impl Fn(Level) -> bool) -> Self {
        let of_all = lock(&KEPT_OF_ALL);
        let of_thread = KEPT.with_borrow(Clone::clone);
        let kept = of_all.iter().cloned().chain(of_thread);
        Self(
            kept.filter(|(level, _)| is_kept(*level))
                .map(|(_, bytes)| bytes)
                .collect(),
        )
    }
}

impl MakeWriter<'_> for ToKeptLogs {
    type Writer = Sink;

    fn make_writer(&self) -> Sink {
        Sink::of(|_| true)
    }

    fn make_writer_for(&self, line: &Metadata<'_>) -> Sink {
        Sink::of(|level| *line.level() <= level)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for kept in &self.0 {
            lock(kept).extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
