//! A store that holds events alone, committed by the test, and fails when told to; and what the tests read with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    Claim, CommitError, Committed, Counts, Deadline, EventPage, ListQuery, NextDue, OrderPage,
    OrderStore, RescuePolicy, SequencedEvent, Settle, StatusBus, StoreError, Write,
};
use application::watch::{Delivery, Hub, ResyncReason, WatchSettings, Watcher};
use async_trait::async_trait;
use domain::{
    Bucket, Event, EventType, ExternalId, Order, OrderId, Seq, ShardId, Timestamp, Trace, UserId,
    Version,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub struct ScriptedStore {
    shards: Vec<ShardId>,
    events: Mutex<BTreeMap<ShardId, Vec<SequencedEvent>>>,
    pub fails: AtomicBool,
    pub reads: AtomicUsize,
    pub hints: Arc<InProcessHints>,
    pub hints_are_lost: AtomicBool,
}

impl ScriptedStore {
    pub fn new(shards: u16) -> Arc<Self> {
        let shards: Vec<_> = (0..shards).map(ShardId).collect();
        Arc::new(Self {
            hints: Arc::new(InProcessHints::new(&shards)),
            events: Mutex::new(shards.iter().map(|shard| (*shard, Vec::new())).collect()),
            shards,
            fails: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            hints_are_lost: AtomicBool::new(false),
        })
    }

    /// Commits the next version of an order.
    pub fn commit_next(&self, id: OrderId, user: &UserId) -> SequencedEvent {
        let shard = self.shard_of(id.bucket());
        let mut events = self.events.lock().unwrap();
        let events = events.get_mut(&shard).unwrap();
        let version = events
            .iter()
            .rev()
            .find(|known| known.event.order_id == id)
            .map_or(Version::FIRST, |known| known.event.version.next());
        let event_type = match version.get() {
            1 => EventType::Created,
            version if version % 2 == 0 => EventType::Processing,
            _ => EventType::Retrying,
        };
        let sequenced = SequencedEvent {
            seq: Seq(events.len() as u64 + 1),
            event: Arc::new(Event {
                order_id: id,
                version,
                event_type,
                user_id: user.clone(),
                occurred_at: Timestamp::from_millis(1_700_000_000_000).unwrap(),
                attempt: 0,
                failure: None,
                retry_at: None,
                trace: Trace::default(),
            }),
        };
        events.push(sequenced.clone());
        if !self.hints_are_lost.load(Ordering::SeqCst) {
            self.hints.committed(shard, sequenced.seq);
        }
        sequenced
    }

    /// As after a restore from a backup.
    pub fn forget_after(&self, shard: ShardId, seq: Seq) {
        let mut events = self.events.lock().unwrap();
        events
            .get_mut(&shard)
            .unwrap()
            .truncate(usize::try_from(seq.0).unwrap());
    }

    fn check(&self, shard: ShardId) -> Result<(), StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable {
                shard,
                reason: "told to fail".to_owned(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl OrderStore for ScriptedStore {
    fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        ShardId(bucket.get() % u16::try_from(self.shards.len()).unwrap())
    }

    async fn events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<Vec<SequencedEvent>>, StoreError> {
        let shard = self.shard_of(id.bucket());
        self.check(shard)?;
        let events = self.events.lock().unwrap();
        let mut of_order = events[&shard]
            .iter()
            .filter(|known| known.event.order_id == id)
            .peekable();
        if of_order.peek().is_none() {
            return Ok(None);
        }
        let found = of_order.filter(|known| after.is_none_or(|after| known.event.version > after));
        Ok(Some(found.take(limit).cloned().collect()))
    }

    async fn events_after(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        tokio::task::yield_now().await;
        self.check(shard)?;
        let events = self.events.lock().unwrap();
        let events = &events[&shard];
        let skip = usize::try_from(after.0).unwrap();
        Ok(EventPage {
            events: events.iter().skip(skip).take(limit).cloned().collect(),
            head: Seq(events.len() as u64),
        })
    }

    async fn settle(
        &self,
        _: ShardId,
        _: usize,
        _: Arc<dyn Settle>,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        unreachable!("the hub only reads")
    }

    async fn commit(&self, _: Vec<Write>, _: Deadline) -> Vec<Result<Committed, CommitError>> {
        unreachable!("the hub only reads")
    }

    async fn claim(
        &self,
        _: ShardId,
        _: usize,
        _: Duration,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        unreachable!("the hub only reads")
    }

    async fn claim_alone(&self, _: ShardId, _: Duration) -> Result<Option<Arc<Order>>, StoreError> {
        unreachable!("the hub only reads")
    }

    async fn heartbeat(&self, _: &[Claim], _: Duration) -> Result<Vec<Claim>, StoreError> {
        unreachable!("the hub only reads")
    }

    async fn rescue(
        &self,
        _: ShardId,
        _: RescuePolicy,
        _: usize,
    ) -> Result<Vec<Arc<Order>>, StoreError> {
        unreachable!("the hub only reads")
    }

    async fn get(&self, _: OrderId) -> Result<Option<Arc<Order>>, StoreError> {
        unreachable!("the hub reads events alone")
    }

    async fn find(&self, _: &UserId, _: &ExternalId) -> Result<Option<Arc<Order>>, StoreError> {
        unreachable!("the hub reads events alone")
    }

    async fn list(&self, _: &ListQuery) -> Result<OrderPage, StoreError> {
        unreachable!("the hub reads events alone")
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        unreachable!("the hub reads events alone")
    }

    async fn receipt(&self, _: OrderId) -> Result<Option<String>, StoreError> {
        unreachable!("the hub reads events alone")
    }

    async fn next_due(&self, _: ShardId) -> Result<NextDue, StoreError> {
        unreachable!("the hub reads events alone")
    }

    async fn close(&self) {}
}

/// A hub that runs until the end of the test.
pub struct Running {
    pub store: Arc<ScriptedStore>,
    pub hub: Hub,
    _tasks: JoinSet<()>,
}

pub fn run(shards: u16, settings: WatchSettings) -> Running {
    run_over(ScriptedStore::new(shards), settings)
}

pub fn run_over(store: Arc<ScriptedStore>, settings: WatchSettings) -> Running {
    let hub = Hub::new(
        Arc::clone(&store) as Arc<dyn OrderStore>,
        Arc::clone(&store.hints) as Arc<dyn StatusBus>,
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

/// Joins a topic and returns what that told.
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
