//! The indexer thread: flushes the memtable to the index file, compacts the file, and rebuilds it on request or if it is
//! damaged.
//!
//! The store starts the thread; signals of the memtable wake it. It reads orders and the log, and never writes them.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::time::Instant;

use super::compaction::Compaction;
use super::damage::{IndexFailure, needs_rebuild};
use super::file::{IndexFile, Unusable};
use super::memtable::{IndexVersion, Memtable};
use super::replay::{IndexError, catch_up, catch_up_slice, is_in_log};
use crate::committed_state::CommittedState;
use crate::folder::DataFolder;
use crate::options::OpenError;

/// After this time without a new order, the memtable is flushed even if it is small.
const IDLE: Duration = Duration::from_millis(500);
/// Under load, the memtable is flushed after this many times [`IDLE`] at the latest.
const MAX_IDLE_WAITS: u32 = 20;
/// How long the indexer waits for a signal if the memtable is empty.
const LONG: Duration = Duration::from_secs(86_400);
/// How long the indexer waits after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

pub(crate) struct Indexer {
    folder: Arc<DataFolder>,
    store_id: Vec<u8>,
    file: IndexFile,
    generation: u64,
    /// A connection that reads orders and the log.
    orders: Connection,
}

impl Indexer {
    /// Opens the index file and replays the log up to `head`. A missing or unusable file is rebuilt.
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
                "no index of orders can be used: it is rebuilt from the log"
            );
        }
        let generation = generations.last().map_or(1, |last| last + 1);
        folder.remove_index(generation)?;
        let mut file = IndexFile::create(&folder.index(generation), store_id)?;
        catch_up(orders, &mut file, head)?;
        file.mark_complete()?;
        Ok((file, generation))
    }

    /// Opens the file of a generation and replays the log up to `head`. Logs the reason and returns `None` if the file cannot
    /// be used.
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
        // Orders that were restored from a backup have another history after it.
        let through = file.through();
        if !is_in_log(orders, through)? {
            return unusable(&Unusable::OtherHistory { through });
        }
        match catch_up(orders, &mut file, head) {
            Err(IndexError::Database(error)) if needs_rebuild(&error) => unusable(&error),
            done => done.map(|()| Some(file)),
        }
    }

    /// The version of the file in use.
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

    /// Runs until the store is closed; flushes the memtable once more at the end.
    pub(crate) fn run(mut self, memtable: &Memtable, committed: &CommittedState) {
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
                unindexed.map_or(LONG, |_| IDLE)
            };
            let signals = memtable.wait_for_work(wait);
            is_paused = signals.paused;
            let is_urgent = signals.closing || signals.writer_waits;
            if signals.paused && !is_urgent {
                continue;
            }
            let is_outdated = signals.outdated >= self.generation;
            let must_act = is_urgent || signals.flush || is_outdated;
            if !must_act && needs_compaction {
                pause = self.compact(memtable, compaction);
                continue;
            }
            // Larger flushes are cheaper: a timeout alone does not cause one while orders arrive.
            let is_busy = memtable.unindexed_through() != seen_through;
            if !must_act && is_busy && waits < MAX_IDLE_WAITS {
                seen_through = memtable.unindexed_through();
                waits += 1;
                continue;
            }
            waits = 0;
            let is_failing = if is_outdated && !signals.closing && !signals.paused {
                self.rebuild(memtable, committed)
                    .inspect_err(|error| {
                        tracing::error!(%error, "the index of orders could not be rebuilt; the rebuild is retried");
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

    /// Runs one step of compaction. Returns the pause before the next step, which is as long as the step, so that compaction
    /// uses at most half a core. Merges read every block sooner or later, so they also detect damage.
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
            // A file that was rebuilt from the log meanwhile may have the whole segment.
            if segment.through.seq > self.file.through().seq {
                self.file.add(&segment)?;
            }
            for key in segment.unique_keys.keys() {
                memtable.filter().add(*key);
            }
            memtable.unseal();
        }
        Ok(())
    }

    /// Fills the filter with the unique keys of the file, a block at a time, and flushes new orders in between. The filter is
    /// complete only after every block of every run was read and verified; until then every key is looked up in the file. If
    /// the file is damaged, the filter is filled again after the rebuild.
    fn fill_filter(&mut self, memtable: &Memtable) {
        if let Err(error) = self.read_unique_keys(memtable) {
            memtable.index_failed(&self.failure(error));
        }
    }

    fn read_unique_keys(&mut self, memtable: &Memtable) -> rusqlite::Result<()> {
        let mut cursors = self.file.unique_keys();
        while let Some(keys) = self.file.next_unique_keys(&mut cursors)? {
            for key in keys {
                memtable.filter().add(key);
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

    /// Builds the next generation. The file in use is read and written until the new one is complete.
    fn rebuild(
        &mut self,
        memtable: &Memtable,
        committed: &CommittedState,
    ) -> Result<(), IndexError> {
        let generation = self.generation + 1;
        self.folder.remove_index(generation)?;
        let mut file = IndexFile::create(&self.folder.index(generation), &self.store_id)?;
        loop {
            if let Err(error) = self.flush(memtable) {
                tracing::warn!(%error, "the index in use cannot be written; the rebuilt one will have all orders");
            }
            let head = committed.snapshot().head;
            catch_up_slice(&self.orders, &mut file, head)?;
            let reached = file.through().seq;
            if reached.0 >= head && reached >= self.file.through().seq {
                break;
            }
        }
        file.mark_complete()?;
        // The new file reaches at least as far as the old one, so no entry is lost.
        let previous = std::mem::replace(&mut self.generation, generation);
        self.file = file;
        memtable.switch_to(self.version());
        tracing::info!(
            file = %self.folder.index(generation).display(),
            "the index of orders was rebuilt"
        );
        // A reader may be about to open the previous file, but none reads the one before it.
        if let Some(outdated) = previous.checked_sub(1) {
            self.folder.remove_index(outdated)?;
        }
        if !memtable.filter().is_complete() {
            self.fill_filter(memtable);
        }
        Ok(())
    }
}
