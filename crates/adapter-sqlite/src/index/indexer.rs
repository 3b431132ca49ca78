//! The thread that adds to the index file, compacts it, and rebuilds it on request or if it is damaged.
//!
//! Started by the store, woken by the memtable; it never touches the orders but to read them.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::compaction::Compaction;
use super::damage::{IndexFailure, needs_rebuild};
use super::file::{IndexFile, Unusable};
use super::memtable::{IndexVersion, Memtable};
use super::replay::{IndexError, catch_up, catch_up_slice, is_in_log};
use crate::folder::DataFolder;
use crate::options::OpenError;
use crate::published::Published;

/// After this long without a new order, those that wait are indexed however few they are.
const IDLE: Duration = Duration::from_millis(500);
/// However busy the store is, no order waits for much longer than this many times [`IDLE`].
const MAX_IDLE_WAITS: u32 = 20;
/// How long the indexer sleeps if nothing waits.
const ALL_DAY: Duration = Duration::from_secs(86_400);
/// How long the indexer waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
pub(crate) struct Indexer {
    folder: Arc<DataFolder>,
    store_id: Vec<u8>,
    file: IndexFile,
    generation: u64,
    /// Reads orders and log.
    orders: Connection,
}

impl Indexer {
    /// Opens the index and brings it up to `head`; rebuilds it if it is missing or cannot be used.
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
        for generation in generations.iter().rev().copied() {
            if in_use.is_none() {
                in_use = Self::open_file(folder, generation, store_id, orders, head)?
                    .map(|file| (file, generation));
            }
            if in_use.as_ref().is_none_or(|(_, used)| *used != generation) {
                folder.remove_index(generation)?;
            }
        }
        if let Some(in_use) = in_use {
            return Ok(in_use);
        }
        if head > 0 {
            tracing::warn!(
                dir = %folder.dir().display(),
                events = head,
                "no index of orders can be used: it is built from the log"
            );
        }
        let generation = generations.last().map_or(1, |last| last + 1);
        folder.remove_index(generation)?;
        let mut file = IndexFile::create(&folder.index(generation), store_id)?;
        catch_up(orders, &mut file, head)?;
        file.mark_complete()?;
        Ok((file, generation))
    }

    /// The file of a generation, brought up to `head`; `None` if it cannot be used, which is logged.
    fn open_file(
        folder: &DataFolder,
        generation: u64,
        store_id: &[u8],
        orders: &Connection,
        head: u64,
    ) -> Result<Option<IndexFile>, IndexError> {
        let path = folder.index(generation);
        let unusable = |reason: &dyn std::fmt::Display| {
            tracing::warn!(file = %path.display(), %reason, "an index of orders cannot be used and is removed");
            Ok(None)
        };
        let mut file = match IndexFile::open(&path, store_id) {
            Err(Unusable::Database(error)) if !needs_rebuild(&error) => return Err(error.into()),
            Err(reason) => return unusable(&reason),
            Ok(file) => file,
        };
        // Orders that were restored from an older copy have another history past it.
        let through = file.through();
        if !is_in_log(orders, through)? {
            return unusable(&Unusable::OtherHistory { through });
        }
        match catch_up(orders, &mut file, head) {
            Err(IndexError::Database(error)) if needs_rebuild(&error) => unusable(&error),
            done => done.map(|()| Some(file)),
        }
    }

    /// The file in use, as it is now.
    pub(crate) const fn version(&self) -> IndexVersion {
        IndexVersion {
            generation: self.generation,
            session: self.file.session(),
            through: self.file.through().seq.0,
        }
    }

    fn failure(&self, source: rusqlite::Error) -> IndexFailure {
        IndexFailure {
            generation: self.generation,
            file: self.folder.index(self.generation),
            source,
        }
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
            let is_failing = if is_outdated && !signals.closing && !signals.paused {
                self.rebuild(memtable, published)
                    .inspect_err(|error| {
                        tracing::error!(%error, "the index of orders could not be rebuilt; it is tried again");
                    })
                    .is_err()
            } else if let Err(error) = self.flush(memtable) {
                let failure = self.failure(error);
                memtable.index_failed(&failure);
                // A damaged file is rebuilt at once.
                !failure.needs_rebuild()
            } else {
                false
            };
            if signals.closing {
                return;
            }
            if is_failing {
                std::thread::sleep(AFTER_FAILURE);
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
        memtable.index_failed(&self.failure(error));
        AFTER_FAILURE
    }

    fn flush(&mut self, memtable: &Memtable) -> rusqlite::Result<()> {
        if let Some(segment) = memtable.seal() {
            // A file that was built from the log meanwhile may have all of it.
            if segment.through.seq > self.file.through().seq {
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
    /// between. If the file turns out to be damaged, those of the next one are added too. The filter is complete, and believed,
    /// only after every block of every run was read and verified; until then every name is looked up in the file.
    fn fill_filter(&mut self, memtable: &Memtable) {
        if let Err(error) = self.read_names(memtable) {
            memtable.index_failed(&self.failure(error));
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
            catch_up_slice(&self.orders, &mut file, head)?;
            let reached = file.through().seq;
            if reached.0 >= head && reached >= self.file.through().seq {
                break;
            }
        }
        file.mark_complete()?;
        // What the old file has and the new one has not is nothing: the new one reaches at least as far.
        let previous = std::mem::replace(&mut self.generation, generation);
        self.file = file;
        memtable.switch_to(self.version());
        tracing::info!(
            file = %self.folder.index(generation).display(),
            "the index of orders was rebuilt"
        );
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
