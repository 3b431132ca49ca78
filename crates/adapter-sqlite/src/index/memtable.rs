//! The part of the index that is in memory: the orders committed last. The writer adds to it, the indexer moves what it has
//! to the file, and all threads look things up in it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use domain::{EventPosition, OrderId};

use super::damage::IndexFailure;
use super::filter::NameFilter;
use super::names::{NameHash, NameMap, UserHash};

/// Orders that follow each other in the log, as two columns: a search by user reads one of them.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    pub(crate) users: Vec<UserHash>,
    pub(crate) ids: Vec<OrderId>,
    pub(crate) names: NameMap,
    /// Everything in the log up to here is in this segment or an earlier one.
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

    /// The orders by user.
    pub(crate) fn by_user(&self) -> impl Iterator<Item = (UserHash, OrderId)> {
        self.users.iter().copied().zip(self.ids.iter().copied())
    }
}

/// Where the order of a name may be.
pub(crate) struct Candidates {
    /// The orders in memory that were placed with it, the later one first. Both may be erased.
    pub(crate) in_memory: [Option<OrderId>; 2],
    /// The others are in the file as it is at this version or a later one; `None` if it has none.
    pub(crate) in_file: Option<IndexVersion>,
}

/// Which index file is in use, and how far it reaches: what has left the memtable at one version is in the file for every
/// snapshot that was begun after that version was seen.
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
    /// Of the names in the file.
    filter: NameFilter,
    signals: Mutex<Signals>,
    wake_indexer: Condvar,
    wake_writer: Condvar,
    limit: usize,
}

struct Segments {
    version: IndexVersion,
    /// Being written to the file.
    sealed: Option<Arc<Segment>>,
    active: Segment,
}

/// What other threads ask of the indexer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signals {
    /// Enough is waiting.
    pub(crate) flush: bool,
    /// The writer waits: a pause does not count.
    pub(crate) writer_waits: bool,
    pub(crate) paused: bool,
    /// The index of this generation, and of those before it, is to be rebuilt.
    pub(crate) outdated: u64,
    pub(crate) closing: bool,
}

impl Memtable {
    /// An empty one: all orders so far are in the file of this version.
    pub(crate) fn new(version: IndexVersion, limit: usize) -> Self {
        Self {
            segments: RwLock::new(Segments {
                version,
                sealed: None,
                active: Segment::default(),
            }),
            filter: NameFilter::new(),
            signals: Mutex::default(),
            wake_indexer: Condvar::new(),
            wake_writer: Condvar::new(),
            limit,
        }
    }

    /// Where the order of this name may be.
    pub(crate) fn named(&self, name: NameHash) -> Candidates {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let in_sealed = || segments.sealed.as_ref()?.names.get(&name).copied();
        Candidates {
            in_memory: [segments.active.names.get(&name).copied(), in_sealed()],
            in_file: (!self.filter.excludes(name)).then_some(segments.version),
        }
    }

    /// The filter of the names in the file; the indexer fills it.
    pub(crate) const fn filter(&self) -> &NameFilter {
        &self.filter
    }

    /// The user's orders in the memtable, unsorted, and the version of the file that has the others.
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

    /// Adds what a commit made; called before its callers are answered.
    pub(crate) fn append(&self, fresh: &mut Segment, through: EventPosition) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let active = &mut segments.active;
        active.users.append(&mut fresh.users);
        active.ids.append(&mut fresh.ids);
        active.names.extend(fresh.names.drain());
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

    /// Waits until the indexer has made room, at most this long; `false` where there is none still.
    pub(crate) fn wait_for_room(&self, at_most: Duration) -> bool {
        if !self.is_full() {
            return true;
        }
        self.signal(|signals| signals.writer_waits = true);
        let waited = self
            .wake_writer
            .wait_timeout_while(self.lock_signals(), at_most, |_| self.is_full());
        drop(waited);
        !self.is_full()
    }

    fn lock_signals(&self) -> MutexGuard<'_, Signals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the indexer something.
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

    /// Logs a failure of an index file, and schedules the rebuild of one that is damaged. Called by each thread that meets
    /// one; damage is logged once for each file.
    pub(crate) fn index_failed(&self, failure: &IndexFailure) {
        let file = failure.file.display();
        let error = &failure.source;
        if !failure.needs_rebuild() {
            tracing::error!(%file, %error, "the index of orders could not be read or written");
            return;
        }
        // A file that is not in use any more may be gone.
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

    /// Waits for something to do, at most this long, and takes the one-time signals.
    pub(crate) fn wait_for_work(&self, at_most: Duration) -> Signals {
        // The indexer alone changes it, and waits here.
        let generation = self.generation();
        let idle = |signals: &mut Signals| {
            !(signals.closing
                || signals.writer_waits
                || (!signals.paused && (signals.flush || signals.outdated >= generation)))
        };
        let waited = self
            .wake_indexer
            .wait_timeout_while(self.lock_signals(), at_most, idle);
        let (mut signals, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let taken = *signals;
        signals.flush = false;
        signals.writer_waits = false;
        taken
    }

    /// How far the log reaches that waits to be indexed, where some of it does.
    pub(crate) fn unindexed_through(&self) -> Option<u64> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let waits = segments.sealed.is_some() || !segments.active.users.is_empty();
        waits.then_some(segments.active.through.seq.0)
    }

    /// What is to be written next: all that waits, or what an earlier attempt could not write.
    pub(crate) fn seal(&self) -> Option<Arc<Segment>> {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if segments.sealed.is_none() && !segments.active.users.is_empty() {
            let through = segments.active.through;
            let fresh = Segment {
                through,
                ..Segment::default()
            };
            let active = std::mem::replace(&mut segments.active, fresh);
            segments.sealed = Some(Arc::new(active));
        }
        let sealed = segments.sealed.clone();
        drop(segments);
        self.wake_waiting_writer();
        sealed
    }

    /// The sealed segment is in the file, and its names are in the filter.
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
        // The lock orders this wake-up after a writer's check that found no room.
        drop(self.lock_signals());
        self.wake_writer.notify_all();
    }

    /// From now on the file of this version is the one to read; it has all that the one before it had.
    pub(crate) fn switch_to(&self, version: IndexVersion) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        segments.version = version;
    }
}
