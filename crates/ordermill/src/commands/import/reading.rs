//! Reads all files on a separate thread: a first pass, a pass that compares with what the mapping expects, and the pass
//! whose orders are sent. Waits if the sender is behind.

use std::sync::Arc;

use anyhow::Context as _;
use order_import::{
    Expect, Fate, ImportError, Inputs, Item, MappedFiles, Mapping, Progress, Repeats, RunKeys,
    Sink, Taken, Tally, WholeFiles,
};
use tokio::sync::mpsc;

use super::chunk::Chunk;
use super::shape::Shape;

/// What is read, and how.
pub struct Reading {
    /// How orders lie in the files.
    pub shape: Shape,
    /// The files.
    pub inputs: Inputs,
    /// What becomes of orders that do not say it themselves.
    pub default_fate: Fate,
    /// For orders that have no name of their own.
    pub keys: RunKeys,
    /// Whether a pass before the one that is sent compares with what the mapping expects.
    pub compares_first: bool,
}

/// What the thread sends.
pub enum Message {
    /// A pass over this many bytes begins.
    Pass {
        /// What it does, in a word or two.
        name: &'static str,
        /// How far it has got.
        progress: Arc<Progress>,
        /// Bytes.
        size: u64,
    },
    /// Orders to send.
    Chunk(Chunk),
    /// The end.
    End(anyhow::Result<()>),
}

/// The name of the pass whose orders are sent.
pub const LAST_PASS: &str = "importing";

impl Reading {
    /// Reads everything, up to the first fault that is not an order's; ends early if the receiver is dropped.
    pub fn run(&self, messages: &mpsc::Sender<Message>) {
        let result = match &self.shape {
            Shape::Mapped(mapping) => self.run_mapped(mapping, messages),
            Shape::Whole => self.run_whole(messages),
        };
        // Whoever stopped listening has stopped the import.
        let _ = messages.blocking_send(Message::End(result));
    }

    fn run_mapped(
        &self,
        mapping: &Mapping,
        messages: &mpsc::Sender<Message>,
    ) -> anyhow::Result<()> {
        let files = MappedFiles::open(mapping, &self.inputs)?;
        let size = files.size();
        let begin = |name| begin_pass(messages, name, size);
        let progress = begin("looking for orders whose rows are apart")?;
        let mut numbers = files.first_pass(&progress)?;
        let mut read = |name, sink: &mut Sink<'_>| {
            let (keys, progress) = (self.keys.clone(), begin(name)?);
            let fate = self.default_fate;
            files.read(&mut numbers, keys, fate, &progress, sink)
        };
        if let Some(expect) = mapping.expect.as_ref().filter(|_| self.compares_first) {
            compare(expect, |sink| read("comparing with expect", sink))?;
        }
        send(messages, |sink| read(LAST_PASS, sink))
    }

    fn run_whole(&self, messages: &mpsc::Sender<Message>) -> anyhow::Result<()> {
        let files = WholeFiles::open(&self.inputs)?;
        let progress = begin_pass(messages, LAST_PASS, files.size())?;
        let keys = self.keys.clone();
        send(messages, |sink| {
            files.read(keys, self.default_fate, &progress, sink)
        })
    }
}

fn begin_pass(
    messages: &mpsc::Sender<Message>,
    name: &'static str,
    size: u64,
) -> Result<Arc<Progress>, ImportError> {
    let progress = Arc::new(Progress::default());
    let message = Message::Pass {
        name,
        progress: Arc::clone(&progress),
        size,
    };
    match messages.blocking_send(message) {
        Ok(()) => Ok(progress),
        Err(_) => Err(ImportError::Stopped),
    }
}

/// Hands out chunks; what was read before a fault is handed out as well.
fn send(
    messages: &mpsc::Sender<Message>,
    read: impl FnOnce(&mut Sink<'_>) -> Result<(), ImportError>,
) -> anyhow::Result<()> {
    let mut chunk = Chunk::default();
    let result = read(&mut |item| {
        chunk.push(item);
        !chunk.is_full()
            || messages
                .blocking_send(Message::Chunk(std::mem::take(&mut chunk)))
                .is_ok()
    });
    messages
        .blocking_send(Message::Chunk(chunk))
        .map_err(|_| ImportError::Stopped)?;
    Ok(result?)
}

/// Reads everything once, and compares it with what the mapping expects.
fn compare(
    expect: &Expect,
    read: impl FnOnce(&mut Sink<'_>) -> Result<(), ImportError>,
) -> anyhow::Result<()> {
    let mut tally = Tally::default();
    let mut repeats = Repeats::default();
    let mut refused = 0_u64;
    read(&mut |item| {
        match item {
            Item::Order(order) if repeats.take(&order) == Taken::New => tally.add(&order),
            Item::Refused(own) => refused += u64::from(!own.is_counted),
            Item::Order(_) | Item::Skipped | Item::EmptyFile(_) => {}
        }
        true
    })?;
    tally.compare(expect).with_context(|| {
        format!(
            "the files are not as the mapping expects, and nothing was sent ({refused} orders are refused; --dry-run reports why)"
        )
    })
}
