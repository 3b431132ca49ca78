//! A store that holds events alone, committed by the test. It fails on demand and can be restored from a backup. Beside
//! it, what the tests read with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use application::in_process::InProcessHints;
use application::ports::{
    CommitHint, CommitHints as _, EventFeed, EventPage, OrderReader, SequencedEvent, Sharded,
    StoreError, WakeUps,
};
use application::watch::{
    Cursor, Delivery, Hub, ResyncReason, WatchSettings, WatchTuning, Watcher,
};
use async_trait::async_trait;
use domain::{
    Bucket, Cause, Event, EventPosition, EventType, OrderId, Seq, ShardId, Timestamp, UserId,
    Version,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub struct ScriptedStore {
    shards: Vec<ShardId>,
    events: Mutex<BTreeMap<ShardId, Vec<SequencedEvent>>>,
    /// Which history is written: it decides the bits of new events.
    history: AtomicU32,
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
            history: AtomicU32::new(1),
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
        let number = events.len() as u64 + 1;
        let sequenced = SequencedEvent {
            seq: Seq(number),
            bits: self.bits(number),
            event: Arc::new(Event {
                order_id: id,
                version,
                event_type,
                user_id: Some(user.clone()),
                occurred_at: Timestamp::from_millis(1_700_000_000_000).unwrap(),
                attempt: 0,
                failure: None,
                retry_at: None,
                cause: Cause::default(),
                history: false,
            }),
        };
        events.push(sequenced.clone());
        if !self.hints_are_lost.load(Ordering::SeqCst) {
            let hint = CommitHint {
                seq: sequenced.seq,
                work_is_due: false,
            };
            self.hints.committed(shard, hint);
        }
        sequenced
    }

    /// The bits that this history gives to an event.
    fn bits(&self, number: u64) -> u32 {
        let history = self.history.load(Ordering::SeqCst);
        let number = u32::try_from(number).unwrap();
        number.wrapping_mul(0x9e37_79b9) ^ history.wrapping_mul(0x85eb_ca6b)
    }

    /// Restores a shard from a backup that ends at `seq`: from there on another history is written.
    pub fn forget_after(&self, shard: ShardId, seq: Seq) {
        self.history.fetch_add(1, Ordering::SeqCst);
        let mut events = self.events.lock().unwrap();
        events
            .get_mut(&shard)
            .unwrap()
            .truncate(usize::try_from(seq.0).unwrap());
    }

    /// Erases an order: its events become tombstones, and one more is added.
    pub fn erase(&self, id: OrderId, user: &UserId) {
        let shard = self.shard_of(id.bucket());
        let added = self.commit_next(id, user);
        let mut events = self.events.lock().unwrap();
        for known in events.get_mut(&shard).unwrap() {
            if known.event.order_id == id {
                let mut event = known.event.tombstone();
                if known.seq == added.seq {
                    event.event_type = EventType::Erased;
                }
                known.event = Arc::new(event);
            }
        }
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
        if seq == Seq(0) {
            return Some(EventPosition::default());
        }
        let at = usize::try_from(seq.0 - 1).unwrap();
        let events = self.events.lock().unwrap();
        events[&shard].get(at).map(SequencedEvent::position)
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

impl Sharded for ScriptedStore {
    fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    fn shard_of(&self, bucket: Bucket) -> ShardId {
        ShardId(bucket.get() % u16::try_from(self.shards.len()).unwrap())
    }
}

#[async_trait]
impl EventFeed for ScriptedStore {
    async fn order_events(
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
            head: events
                .last()
                .map(SequencedEvent::position)
                .unwrap_or_default(),
        })
    }

    async fn event_position(
        &self,
        shard: ShardId,
        seq: Seq,
    ) -> Result<Option<EventPosition>, StoreError> {
        self.check(shard)?;
        Ok(self.position(shard, seq))
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
    pub store: Arc<ScriptedStore>,
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
    run_over(ScriptedStore::new(shards), settings)
}

pub fn run_over(store: Arc<ScriptedStore>, settings: WatchSettings) -> Running {
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
