//! Joining a topic without a gap: read what was missed from the store, up to the very change after which the hub
//! delivers by itself. Driven by the edge, page by page, so that a slow client slows down nothing but itself.
//!
//! A topic of many orders is read while it is not joined yet, until little is left, because what is delivered
//! meanwhile has to wait in a bounded queue. Nothing is read past the place up to which the hub has handed out, so
//! that no change comes twice.

mod one_order;

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{EventPosition, OrderId, Seq, ShardId, Version};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::change::{Batch, Change, Delivery, Resync, ResyncReason};
use super::cursor::Cursor;
use super::error::WatchError;
use super::topic::Topic;
use super::watcher::Watcher;
use crate::ports::{EventContent, EventPage, SequencedEvent};

/// Where watching a topic begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Now. The watcher of a known order gets its present status first.
    Now,
    /// After a cursor.
    After(Cursor),
    /// After a version of one order; `None` is before its first.
    AfterVersion(Option<Version>),
}

/// A topic being joined. Dropped before its end, the topic is not watched.
#[derive(Debug)]
pub struct CatchUp<'a> {
    watcher: &'a mut Watcher,
    topic: Topic,
    /// `None` while a step is under way, and for good after one that failed.
    stage: Option<Stage>,
    ready: VecDeque<Delivery>,
    /// What went wrong after something became ready, which is told first: it may be of the watcher's other topics.
    failed: Option<WatchError>,
    joined_at: Option<Cursor>,
}

#[derive(Debug)]
enum Stage {
    Beginning(Start),
    /// Not joined; reading `shards[at]` from `progress` on.
    Approaching(Reading),
    /// Joined at `until`; reading the rest up to there.
    Closing(Reading, Cursor),
    Done,
}

#[derive(Debug)]
struct Reading {
    shards: Vec<ShardId>,
    at: usize,
    progress: Cursor,
    /// Whether nothing of `shards[at]` was read yet.
    is_fresh: bool,
}

impl Reading {
    fn shard(&self) -> Option<(ShardId, EventPosition)> {
        let shard = *self.shards.get(self.at)?;
        Some((shard, self.progress.get(shard).unwrap_or_default()))
    }

    fn next_shard(&mut self) {
        self.at += 1;
        self.is_fresh = true;
    }
}

impl Watcher {
    /// Begins to watch `topic`, or begins again if it is watched already. Nothing happens before the first
    /// [`CatchUp::next`]; until its last one, nothing else can be asked of this watcher.
    pub fn watch(&mut self, topic: Topic, start: Start) -> CatchUp<'_> {
        CatchUp {
            watcher: self,
            topic,
            stage: Some(Stage::Beginning(start)),
            ready: VecDeque::new(),
            failed: None,
            joined_at: None,
        }
    }
}

impl CatchUp<'_> {
    /// The next deliveries; `None` once the topic is joined and the rest comes by [`Watcher::receive`]. To be
    /// dropped after an error.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub async fn next(&mut self) -> Result<Option<VecDeque<Delivery>>, WatchError> {
        while self.ready.is_empty() {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            let step = match self.stage.take() {
                Some(Stage::Beginning(start)) => self.begin(start).await,
                Some(Stage::Approaching(reading)) => self.approach(reading).await,
                Some(Stage::Closing(reading, until)) => self.close_in(reading, until).await,
                Some(Stage::Done) => {
                    self.stage = Some(Stage::Done);
                    return Ok(None);
                }
                None => return Ok(None),
            };
            match step {
                Ok(stage) => self.stage = Some(stage),
                Err(error) => self.failed = Some(error),
            }
        }
        Ok(Some(std::mem::take(&mut self.ready)))
    }

    /// Resuming from it misses nothing, once [`CatchUp::next`] has returned `None` and all that it returned before was
    /// handed to the client. It lets a client resume that has not seen a change yet.
    #[must_use]
    pub fn joined_at(&self) -> Option<&Cursor> {
        self.joined_at.as_ref()
    }

    /// As [`Watcher::lagging`], while the topic is being joined.
    pub async fn lagging(&self) {
        self.watcher.lagging().await;
    }

    async fn begin(&mut self, start: Start) -> Result<Stage, WatchError> {
        self.watcher.mailbox.visibility().admits(&self.topic)?;
        let shards = self.watcher.hub.shards_of(&self.topic);
        self.watcher.need_pumps();
        for shard in &shards {
            self.wait_until_followed(*shard).await?;
        }
        if let Topic::Order(id) = self.topic {
            // An order lives in one shard.
            let shard = shards[0];
            return self.begin_order(id, shard, start).await;
        }
        match start {
            Start::Now => {
                self.join();
                Ok(Stage::Done)
            }
            Start::AfterVersion(_) => Ok(self.resync(ResyncReason::NotOfThisStore)),
            Start::After(cursor) => {
                // A shard that the cursor lacks is read from its first event.
                let known = shards
                    .iter()
                    .map(|shard| (*shard, cursor.get(*shard).unwrap_or_default()));
                let progress = Cursor::new(known);
                Ok(Stage::Approaching(Reading {
                    shards,
                    at: 0,
                    progress,
                    is_fresh: true,
                }))
            }
        }
    }

    /// Reads one page of a topic that is not joined yet; joins it where little is left.
    async fn approach(&mut self, mut reading: Reading) -> Result<Stage, WatchError> {
        let Some((shard, progress)) = reading.shard() else {
            let until = self.join();
            reading.at = 0;
            return Ok(Stage::Closing(reading, until));
        };
        let settings = self.watcher.hub.inner.settings;
        let page = self
            .read(shard, progress.seq, settings.tuning.page_events)
            .await?;
        if reading.is_fresh {
            reading.is_fresh = false;
            if !self.is_of_this_store(shard, progress).await? {
                return Ok(self.resync(ResyncReason::NotOfThisStore));
            }
            if page.head.seq.0.saturating_sub(progress.seq.0) > settings.tuning.resumed_events {
                return Ok(self.resync(ResyncReason::TooFarBehind));
            }
            // Another process, or a read, may have told the client of what is not handed out here yet.
            self.wait_until_handed_out(shard, progress.seq).await?;
        }
        let handed_out = self.position(shard)?;
        self.tell(&mut reading, shard, &page.events, handed_out.seq);
        let progress = reading.progress.get(shard).unwrap_or(progress);
        let left = handed_out.seq.0.saturating_sub(progress.seq.0);
        if page.events.is_empty() || left <= settings.tuning.page_events as u64 {
            reading.next_shard();
        }
        Ok(Stage::Approaching(reading))
    }

    /// Reads one page of what was left when the topic was joined.
    async fn close_in(&mut self, mut reading: Reading, until: Cursor) -> Result<Stage, WatchError> {
        let Some((shard, progress)) = reading.shard() else {
            return Ok(Stage::Done);
        };
        let end = until.get(shard).unwrap_or_default();
        if progress.seq >= end.seq {
            reading.next_shard();
            return Ok(Stage::Closing(reading, until));
        }
        let page_events = self.watcher.hub.inner.settings.tuning.page_events;
        let page = self.read(shard, progress.seq, page_events).await?;
        self.tell(&mut reading, shard, &page.events, end.seq);
        if reading.progress.get(shard) == Some(progress) {
            return Ok(self.resync(ResyncReason::NotOfThisStore));
        }
        Ok(Stage::Closing(reading, until))
    }

    /// Makes deliveries of the events up to `end` that belong to the topic, and notes the progress.
    fn tell(&mut self, reading: &mut Reading, shard: ShardId, events: &[SequencedEvent], end: Seq) {
        let others = Arc::new(reading.progress.clone());
        let mut changes = Vec::new();
        for sequenced in events.iter().take_while(|event| event.seq <= end) {
            if belongs(&self.topic, sequenced) {
                changes.push(change(shard, sequenced.position(), &others, sequenced));
            }
            reading.progress.set(shard, sequenced.position());
        }
        self.deliver(changes);
    }

    /// Joins; what waited in the mailbox is told first.
    fn join(&mut self) -> Cursor {
        let joined = self.watcher.join(&self.topic);
        self.ready.extend(joined.waiting);
        self.joined_at = Some(joined.at.clone());
        joined.at
    }

    fn resync(&mut self, reason: ResyncReason) -> Stage {
        let cursor = self.join();
        self.ready
            .push_back(Delivery::Resync(Resync { reason, cursor }));
        Stage::Done
    }

    fn deliver(&mut self, changes: Vec<Arc<Change>>) {
        if !changes.is_empty() {
            self.ready
                .push_back(Delivery::Changes(Arc::new(Batch::new(changes))));
        }
    }

    fn position(&self, shard: ShardId) -> Result<EventPosition, WatchError> {
        self.watcher
            .hub
            .registry()
            .position(shard)
            .ok_or(WatchError::NotFollowed { shard })
    }

    async fn wait_until_followed(&self, shard: ShardId) -> Result<(), WatchError> {
        let inner = &self.watcher.hub.inner;
        let mut begun = inner.begun.subscribe();
        let followed = timeout(inner.settings.tuning.join_timeout, async {
            while self.position(shard).is_err() {
                if begun.changed().await.is_err() {
                    return;
                }
            }
        });
        followed
            .await
            .map_err(|_| WatchError::NotFollowed { shard })
    }

    /// Waits until the hub has handed out `seq`, which the store holds. It is at most a moment behind, and nearly
    /// never asked for, so that looking again and again is cheaper than telling of every hand-out.
    async fn wait_until_handed_out(&self, shard: ShardId, seq: Seq) -> Result<(), WatchError> {
        let give_up = Instant::now() + self.watcher.hub.inner.settings.tuning.join_timeout;
        while self.position(shard)?.seq < seq {
            if Instant::now() >= give_up {
                return Err(WatchError::NotFollowed { shard });
            }
            sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn read(
        &self,
        shard: ShardId,
        after: Seq,
        limit: usize,
    ) -> Result<EventPage, WatchError> {
        let inner = &self.watcher.hub.inner;
        let _turn = self.turn().await?;
        Ok(inner
            .feed
            .events_after(shard, after, limit, EventContent::Events)
            .await?)
    }

    /// Whether the store's history has an event at this position. A cursor of another history (this store was restored
    /// from an older backup) may have numbers that the store reached again; the random bits then differ.
    async fn is_of_this_store(
        &self,
        shard: ShardId,
        position: EventPosition,
    ) -> Result<bool, WatchError> {
        let inner = &self.watcher.hub.inner;
        let _turn = self.turn().await?;
        let stored = inner.feed.event_position(shard, position.seq).await?;
        Ok(stored == Some(position))
    }

    /// The events of one order; none if the order is not the watcher's to see, as of an order that there is not.
    async fn read_events(
        &self,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Vec<SequencedEvent>, WatchError> {
        let inner = &self.watcher.hub.inner;
        let _turn = self.turn().await?;
        let events = inner.feed.order_events(id, after, limit).await?;
        let mut events = events.unwrap_or_default();
        let visibility = self.watcher.mailbox.visibility();
        events.retain(|sequenced| visibility.sees(&sequenced.event));
        Ok(events)
    }

    /// A turn is for one read, so that a client that takes its changes slowly holds up nobody.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, WatchError> {
        let inner = &self.watcher.hub.inner;
        timeout(
            inner.settings.tuning.join_timeout,
            inner.resuming_reads.acquire(),
        )
        .await
        .map_err(|_| WatchError::Busy)?
        .map_err(|_| WatchError::Busy)
    }
}

impl Drop for CatchUp<'_> {
    fn drop(&mut self) {
        if !matches!(self.stage, Some(Stage::Done)) {
            self.watcher.unwatch(&self.topic);
            self.watcher.rest_if_idle();
        }
    }
}

fn belongs(topic: &Topic, sequenced: &SequencedEvent) -> bool {
    match topic {
        Topic::Everything => true,
        Topic::User(user) => sequenced.event.user_id.as_ref() == Some(user),
        Topic::Order(id) => sequenced.event.order_id == *id,
    }
}

fn change(
    shard: ShardId,
    position: EventPosition,
    others: &Arc<Cursor>,
    sequenced: &SequencedEvent,
) -> Arc<Change> {
    Arc::new(Change::new(
        shard,
        position,
        Arc::clone(others),
        Arc::clone(&sequenced.event),
    ))
}
