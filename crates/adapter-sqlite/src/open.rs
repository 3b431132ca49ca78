//! Opening the store: locks the folder, brings schema and index up to date, finds what an earlier process had claimed,
//! and starts the threads. Called by the binary, before it serves.

use std::sync::{Arc, Mutex, PoisonError};

use application::ports::{Clock, CommitHints, Ids};
use rusqlite::Connection;

use crate::folder::DataFolder;
use crate::gathered_log;
use crate::index::indexer::Indexer;
use crate::index::memtable::Memtable;
use crate::index::reader::IndexReader;
use crate::options::{OpenError, SqliteOptions};
use crate::published::Published;
use crate::queue::WriteQueue;
use crate::read::{ReadConnection, ReadQueue};
use crate::schema;
use crate::store::{Ended, SqliteStore};
use crate::writer::books::Books;
use crate::writer::clock_watch::ClockWatch;
use crate::writer::job_buckets::JobBuckets;
use crate::writer::waiting::Waiting;
use crate::writer::{Beginning, Surroundings, jobs, recovery};

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

impl SqliteStore {
    /// Opens the store in its folder, or makes one. What an earlier process had claimed is taken back by the first
    /// rescue. `ids` gives the random bits of each commit, `hints` hears of each commit. Blocks while it reads; call it before serving.
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
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let (now, monotonic) = (clock.now(), clock.monotonic());
        // The wall clock may have been set back while no process ran.
        jobs::restart_delays(&connection, now).map_err(database)?;
        let mut books = Books::load(&connection).map_err(database)?;
        let (fresh, leases) =
            recovery::recover(&connection, &mut books, options.tuning.fresh_window)
                .map_err(database)?;
        let jobs = JobBuckets::load(&connection).map_err(database)?;
        let waiting = Waiting::new(fresh, jobs);
        let store_id = connection
            .query_row("SELECT store_id FROM store", [], |row| row.get(0))
            .map_err(database)?;
        let reader = || -> Result<Connection, OpenError> {
            let reader = schema::open_reader(&folder.orders()).map_err(database)?;
            reader.set_prepared_statement_cache_capacity(STATEMENTS);
            Ok(reader)
        };
        let indexer = Indexer::open(Arc::clone(&folder), store_id, reader()?, books.head)?;
        let memtable = Arc::new(Memtable::new(indexer.version(), options.tuning.unindexed));
        let published = Arc::new(Published::new(
            books.figures(waiting.first_due()),
            options.tuning.recent_events,
        ));
        let store = Self {
            writes: Arc::new(WriteQueue::new(options.queue, options.batch)),
            reads: Arc::new(ReadQueue::new(options.tuning.read_queue)),
            published,
            memtable,
            clock,
            data_dir: folder.dir().to_owned(),
            threads: Mutex::default(),
        };
        let writer = Beginning {
            surroundings: Surroundings {
                queue: Arc::clone(&store.writes),
                published: Arc::clone(&store.published),
                memtable: Arc::clone(&store.memtable),
                clock: Arc::clone(&store.clock),
                ids,
                hints,
            },
            connection,
            index: IndexReader::new(Arc::clone(&folder)),
            books,
            waiting,
            leases,
            clock_watch: ClockWatch::begin(now, monotonic),
            searched_events: options.tuning.searched_events,
        };
        store.start("orders-writer", &folder, move || Some(writer.run()))?;
        let (memtable, published) = (Arc::clone(&store.memtable), Arc::clone(&store.published));
        store.start("orders-index", &folder, move || {
            indexer.run(&memtable, &published);
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

    /// Starts a thread, which holds the folder until it ends, and may leave a connection. Dropping the store ends all of them.
    fn start(
        &self,
        name: &str,
        folder: &Arc<DataFolder>,
        work: impl FnOnce() -> Option<Connection> + Send + 'static,
    ) -> Result<(), OpenError> {
        let folder = Arc::clone(folder);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || Ended {
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

    /// Stops moving new orders to the index file until [`SqliteStore::resume_index`]; lists stay exact, and once the
    /// bound of what may be unindexed is reached the pause ends by itself for as long as it takes to make room.
    pub fn pause_index(&self) {
        self.memtable.signal(|signals| signals.paused = true);
    }

    /// Ends a pause.
    pub fn resume_index(&self) {
        self.memtable.signal(|signals| {
            signals.paused = false;
            signals.flush = true;
        });
    }

    /// Builds the index anew from the log, in the background; the one in use serves until then.
    pub fn rebuild_index(&self) {
        self.memtable.rebuild(self.memtable.generation());
    }
}
