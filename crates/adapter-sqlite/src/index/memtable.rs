//! The memtable: the part of the index that is in memory, with the orders that were committed last. The writer appends to it,
//! the indexer moves its contents to the file, and all threads look up orders in it. It also carries the signals to the
//! indexer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use domain::{EventPosition, OrderId};

use super::damage::IndexFailure;
use super::filter::UniqueKeyFilter;
use super::hashes::{UniqueKeyHash, UniqueKeyMap, UserHash};

/// The index entries of consecutive orders of the log. The lists are two columns, because a search by user reads one of them.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    pub(crate) users: Vec<UserHash>,
    pub(crate) ids: Vec<OrderId>,
    pub(crate) unique_keys: UniqueKeyMap,
    /// All orders of the log up to here are in this segment or an earlier one.
    pub(crate) through: EventPosition,
}

impl Segment {
    fn of_user(&self, user: UserHash, ids: &mut Vec<OrderId>) {
        let of_user = self.users.iter().zip(&self.ids);
        ids.extend(
            of_user
                .filter(|(hash, _)| **hash == user)
                .map(|(_, id)| *id),
        );
    }

    pub(crate) fn push(&mut self, user: UserHash, id: OrderId) {
        self.users.push(user);
        self.ids.push(id);
    }

    /// The entries of the lists.
    pub(crate) fn by_user(&self) -> impl Iterator<Item = (UserHash, OrderId)> {
        self.users.iter().copied().zip(self.ids.iter().copied())
    }
}

/// Where an order with a certain unique key may be.
pub(crate) struct Candidates {
    /// The orders in memory that were placed with the key, the later one first. Both may be erased.
    pub(crate) in_memory: [Option<OrderId>; 2],
    /// All other orders with the key are in the file at this version or a later one; `None` if the file has none.
    pub(crate) in_file: Option<IndexVersion>,
}

/// Which index file is in use, and how far it reaches. Entries that have left the memtable at a version are in every snapshot
/// of the file that is begun after that version was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexVersion {
    pub(crate) generation: u64,
    /// The session in which this process writes the file.
    pub(crate) session: u64,
    /// All orders of the log up to this seq are in the file.
    pub(crate) through: u64,
}

pub(crate) struct Memtable {
    segments: RwLock<Segments>,
    /// The unique keys of the file.
    filter: UniqueKeyFilter,
    signals: Mutex<Signals>,
    wake_indexer: Condvar,
    wake_writer: Condvar,
    limit: usize,
}

struct Segments {
    version: IndexVersion,
    /// The segment that is being written to the file.
    sealed: Option<Arc<Segment>>,
    active: Segment,
}

/// The signals of other threads to the indexer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signals {
    /// There is enough to flush.
    pub(crate) flush: bool,
    /// The writer waits for space, which overrides a pause.
    pub(crate) writer_waits: bool,
    pub(crate) paused: bool,
    /// Index files of this generation and earlier ones have to be rebuilt.
    pub(crate) outdated: u64,
    pub(crate) closing: bool,
}

impl Memtable {
    /// An empty memtable: all orders so far are in the file at this version.
    pub(crate) fn new(version: IndexVersion, limit: usize) -> Self {
        Self {
            segments: RwLock::new(Segments {
                version,
                sealed: None,
                active: Segment::default(),
            }),
            filter: UniqueKeyFilter::new(),
            signals: Mutex::default(),
            wake_indexer: Condvar::new(),
            wake_writer: Condvar::new(),
            limit,
        }
    }

    /// Where an order with this unique key may be.
    pub(crate) fn candidates(&self, key: UniqueKeyHash) -> Candidates {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let in_sealed = || segments.sealed.as_ref()?.unique_keys.get(&key).copied();
        Candidates {
            in_memory: [segments.active.unique_keys.get(&key).copied(), in_sealed()],
            in_file: (!self.filter.excludes(key)).then_some(segments.version),
        }
    }

    /// The filter of the unique keys in the file; the indexer fills it.
    pub(crate) const fn filter(&self) -> &UniqueKeyFilter {
        &self.filter
    }

    /// The orders of a list in the memtable, unsorted, and the version of the file that has the others.
    pub(crate) fn of_user(&self, user: UserHash) -> (Vec<OrderId>, IndexVersion) {
        let mut ids = Vec::new();
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.active.of_user(user, &mut ids);
        let sealed = segments.sealed.clone();
        let version = segments.version;
        drop(segments);
        if let Some(sealed) = sealed {
            sealed.of_user(user, &mut ids);
        }
        (ids, version)
    }

    /// Moves the entries of a commit into the memtable. The writer calls it before it answers the callers.
    pub(crate) fn append(&self, new: &mut Segment, through: EventPosition) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let active = &mut segments.active;
        active.users.append(&mut new.users);
        active.ids.append(&mut new.ids);
        active.unique_keys.extend(new.unique_keys.drain());
        active.through = through;
        let is_enough = active.users.len() >= self.limit / 2;
        drop(segments);
        if is_enough {
            self.signal(|signals| signals.flush = true);
        }
    }

    fn is_full(&self) -> bool {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.active.users.len() >= self.limit
    }

    /// Waits for space, at most `timeout`; returns `false` if there is still none.
    pub(crate) fn wait_for_space(&self, timeout: Duration) -> bool {
        if !self.is_full() {
            return true;
        }
        self.signal(|signals| signals.writer_waits = true);
        let waited = self
            .wake_writer
            .wait_timeout_while(self.lock_signals(), timeout, |_| self.is_full());
        drop(waited);
        !self.is_full()
    }

    fn lock_signals(&self) -> MutexGuard<'_, Signals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the signals and wakes the indexer.
    pub(crate) fn signal(&self, change: impl FnOnce(&mut Signals)) {
        change(&mut self.lock_signals());
        self.wake_indexer.notify_one();
    }

    /// The generation of the file in use.
    pub(crate) fn generation(&self) -> u64 {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.version.generation
    }

    /// Schedules a rebuild of the index, unless a later generation than this one is in use already.
    pub(crate) fn rebuild(&self, generation: u64) {
        self.signal(|signals| signals.outdated = signals.outdated.max(generation));
    }

    /// Logs a failure of an index file, and schedules the rebuild of a damaged file. Each thread that detects a failure calls
    /// it; damage is logged once for each file.
    pub(crate) fn index_failed(&self, failure: &IndexFailure) {
        let file = failure.file.display();
        let error = &failure.source;
        if !failure.needs_rebuild() {
            tracing::error!(%file, %error, "the index of orders could not be read or written");
            return;
        }
        // A file that is no longer in use may have been removed.
        if failure.generation < self.generation() {
            return;
        }
        let mut signals = self.lock_signals();
        let is_known = signals.outdated >= failure.generation;
        signals.outdated = signals.outdated.max(failure.generation);
        drop(signals);
        if !is_known {
            tracing::error!(
                %file,
                %error,
                "the index of orders is damaged and is rebuilt from the log; keys, external ids and lists that need the damaged part are unavailable until then"
            );
            self.wake_indexer.notify_one();
        }
    }

    /// Waits for a signal, at most `timeout`. Returns the signals and resets those that are sent once.
    pub(crate) fn wait_for_work(&self, timeout: Duration) -> Signals {
        // Only the indexer changes it, and the indexer is the caller.
        let generation = self.generation();
        let idle = |signals: &mut Signals| {
            !(signals.closing
                || signals.writer_waits
                || (!signals.paused && (signals.flush || signals.outdated >= generation)))
        };
        let waited = self
            .wake_indexer
            .wait_timeout_while(self.lock_signals(), timeout, idle);
        let (mut signals, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let taken = *signals;
        signals.flush = false;
        signals.writer_waits = false;
        taken
    }

    /// The last sequence number of the log that is not in the file; `None` if the memtable is empty.
    pub(crate) fn unindexed_through(&self) -> Option<u64> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let waits = segments.sealed.is_some() || !segments.active.users.is_empty();
        waits.then_some(segments.active.through.seq.0)
    }

    /// Seals the active segment and returns it for the file. If a sealed segment is left from a failed attempt, returns that.
    pub(crate) fn seal(&self) -> Option<Arc<Segment>> {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if segments.sealed.is_none() && !segments.active.users.is_empty() {
            let through = segments.active.through;
            let empty = Segment {
                through,
                ..Segment::default()
            };
            let active = std::mem::replace(&mut segments.active, empty);
            segments.sealed = Some(Arc::new(active));
        }
        let sealed = segments.sealed.clone();
        drop(segments);
        self.wake_waiting_writer();
        sealed
    }

    /// Drops the sealed segment: it is in the file, and its unique keys are in the filter.
    pub(crate) fn unseal(&self) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let done = segments.sealed.take();
        if let Some(done) = &done {
            let version = &mut segments.version;
            version.through = version.through.max(done.through.seq.0);
        }
        drop(segments);
        drop(done);
        self.wake_waiting_writer();
    }

    fn wake_waiting_writer(&self) {
        // The lock orders this wake-up after a check of the writer that found no space.
        drop(self.lock_signals());
        self.wake_writer.notify_all();
    }

    /// Switches to another file, which has all entries that the previous one had.
    pub(crate) fn switch_to(&self, version: IndexVersion) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        segments.version = version;
    }
}
