//! The log as a test of an edge reads it: each thread keeps its own lines, once it was asked to.
//!
//! One listener for the whole process, installed before anything is logged. One for each test would miss lines:
//! `tracing` remembers for each place in the code whether anybody listens, and a place that another test comes to first
//! is remembered as one to which nobody does.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

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
    let lines = fmt::layer().with_ansi(false).with_writer(OfThisThread);
    let listener = tracing_subscriber::registry().with(lines.with_filter(filter));
    tracing::subscriber::set_global_default(listener).expect("a test has one listener");
});

thread_local! {
    static KEPT: RefCell<Option<(Level, Bytes)>> = const { RefCell::new(None) };
}

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Installs the listener. What starts a server calls it first.
pub fn listen() {
    LazyLock::force(&LISTENER);
}

/// What this thread logs, from the moment this was made until it is dropped. For tests that run on one thread.
#[derive(Debug)]
pub struct KeptLog(Bytes);

impl KeptLog {
    /// Keeps what is logged at `level` or above.
    #[must_use]
    pub fn at(level: Level) -> Self {
        listen();
        let bytes = Bytes::default();
        KEPT.set(Some((level, Arc::clone(&bytes))));
        Self(bytes)
    }

    /// The lines so far.
    ///
    /// # Panics
    /// If a line is not UTF-8.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = std::str::from_utf8(&bytes).expect("the log is text");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for KeptLog {
    fn drop(&mut self) {
        KEPT.set(None);
    }
}

/// Writes to what the thread keeps, or to nowhere.
struct OfThisThread;

struct Sink(Option<Bytes>);

impl MakeWriter<'_> for OfThisThread {
    type Writer = Sink;

    fn make_writer(&self) -> Sink {
        Sink(KEPT.with_borrow(|kept| kept.as_ref().map(|(_, bytes)| Arc::clone(bytes))))
    }

    fn make_writer_for(&self, line: &Metadata<'_>) -> Sink {
        let is_kept = |(level, _): &&(Level, Bytes)| line.level() <= level;
        Sink(KEPT.with_borrow(|kept| {
            let kept = kept.as_ref().filter(is_kept);
            kept.map(|(_, bytes)| Arc::clone(bytes))
        }))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(kept) = &self.0 {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
