//! Opening the store: locks the folder, opens the databases, brings the index up to date, recovers the unclaimed orders and
//! the claims of the previous process, and starts the threads. The binary calls it before it serves.

use std::sync::{Arc, Mutex, PoisonError};

use application::ports::{Clock, CommitHints, Ids};
use rusqlite::Connection;

use crate::committed_state::CommittedState;
use crate::folder::DataFolder;
use crate::gathered_log;
use crate::index::indexer::Indexer;
use crate::index::memtable::Memtable;
use crate::index::reader::IndexReader;
use crate::options::{OpenError, SqliteOptions};
use crate::queue::WriteQueue;
use crate::read::{ReadConnection, ReadQueue};
use crate::schema;
use crate::store::{SqliteStore, ThreadExit};
use crate::writer::clock_watch::ClockWatch;
use crate::writer::counters::CheckpointCounters;
use crate::writer::job_buckets::JobBuckets;
use crate::writer::pending_work::PendingWork;
use crate::writer::{SharedState, WriterSetup, jobs, recovery};

/// The number of prepared statements that a connection caches.
const CACHED_STATEMENTS: usize = 64;

impl SqliteStore {
    /// Opens the store in its folder, or creates it. The first rescue takes back the claims of the previous process. `ids`
    /// provides the random bits of each commit; `hints` is called after each commit. This blocks while it reads; call it
    /// before serving.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        options: SqliteOptions,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        hints: Arc<dyn CommitHints>,
    ) -> Result<Self, OpenError> {
        let folder = Arc::new(DataFolder::lock(&options.data_dir)?);
        let database = |source| OpenError::Database {
            dir: options.data_dir.clone(),
            source,
        };
        #[cfg(not(feature = "broken-twins"))]
        let connection = schema::open_orders(&folder, gathered_log::NAME)?;
        #[cfg(feature = "broken-twins")]
        let connection = if options.tuning.synchronous_off {
            let connection = schema::open_orders(&folder, gathered_log::PLATFORM)?;
            connection
                .execute_batch("PRAGMA synchronous = OFF;")
                .map_err(database)?;
            connection
        } else {
            schema::open_orders(&folder, gathered_log::NAME)?
        };
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        let (now, monotonic) = (clock.now(), clock.monotonic());
        // The wall clock may have been set back while no process ran.
        jobs::restart_delays(&connection, now).map_err(database)?;
        let mut counters = CheckpointCounters::load(&connection).map_err(database)?;
        let (unclaimed, leases) =
            recovery::recover(&connection, &mut counters, options.tuning.unclaimed_window)
                .map_err(database)?;
        let jobs = JobBuckets::load(&connection).map_err(database)?;
        let pending = PendingWork::new(unclaimed, jobs);
        let store_id = connection
            .query_row("SELECT store_id FROM store", [], |row| row.get(0))
            .map_err(database)?;
        let reader = || -> Result<Connection, OpenError> {
            let reader = schema::open_reader(&folder.orders()).map_err(database)?;
            reader.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
            Ok(reader)
        };
        let indexer = Indexer::open(Arc::clone(&folder), store_id, reader()?, counters.head)?;
        let memtable = Arc::new(Memtable::new(indexer.version(), options.tuning.unindexed));
        let committed = Arc::new(CommittedState::new(
            counters.snapshot(pending.first_due()),
            options.tuning.recent_events,
        ));
        let store = Self {
            writes: Arc::new(WriteQueue::new(options.queue, options.batch)),
            reads: Arc::new(ReadQueue::new(options.tuning.read_queue)),
            committed,
            memtable,
            clock,
            data_dir: folder.dir().to_owned(),
            threads: Mutex::default(),
        };
        let writer = WriterSetup {
            shared: SharedState {
                queue: Arc::clone(&store.writes),
                committed: Arc::clone(&store.committed),
                memtable: Arc::clone(&store.memtable),
                clock: Arc::clone(&store.clock),
                ids,
                hints,
            },
            connection,
            index: IndexReader::new(Arc::clone(&folder)),
            counters,
            pending,
            leases,
            clock_watch: ClockWatch::begin(now, monotonic),
            searched_events: options.tuning.searched_events,
        };
        store.start("orders-writer", &folder, move || Some(writer.run()))?;
        let (memtable, committed) = (Arc::clone(&store.memtable), Arc::clone(&store.committed));
        store.start("orders-index", &folder, move || {
            indexer.run(&memtable, &committed);
            None
        })?;
        for _ in 0..options.tuning.readers.max(1) {
            let connection = ReadConnection {
                orders: reader()?,
                index: IndexReader::new(Arc::clone(&folder)),
                memtable: Arc::clone(&store.memtable),
            };
            let reads = Arc::clone(&store.reads);
            store.start("orders-reader", &folder, move || {
                reads.run(connection);
                None
            })?;
        }
        Ok(store)
    }

    /// Starts a thread, which keeps the folder locked until its exit is dropped. Dropping the store ends all threads.
    fn start(
        &self,
        name: &str,
        folder: &Arc<DataFolder>,
        work: impl FnOnce() -> Option<Connection> + Send + 'static,
    ) -> Result<(), OpenError> {
        let folder = Arc::clone(folder);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || ThreadExit {
                _connection: work(),
                _folder: folder,
            })
            .map_err(OpenError::Thread)?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        Ok(())
    }

    /// Stops the indexer from flushing the memtable until [`SqliteStore::resume_index`]. Lists stay exact. If the memtable is
    /// full, it is flushed nevertheless.
    pub fn pause_index(&self) {
        self.memtable.signal(|signals| signals.paused = true);
    }

    /// Ends the pause of the indexer and flushes the memtable.
    pub fn resume_index(&self) {
        self.memtable.signal(|signals| {
            signals.paused = false;
            signals.flush = true;
        });
    }

    /// Rebuilds the index from the log in the background. The present index is used until then.
    pub fn rebuild_index(&self) {
        self.memtable.rebuild(self.memtable.generation());
    }
}
