//! Reads all files, one after the other, on a thread of its own, and hands out chunks: what one batch carries, and the
//! refusals between its orders. Waits where the sender is behind.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;

use super::assemble::{Assembler, Item, RunKeys};
use super::fields::{Bound, column_of};
use super::group::Ready;
use super::mapping::Mapping;
use super::rows::{Format, Input, Rows};
use super::whole_orders::WholeOrders;

/// The most orders of a batch.
const MAX_ORDERS: usize = 500;
/// The most bytes of a batch, far below what a server takes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most refusals that wait to be reported.
const MAX_REFUSALS: usize = 2000;

/// How orders lie in the files.
#[derive(Clone)]
pub enum Shape {
    /// In rows, whose columns a mapping names.
    Mapped(Arc<Mapping>),
    /// A whole order a line, as it is exported and posted.
    Whole,
}

impl Shape {
    /// How a report calls the place that a fault's JSON Pointer speaks of.
    pub fn column_of(&self, pointer: &str) -> String {
        match self {
            Self::Mapped(mapping) => column_of(mapping, pointer),
            Self::Whole => pointer.trim_start_matches('/').to_owned(),
        }
    }
}

/// What is read, and how.
#[derive(Clone)]
pub struct Reading {
    /// How orders lie in the files.
    pub shape: Shape,
    /// For orders that have no name of their own.
    pub keys: RunKeys,
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
        let Shape::Mapped(mapping) = &self.shape else {
            return self.check_lines();
        };
        let names = mapping.columns();
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
            if let Some(rows) = self.begin(mapping, input, &names, Arc::default())? {
                bind(mapping, &names, input, &rows)?;
            }
        }
        Ok(())
    }

    /// As [`Reading::check_headings`], where there are none: something that is no NDJSON needs a mapping.
    fn check_lines(&self) -> anyhow::Result<()> {
        for input in &self.inputs {
            if input.size().is_some() {
                WholeOrders::begin(input, Arc::default())?;
            }
        }
        Ok(())
    }

    fn begin(
        &self,
        mapping: &Mapping,
        input: &Input,
        names: &[String],
        progress: Arc<AtomicU64>,
    ) -> anyhow::Result<Option<Rows>> {
        let cannot = || format!("cannot read {}", input.name());
        let bytes = input.open(progress).with_context(cannot)?;
        Rows::begin(bytes, self.format, mapping.delimiter, names).with_context(cannot)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Where a file cannot be read to its end; what was read before is handed out all the same.
    pub fn run(&self, chunks: &mpsc::Sender<Chunk>) -> anyhow::Result<()> {
        match &self.shape {
            Shape::Mapped(mapping) => self.run_mapped(mapping, chunks),
            Shape::Whole => self.run_whole(chunks),
        }
    }

    fn run_whole(&self, chunks: &mpsc::Sender<Chunk>) -> anyhow::Result<()> {
        let mut chunk = Chunk::default();
        let mut keys = self.keys.clone();
        for input in &self.inputs {
            let name = input.name();
            let Some(mut orders) = WholeOrders::begin(input, Arc::clone(&self.bytes_read))? else {
                chunk.notices.push(format!("{name} is empty"));
                continue;
            };
            while let Some(item) = orders
                .next(self.as_processed, &mut keys)
                .with_context(|| format!("cannot read {name} to its end"))?
            {
                chunk.rows += 1;
                chunk.push(item);
                if chunk.is_full() {
                    send(chunks, std::mem::take(&mut chunk))?;
                }
            }
        }
        send(chunks, chunk)
    }

    fn run_mapped(&self, mapping: &Mapping, chunks: &mpsc::Sender<Chunk>) -> anyhow::Result<()> {
        let names = mapping.columns();
        let time = match (&mapping.order.created_at, self.as_processed) {
            (Some(field), true) => Some(field.reader().map_err(anyhow::Error::msg)?),
            _ => None,
        };
        let mut chunk = Chunk::default();
        let mut assembler = Assembler::new(time, self.keys.clone());
        let mut items = Vec::new();
        let mut out = Out {
            chunk: &mut chunk,
            items: &mut items,
            chunks,
        };
        let result = self.read_all(mapping, &names, &mut assembler, &mut out);
        // An order that was cut off by an unreadable file is not taken: it may miss lines.
        if result.is_ok() {
            assembler.finish(&Bound::of_mapping(mapping), &mut items);
        }
        items.drain(..).for_each(|item| chunk.push(item));
        send(chunks, chunk)?;
        result
    }

    fn read_all<'m>(
        &self,
        mapping: &'m Mapping,
        names: &'m [String],
        assembler: &mut Assembler<'m>,
        out: &mut Out<'_>,
    ) -> anyhow::Result<()> {
        let Out {
            chunk,
            items,
            chunks,
        } = out;
        for input in &self.inputs {
            let name = input.name();
            let Some(mut rows) = self.begin(mapping, input, names, Arc::clone(&self.bytes_read))?
            else {
                chunk.notices.push(format!("{name} is empty"));
                continue;
            };
            let columns = rows.columns().to_vec();
            let bound = Bound::new(mapping, names, &columns)
                .map_err(|reason| anyhow::anyhow!("{name} {reason}"))?;
            while let Some(row) = rows
                .next()
                .with_context(|| format!("cannot read {name} to its end"))?
            {
                chunk.rows += 1;
                assembler.push(&name, &row, &bound, items);
                items.drain(..).for_each(|item| chunk.push(item));
                if chunk.is_full() {
                    send(chunks, std::mem::take(*chunk))?;
                }
            }
        }
        Ok(())
    }
}

/// Where what was read goes.
struct Out<'o> {
    chunk: &'o mut Chunk,
    items: &'o mut Vec<Item>,
    chunks: &'o mpsc::Sender<Chunk>,
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
