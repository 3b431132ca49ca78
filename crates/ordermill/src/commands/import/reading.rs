//! Reads all files, one after the other, on a thread of its own, and hands out chunks: what one batch carries, and the
//! refusals between its orders. Waits where the sender is behind.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;

use super::assemble::{Assembler, Item};
use super::fields::Bound;
use super::group::Ready;
use super::mapping::Mapping;
use super::rows::{Format, Input, Rows};

/// The most orders of a batch.
const MAX_ORDERS: usize = 500;
/// The most bytes of a batch, far below what a server takes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most refusals that wait to be reported.
const MAX_REFUSALS: usize = 2000;

/// What is read, and how.
#[derive(Clone)]
pub struct Reading {
    /// Which column is what.
    pub mapping: Arc<Mapping>,
    /// In this order.
    pub inputs: Vec<Input>,
    /// `None`: each file is looked at.
    pub format: Option<Format>,
    /// Whether the time of each order is asked for.
    pub as_processed: bool,
    /// Counts along.
    pub bytes_read: Arc<AtomicU64>,
}

/// A stretch of the files.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Orders and refusals, in the order of the files.
    pub items: Vec<Item>,
    /// Rows read.
    pub rows: u64,
    /// What a person should know, such as an empty file.
    pub notices: Vec<String>,
    orders: usize,
    bytes: usize,
    refusals: usize,
}

impl Chunk {
    /// The orders to send.
    pub fn orders(&self) -> impl Iterator<Item = &Ready> {
        self.items.iter().filter_map(|item| match item {
            Item::Ready(order) => Some(order),
            Item::Refused(_) => None,
        })
    }

    fn push(&mut self, item: Item) {
        match &item {
            Item::Ready(order) => {
                self.orders += 1;
                self.bytes += order.json.len();
            }
            Item::Refused(refusals) => self.refusals += refusals.len(),
        }
        self.items.push(item);
    }

    const fn is_full(&self) -> bool {
        self.orders >= MAX_ORDERS || self.bytes >= MAX_BYTES || self.refusals >= MAX_REFUSALS
    }
}

impl Reading {
    /// All bytes, where they are known beforehand.
    pub fn size(&self) -> Option<u64> {
        self.inputs.iter().map(Input::size).sum()
    }

    /// Looks at the start of every file, before anything is sent: a file that is missing or that the mapping does not
    /// fit stops the import before it has begun.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn check_headings(&self) -> anyhow::Result<()> {
        let names = self.mapping.columns();
        for input in &self.inputs {
            if input.size().is_none()
                && matches!(input, Input::File(path) if path.exists() && !path.is_dir())
            {
                // A pipe can be read once only.
                continue;
            }
            if *input == Input::Standard {
                continue;
            }
            if let Some(rows) = self.begin(input, &names, Arc::default())? {
                bind(&self.mapping, &names, input, &rows)?;
            }
        }
        Ok(())
    }

    fn begin(
        &self,
        input: &Input,
        names: &[String],
        progress: Arc<AtomicU64>,
    ) -> anyhow::Result<Option<Rows>> {
        let cannot = || format!("cannot read {}", input.name());
        let bytes = input.open(progress).with_context(cannot)?;
        Rows::begin(bytes, self.format, self.mapping.delimiter, names).with_context(cannot)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Where a file cannot be read to its end; what was read before is handed out all the same.
    pub fn run(&self, chunks: &mpsc::Sender<Chunk>) -> anyhow::Result<()> {
        let names = self.mapping.columns();
        let time = match (&self.mapping.order.created_at, self.as_processed) {
            (Some(field), true) => Some(field.reader().map_err(anyhow::Error::msg)?),
            _ => None,
        };
        let mut chunk = Chunk::default();
        let mut assembler = Assembler::new(time);
        let mut items = Vec::new();
        let result = self.read_all(&names, &mut assembler, &mut chunk, &mut items, chunks);
        // An order that was cut off by an unreadable file is not taken: it may miss lines.
        if result.is_ok() {
            assembler.finish(&Bound::of_mapping(&self.mapping), &mut items);
        }
        items.drain(..).for_each(|item| chunk.push(item));
        send(chunks, chunk)?;
        result
    }

    fn read_all<'m>(
        &'m self,
        names: &'m [String],
        assembler: &mut Assembler<'m>,
        chunk: &mut Chunk,
        items: &mut Vec<Item>,
        chunks: &mpsc::Sender<Chunk>,
    ) -> anyhow::Result<()> {
        for input in &self.inputs {
            let name = input.name();
            let Some(mut rows) = self.begin(input, names, Arc::clone(&self.bytes_read))? else {
                chunk.notices.push(format!("{name} is empty"));
                continue;
            };
            let columns = rows.columns().to_vec();
            let bound = Bound::new(&self.mapping, names, &columns)
                .map_err(|reason| anyhow::anyhow!("{name} {reason}"))?;
            while let Some(row) = rows
                .next()
                .with_context(|| format!("cannot read {name} to its end"))?
            {
                chunk.rows += 1;
                assembler.push(&name, &row, &bound, items);
                items.drain(..).for_each(|item| chunk.push(item));
                if chunk.is_full() {
                    send(chunks, std::mem::take(chunk))?;
                }
            }
        }
        Ok(())
    }
}

fn bind(mapping: &Mapping, names: &[String], input: &Input, rows: &Rows) -> anyhow::Result<()> {
    match Bound::new(mapping, names, rows.columns()) {
        Ok(_) => Ok(()),
        Err(reason) => bail!("{} {reason}", input.name()),
    }
}

fn send(chunks: &mpsc::Sender<Chunk>, chunk: Chunk) -> anyhow::Result<()> {
    chunks
        .blocking_send(chunk)
        .map_err(|_| anyhow::anyhow!("the import was stopped"))
}
