//! The thread that keeps the index file up, and builds it again on request or if it does not fit.
//!
//! Started by the store, woken by the memtable; it never touches the orders but to read them.

use std::sync::Arc;
use std::time::Duration;

use domain::OrderId;
use rusqlite::Connection;
use tokio::time::Instant;

use super::file::{Compaction, IndexFile};
use super::memtable::{Memtable, Segment};
use super::names::{NameHash, UserHash};
use crate::codec::{self, log};
use crate::folder::DataFolder;
use crate::options::OpenError;
use crate::place;
use crate::published::Published;
use crate::read::row;

/// After this long without a new order, those that wait are indexed however few they are.
const IDLE: Duration = Duration::from_millis(500);
/// However busy the store is, no order waits for much longer than this many times [`IDLE`].
const MAX_IDLE_WAITS: u32 = 20;
/// How long the indexer sleeps if nothing waits.
const ALL_DAY: Duration = Duration::from_secs(86_400);
/// How long the indexer waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Orders a transaction while the index is built from the log.
const SLICE: usize = 65_536;

/// A failure of the index; the store goes on without new entries for as long as its memory allows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Unreadable(#[from] codec::Unreadable),
    #[error(transparent)]
    Folder(#[from] std::io::Error),
}

pub(crate) struct Indexer {
    folder: Arc<DataFolder>,
    store_id: Vec<u8>,
    file: IndexFile,
    generation: u64,
    /// Reads orders and log.
    orders: Connection,
}

impl Indexer {
    /// Opens the index and brings it up to `head`; builds it anew if it is missing or does not fit.
    pub(crate) fn open(
        folder: Arc<DataFolder>,
        store_id: Vec<u8>,
        orders: Connection,
        head: u64,
    ) -> Result<Self, OpenError> {
        let failed = |error: IndexError, folder: &DataFolder| OpenError::Corrupt {
            dir: folder.dir().to_owned(),
            reason: format!("the index could not be brought up to date: {error}"),
        };
        match Self::open_or_build(&folder, &store_id, &orders, head) {
            Ok((file, generation)) => Ok(Self {
                folder,
                store_id,
                file,
                generation,
                orders,
            }),
            Err(error) => Err(failed(error, &folder)),
        }
    }

    fn open_or_build(
        folder: &DataFolder,
        store_id: &[u8],
        orders: &Connection,
        head: u64,
    ) -> Result<(IndexFile, u64), IndexError> {
        let generations = folder.index_generations()?;
        let mut in_use = None;
        for generation in generations.iter().rev() {
            if in_use.is_none() {
                // An unreadable file is as good as none: the log has it all.
                in_use = IndexFile::open(&folder.index(*generation), store_id, head)
                    .unwrap_or_default()
                    .map(|file| (file, *generation));
            }
            if in_use.as_ref().is_none_or(|(_, used)| used != generation) {
                folder.remove_index(*generation)?;
            }
        }
        if let Some((mut file, generation)) = in_use {
            match catch_up(orders, &mut file, head) {
                Ok(()) => return Ok((file, generation)),
                Err(error) => {
                    tracing::warn!(%error, "the index is unusable and is built anew");
                    drop(file);
                    folder.remove_index(generation)?;
                }
            }
        }
        if head > 0 {
            tracing::info!(events = head, "building the index of orders from the log");
        }
        let generation = generations.last().map_or(1, |last| last + 1);
        let mut file = IndexFile::create(&folder.index(generation), store_id)?;
        catch_up(orders, &mut file, head)?;
        file.mark_complete()?;
        Ok((file, generation))
    }

    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Works until the store closes, and then once more.
    pub(crate) fn run(mut self, memtable: &Memtable, published: &Published) {
        self.fill_filter(memtable);
        let mut seen_through = None;
        let mut waits = 0;
        let mut is_paused = false;
        let mut pause = Duration::ZERO;
        loop {
            let unindexed = memtable.unindexed_through();
            let compaction = match unindexed {
                Some(_) => Compaction::UnderLoad,
                None => Compaction::AtRest,
            };
            let needs_compaction = self.file.needs_compaction(compaction);
            let wait = if needs_compaction && !is_paused {
                pause
            } else {
                unindexed.map_or(ALL_DAY, |_| IDLE)
            };
            let signals = memtable.wait_for_work(wait);
            is_paused = signals.paused;
            let is_told = signals.closing || signals.writer_waits;
            if signals.paused && !is_told {
                continue;
            }
            let is_outdated = signals.outdated >= self.generation;
            let is_called = is_told || signals.flush || is_outdated;
            if !is_called && needs_compaction {
                pause = self.compact(memtable, compaction);
                continue;
            }
            // Larger batches are cheaper: while orders keep coming, a time-out alone is no reason.
            let is_busy = memtable.unindexed_through() != seen_through;
            if !is_called && is_busy && waits < MAX_IDLE_WAITS {
                seen_through = memtable.unindexed_through();
                waits += 1;
                continue;
            }
            waits = 0;
            let done = if is_outdated && !signals.closing && !signals.paused {
                self.rebuild(memtable, published)
            } else {
                self.flush(memtable).map_err(IndexError::from)
            };
            if let Err(error) = done {
                tracing::error!(%error, "the index of orders could not be written; it is tried again");
                if !signals.closing {
                    std::thread::sleep(AFTER_FAILURE);
                }
            }
            if signals.closing {
                return;
            }
        }
    }

    /// Merges for a moment, which only makes lookups faster. Returns how long to pause before it goes on: as long again, so
    /// that merging takes half a core at most. Merges read all that there is sooner or later, and so find what is damaged.
    fn compact(&mut self, memtable: &Memtable, compaction: Compaction) -> Duration {
        let started = Instant::now();
        let Err(error) = self.file.compact(compaction) else {
            return started.elapsed();
        };
        memtable.index_failed(self.generation, &error);
        AFTER_FAILURE
    }

    fn flush(&mut self, memtable: &Memtable) -> rusqlite::Result<()> {
        if let Some(segment) = memtable.seal() {
            // A file that was built from the log meanwhile may have all of it.
            if segment.through > self.file.through() {
                self.file.add(&segment)?;
            }
            for name in segment.names.keys() {
                memtable.filter().add(*name);
            }
            memtable.unseal();
        }
        Ok(())
    }

    /// Fills the filter with the names that are in the file, some at a time: orders that come in meanwhile are indexed in
    /// between. If the file turns out to be damaged, those of the next one are. As long as it is not filled, every name is
    /// looked up on the disk.
    fn fill_filter(&mut self, memtable: &Memtable) {
        if let Err(error) = self.read_names(memtable) {
            memtable.index_failed(self.generation, &error);
        }
    }

    fn read_names(&mut self, memtable: &Memtable) -> rusqlite::Result<()> {
        let mut cursors = self.file.names();
        while let Some(names) = self.file.next_names(&mut cursors)? {
            for name in names {
                memtable.filter().add(name);
            }
            let signals = memtable.wait_for_work(Duration::ZERO);
            if signals.closing {
                return Ok(());
            }
            if signals.writer_waits || (signals.flush && !signals.paused) {
                self.flush(memtable)?;
            }
        }
        memtable.filter().complete();
        Ok(())
    }

    /// Builds the next generation beside the one in use, which goes on being read and written meanwhile.
    fn rebuild(&mut self, memtable: &Memtable, published: &Published) -> Result<(), IndexError> {
        let generation = self.generation + 1;
        self.folder.remove_index(generation)?;
        let mut file = IndexFile::create(&self.folder.index(generation), &self.store_id)?;
        loop {
            if let Err(error) = self.flush(memtable) {
                tracing::warn!(%error, "the index in use takes no more; the next one will have it all");
            }
            let head = published.figures().head;
            let slice_end = catch_up_slice(&self.orders, &mut file, head)?;
            if slice_end >= head && file.through() >= self.file.through() {
                break;
            }
        }
        file.mark_complete()?;
        // What the old file has and the new one has not is nothing: the new one reaches at least as far.
        memtable.switch_to(generation);
        let previous = self.generation;
        self.file = file;
        self.generation = generation;
        // Readers may still be about to open the previous file; the one before it is not read any more.
        if let Some(outdated) = previous.checked_sub(1) {
            self.folder.remove_index(outdated)?;
        }
        if !memtable.filter().is_complete() {
            self.fill_filter(memtable);
        }
        Ok(())
    }
}

/// Adds all that the log holds past the file's mark, up to `head`.
fn catch_up(orders: &Connection, file: &mut IndexFile, head: u64) -> Result<(), IndexError> {
    while file.through() < head {
        catch_up_slice(orders, file, head)?;
    }
    Ok(())
}

/// Adds the next orders of the log; returns how far it came.
fn catch_up_slice(orders: &Connection, file: &mut IndexFile, head: u64) -> Result<u64, IndexError> {
    let mut segment = Segment {
        through: file.through(),
        ..Segment::default()
    };
    let mut rows = orders.prepare_cached(
        "SELECT last_seq, entries FROM log WHERE last_seq > ?1 ORDER BY last_seq",
    )?;
    let mut rows = rows.query([file.through().cast_signed()])?;
    while segment.users.len() < SLICE
        && let Some(log_row) = rows.next()?
    {
        let last_seq = log_row.get::<_, i64>(0)?.cast_unsigned();
        let bytes = log_row
            .get_ref(1)?
            .as_blob()
            .map_err(rusqlite::Error::from)?;
        for entry in log::entries(last_seq, bytes, 0)? {
            if entry.version == 1 {
                add_order(orders, entry.id, &mut segment)?;
            }
        }
        segment.through = last_seq;
        if last_seq >= head {
            break;
        }
    }
    drop(rows);
    // A log that ends before the head it told: nothing more will come.
    segment.through = if segment.users.is_empty() && segment.through == file.through() {
        head
    } else {
        segment.through
    };
    file.add(&segment)?;
    Ok(segment.through)
}

fn add_order(orders: &Connection, id: OrderId, segment: &mut Segment) -> Result<(), IndexError> {
    let facts = place::by_id!("status, facts").find(orders, &id, |found| {
        let status = row::status(found, 0)?;
        status.map(|_| row::facts(found, 1)).transpose()
    })?;
    // An erased order gets no entries: its names may belong to another one.
    let Some(facts) = facts.flatten() else {
        return Ok(());
    };
    let user = &facts.user_id;
    segment.push(UserHash::of(user), id);
    if let Some(key) = &facts.key {
        segment.names.insert(NameHash::of_key(user, key), id);
    }
    if let Some(external_id) = &facts.external_id {
        segment.push(UserHash::of_external_id(external_id), id);
        segment
            .names
            .insert(NameHash::of_external_id(user, external_id), id);
    }
    Ok(())
}
