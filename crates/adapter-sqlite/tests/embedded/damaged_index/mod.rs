//! Used keys are sent again while the index file is damaged, old, foreign or missing. Each is answered with its order, or
//! refused as unavailable until the index is rebuilt, and never creates a second order.

mod closed;
mod in_use;

use std::fs;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use application::ports::{
    CommitError, Committed, ListFilter, ListQuery, OrderReader as _, OrderWriter as _, StoreError,
    Write,
};
use application::system::ManualClock;
use domain::{OrderId, PlaceOrder};
use port_conformance::captured_logs::KeptLog;
use port_conformance::order_store::{OpenStore, Subject, deadline, sample};
use tempfile::TempDir;

use crate::opened::Opened;

const KEYS: usize = 1_500;
const USERS: usize = 5;
const PAGE: usize = 8_192;
/// How long the store may take to rebuild its index.
const PATIENCE: Duration = Duration::from_secs(20);

/// The command of an order; its key has the same number. Every third order also has an external id.
fn command(number: usize) -> PlaceOrder {
    let user = format!("user-{}", number % USERS);
    if number.is_multiple_of(3) {
        sample::numbered(&user, 1, &format!("N-{number}"))
    } else {
        sample::plain(&user, 1)
    }
}

fn write(subject: &Subject, number: usize) -> Write {
    subject.new_write(&command(number), Some(&format!("key-{number}")))
}

/// The folder of a closed store, and the orders of the used keys by number.
struct Used {
    folder: Arc<TempDir>,
    clock: Arc<ManualClock>,
    orders: Vec<OrderId>,
}

impl Used {
    /// A store with `count` orders.
    async fn keys(count: usize) -> Self {
        let Opened {
            folder,
            clock,
            store,
            ..
        } = Opened::fresh();
        store.close().await;
        let mut used = Self {
            folder,
            clock,
            orders: Vec::new(),
        };
        used.add(count).await;
        used
    }

    /// Opens the store and places `count` more orders, which are indexed in several runs.
    async fn add(&mut self, count: usize) {
        let running = Running::in_folder(Arc::clone(&self.folder), &self.clock);
        let end = self.orders.len() + count;
        while self.orders.len() < end {
            let numbers = self.orders.len()..end.min(self.orders.len() + 100);
            let writes: Vec<_> = numbers
                .map(|number| write(&running.subject, number))
                .collect();
            self.orders
                .extend(writes.iter().map(|write| write.decision.order.id));
            let answers = running.store.commit(writes, deadline()).await;
            let is_new = |answer: &_| matches!(answer, Ok(Committed::Written { .. }));
            assert!(answers.iter().all(is_new));
        }
        running.close().await;
    }

    /// A copy of the folder.
    fn copy(&self) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder can be made"));
        for name in ["orders.db", "index-1.db"] {
            fs::copy(self.folder.path().join(name), folder.path().join(name))
                .expect("a closed store has these files");
        }
        Self {
            folder,
            clock: Arc::clone(&self.clock),
            orders: self.orders.clone(),
        }
    }

    fn index(&self) -> PathBuf {
        self.folder.path().join("index-1.db")
    }

    /// The write-ahead log of the index.
    fn log(&self) -> PathBuf {
        log_of(&self.index())
    }

    fn open(&self) -> Running {
        Running::in_folder(Arc::clone(&self.folder), &self.clock)
    }

    /// Opens the store, and checks every `step`th key, and the list of a user.
    async fn check(&self, step: usize, user: usize, what: &str) {
        let running = self.open();
        running.replays(&self.orders, step, what).await;
        running.list(&self.orders, user % USERS, what).await;
        running.close().await;
    }
}

/// A store that is open.
struct Running {
    store: Arc<adapter_sqlite::SqliteStore>,
    subject: Subject,
}

impl Running {
    fn in_folder(folder: Arc<TempDir>, clock: &Arc<ManualClock>) -> Self {
        let opened = Opened::in_folder(folder, Arc::clone(clock));
        Self {
            store: Arc::clone(&opened.store),
            subject: Subject::from(Box::new(opened) as Box<dyn OpenStore>),
        }
    }

    async fn close(&self) {
        self.store.close().await;
    }

    /// Sends every `step`th key again until each is answered with its order.
    async fn replays(&self, orders: &[OrderId], step: usize, what: &str) {
        let mut waiting: Vec<usize> = (0..orders.len()).step_by(step).collect();
        let until = tokio::time::Instant::now() + PATIENCE;
        while !waiting.is_empty() {
            waiting = self.send_again(orders, &waiting, what).await;
            if !waiting.is_empty() {
                assert!(
                    tokio::time::Instant::now() < until,
                    "{what}: {waiting:?} are never answered"
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        assert_eq!(
            self.subject.counts().await.accepted(),
            orders.len() as u64,
            "{what}"
        );
    }

    /// Places orders with new keys, more than the memtable holds. Orders that are refused as unavailable are sent again.
    async fn place_new(&self, orders: &mut Vec<OrderId>, what: &str) {
        let mut waiting: Vec<usize> = (orders.len()..orders.len() + 140).collect();
        orders.resize(orders.len() + waiting.len(), OrderId::from_bytes([0; 16]));
        let until = tokio::time::Instant::now() + PATIENCE;
        while !waiting.is_empty() {
            assert!(
                tokio::time::Instant::now() < until,
                "{what}: new keys are never accepted"
            );
            let writes: Vec<_> = waiting
                .iter()
                .map(|number| write(&self.subject, *number))
                .collect();
            let ids: Vec<_> = writes.iter().map(|write| write.decision.order.id).collect();
            let answers = self.store.commit(writes, deadline()).await;
            let mut refused = Vec::new();
            for ((number, id), answer) in waiting.into_iter().zip(ids).zip(answers) {
                match answer {
                    Ok(Committed::Written { .. }) => orders[number] = id,
                    Err(CommitError::Store(StoreError::Unavailable { .. })) => refused.push(number),
                    other => panic!("{what}: key {number} is new: {other:?}"),
                }
            }
            waiting = refused;
        }
    }

    /// Sends these keys again; returns those that were refused as unavailable.
    async fn send_again(&self, orders: &[OrderId], numbers: &[usize], what: &str) -> Vec<usize> {
        let writes = numbers.iter().map(|number| write(&self.subject, *number));
        let answers = self.store.commit(writes.collect(), deadline()).await;
        let mut refused = Vec::new();
        for (number, answer) in numbers.iter().zip(answers) {
            match answer {
                Ok(Committed::Replayed(order)) => assert_eq!(order.id, orders[*number], "{what}"),
                Err(CommitError::Store(StoreError::Unavailable { .. })) => refused.push(*number),
                other => panic!("{what}: key {number} was used: {other:?}"),
            }
        }
        refused
    }

    /// Lists the orders of a user, and finds some by external id, once that is available.
    async fn list(&self, orders: &[OrderId], user: usize, what: &str) {
        let of_user = orders.iter().skip(user).step_by(USERS);
        let mut expected: Vec<_> = of_user.copied().collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let query = ListQuery {
            filter: ListFilter {
                user_id: Some(sample::user(&format!("user-{user}"))),
                ..ListFilter::default()
            },
            before: None,
            limit: KEYS * 2,
            scan_limit: KEYS * 2,
        };
        let page = available(what, || self.store.list(&query)).await;
        let ids: Vec<_> = page.orders.iter().map(|order| order.id).collect();
        assert_eq!(ids, expected, "{what}: the list of user {user}");
        for number in (0..orders.len()).step_by(3 * 40) {
            let placed = command(number);
            let external_id = placed.external_id.expect("every third order has one");
            let found = available(what, || self.store.find(&placed.user_id, &external_id)).await;
            assert_eq!(found.map(|order| order.id), Some(orders[number]), "{what}");
        }
    }
}

/// The result of `read`, once it is available.
async fn available<T, F>(what: &str, read: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..2_000 {
        match read().await {
            Ok(found) => return found,
            Err(StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{what}: {other}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: reads stay unavailable");
}

/// Random numbers that are the same in every run of a test (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize % bound
    }
}

/// Overwrites a part of a file in place.
fn overwrite(path: &Path, position: usize, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(position as u64))?;
    file.write_all(bytes)
}

/// The logged lines that contain the folder of a store.
fn lines_of(log: &KeptLog, used: &Used) -> Vec<String> {
    let folder = used.folder.path().to_string_lossy();
    let mut lines = log.lines();
    lines.retain(|line| line.contains(&*folder));
    lines
}

/// The write-ahead log of an index.
fn log_of(index: &Path) -> PathBuf {
    index.with_extension("db-wal")
}

/// The number of pages of a file.
fn pages(path: &Path) -> std::io::Result<usize> {
    Ok(fs::metadata(path)?.len() as usize / PAGE)
}

const CAN_WRITE: &str = "the test can damage its files";
