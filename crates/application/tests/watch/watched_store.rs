//! The store in memory as a hub reads it: the test commits one event at a time, reads fail on demand, hints get lost, and
//! a shard can be restored from a backup. Beside it, what the tests read with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use application::Caller;
use application::in_process::InProcessHints;
use application::ports::{
    CommitHint, CommitHints as _, Committed, Deadline, Erasure, EventContent, EventFeed, EventPage,
    Guard, SequencedEvent, Sharded, StoreError, WakeUps, Write,
};
use application::system::SystemClock;
use application::watch::{
    Cursor, Delivery, Hub, ResyncReason, WatchSettings, WatchTuning, Watcher,
};
use async_trait::async_trait;
use domain::{
    Bucket, Cause, EventPosition, EventType, Failure, Order, OrderId, ReceiptLocation, Seq,
    ShardId, Status, Timestamp, Trace, UserId, Version,
};
use futures_util::FutureExt as _;
use port_conformance::in_memory::InMemoryStore;
use port_conformance::order_store::sample;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub struct WatchedStore {
    memory: InMemoryStore,
    pub fails: AtomicBool,
    pub reads: AtomicUsize,
    pub hints: Arc<InProcessHints>,
    pub hints_are_lost: AtomicBool,
}

impl WatchedStore {
    pub fn new(shards: u16) -> Arc<Self> {
        let numbers: Vec<_> = (0..shards).map(ShardId).collect();
        // The store's own hints have no receiver, so that the test decides which ones get lost.
        let unheard = Arc::new(InProcessHints::new(&numbers));
        Arc::new(Self {
            memory: InMemoryStore::new(shards, Arc::new(SystemClock::new()), unheard),
            hints: Arc::new(InProcessHints::new(&numbers)),
            fails: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            hints_are_lost: AtomicBool::new(false),
        })
    }

    /// Commits the next version of an order: it is placed, claimed, retried, claimed and so on.
    pub fn commit_next(&self, id: OrderId, user: &UserId) -> SequencedEvent {
        let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
        let (decision, guard) = match self.memory.find_order(id) {
            None => {
                let command = sample::plain(user.as_str(), 1);
                let placed = Order::place(
                    command,
                    id,
                    now,
                    Cause::default(),
                    ReceiptLocation::Rendered,
                );
                let guard = Guard::New {
                    key: None,
                    fingerprint: None,
                };
                (placed, guard)
            }
            Some(order) => {
                let failure = || Failure::new("timeout", "asked for by the test");
                let decided = match order.status {
                    Status::Processing => order.retry(failure(), Duration::ZERO, now),
                    _ => order.claim(now),
                };
                let guard = Guard::At {
                    version: order.version,
                    status: order.status,
                };
                (decided.unwrap(), guard)
            }
        };
        let event = Arc::new(decision.event.clone());
        let committed = self.memory.write(Write { decision, guard }).unwrap();
        let Committed::Written { seq } = committed else {
            panic!("the write is a new one");
        };
        let shard = self.shard_of(id.bucket());
        self.hint(shard, seq);
        let bits = self.position(shard, seq).unwrap().bits;
        SequencedEvent { seq, bits, event }
    }

    fn hint(&self, shard: ShardId, seq: Seq) {
        if !self.hints_are_lost.load(Ordering::SeqCst) {
            let work_is_due = false;
            self.hints.committed(shard, CommitHint { seq, work_is_due });
        }
    }

    /// Restores a shard from a backup that ends at `seq`: from there on another history is written.
    pub fn forget_after(&self, shard: ShardId, seq: Seq) {
        self.memory.restore(shard, seq);
    }

    /// Erases an order: its events become tombstones, and one more is added.
    pub fn erase(&self, id: OrderId) {
        let order = self.memory.find_order(id).unwrap();
        let mut event = self.last_event(&order).tombstone();
        event.event_type = EventType::Erased;
        event.version = order.version.next();
        let erasure = Erasure {
            event,
            version: order.version,
            status: order.status,
        };
        let position = self.memory.erase_now(erasure).unwrap();
        self.hint(self.shard_of(id.bucket()), position.seq);
    }

    fn last_event(&self, order: &Order) -> Arc<domain::Event> {
        let events = self.memory.order_events(order.id, None, usize::MAX);
        let events = events.now_or_never().unwrap().unwrap().unwrap();
        Arc::clone(&events.last().unwrap().event)
    }

    /// A cursor at an event of shard 0; past the last one with bits of no event.
    pub fn at(&self, seq: u64) -> Cursor {
        let position = self.position(ShardId(0), Seq(seq));
        let unknown = EventPosition {
            seq: Seq(seq),
            bits: 0xdead_beef,
        };
        Cursor::new([(ShardId(0), position.unwrap_or(unknown))])
    }

    fn position(&self, shard: ShardId, seq: Seq) -> Option<EventPosition> {
        let position = self.memory.event_position(shard, seq);
        position.now_or_never().unwrap().unwrap()
    }

    fn check(&self, shard: ShardId) -> Result<(), StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                shard,
                reason: "asked for by the test".to_owned(),
            });
        }
        Ok(())
    }
}

impl Sharded for WatchedStore {
    fn shards(&self) -> &[ShardId] {
        self.memory.shards()
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        self.memory.shard_of(bucket)
    }
}

#[async_trait]
impl EventFeed for WatchedStore {
    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
        content: EventContent,
    ) -> Result<EventPage, StoreError> {
        let page = self.memory.events_after(shard, after, limit, content).await;
        // Checked last: a read that began before the failure fails, too.
        self.check(shard)?;
        page
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.check(shard)?;
        self.memory.event_position(shard, seq).await
    }

    async fn order_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        self.check(self.shard_of(id.bucket()))?;
        self.memory.order_events(id, after, limit).await
    }
}

impl Running {
    /// The shard of a user.
    pub fn shard_of(&self, user: &UserId) -> ShardId {
        self.store.shard_of(Bucket::of(user))
    }
}

/// A hub that runs until the end of the test.
pub struct Running {
    pub store: Arc<WatchedStore>,
    pub hub: Hub,
    _tasks: JoinSet<()>,
}

/// Settings that bind no test that does not mean to be bound.
pub fn settings() -> WatchSettings {
    tuned(WatchTuning::default())
}

/// Such settings with other bounds and waits.
pub fn tuned(tuning: WatchTuning) -> WatchSettings {
    WatchSettings {
        max_watchers: 10_000,
        tuning,
    }
}

pub fn run(shards: u16, settings: WatchSettings) -> Running {
    run_over(WatchedStore::new(shards), settings)
}

pub fn run_over(store: Arc<WatchedStore>, settings: WatchSettings) -> Running {
    let hub = Hub::new(
        Arc::clone(&store) as Arc<dyn EventFeed>,
        Arc::clone(&store.hints) as Arc<dyn WakeUps>,
        settings,
    );
    let mut tasks = JoinSet::new();
    let running = hub.clone();
    tasks.spawn(async move { running.run(CancellationToken::new()).await });
    Running {
        store,
        hub,
        _tasks: tasks,
    }
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn order(of: &UserId, number: u64) -> OrderId {
    OrderId::new(
        Timestamp::from_millis(1_700_000_000_000 + number).unwrap(),
        of,
        number << 2,
    )
}

/// What a watcher was handed, flattened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Change(OrderId, u32, application::watch::Cursor),
    Resync(ResyncReason),
}

pub fn flatten(deliveries: impl IntoIterator<Item = Delivery>) -> Vec<Seen> {
    let mut seen = Vec::new();
    for delivery in deliveries {
        match delivery {
            Delivery::Changes(batch) => seen.extend(batch.changes().iter().map(|change| {
                let event = change.event();
                Seen::Change(event.order_id, event.version.get(), change.cursor())
            })),
            Delivery::Resync(resync) => seen.push(Seen::Resync(resync.reason)),
        }
    }
    seen
}

/// The orders and versions alone.
pub fn versions(seen: &[Seen]) -> Vec<(OrderId, u32)> {
    seen.iter()
        .filter_map(|one| match one {
            Seen::Change(id, version, _) => Some((*id, *version)),
            Seen::Resync(_) => None,
        })
        .collect()
}

/// Joins a topic and returns what was delivered.
pub async fn join(
    watcher: &mut Watcher,
    topic: application::watch::Topic,
    start: application::watch::Start,
) -> Vec<Seen> {
    let mut catch_up = watcher.watch(topic, start);
    let mut seen = Vec::new();
    while let Some(deliveries) = catch_up.next().await.unwrap() {
        seen.extend(flatten(deliveries));
    }
    seen
}

/// Receives until `count` changes and gaps have come.
pub async fn receive(watcher: &Watcher, count: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    let all = async {
        while seen.len() < count {
            seen.extend(flatten(watcher.receive().await.unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("the changes come");
    assert_eq!(seen.len(), count, "{seen:?}");
    seen
}

/// A caller who may watch everything.
pub fn caller() -> Caller {
    Caller::trusted(Trace::default(), Deadline::now())
}

/// A watcher of such a caller.
pub fn new_watcher(hub: &Hub) -> Watcher {
    hub.watcher(&caller()).unwrap()
}
