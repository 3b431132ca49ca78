//! Joining one order: it is joined first, because what is then read of it is little. Part of `catch_up`.

use std::sync::Arc;

use domain::{OrderId, Seq, ShardId, Version};

use super::{CatchUp, Stage, Start, change};
use crate::watch::change::{Change, Delivery, Resync, ResyncReason};
use crate::watch::cursor::Cursor;
use crate::watch::error::WatchError;

/// Which events of one order are replayed, of those before the place of joining.
enum ReplayRange {
    Present,
    AfterSeq(Seq),
    AfterVersion(Option<Version>),
}

impl CatchUp<'_> {
    pub(super) async fn begin_order(
        &mut self,
        id: OrderId,
        shard: ShardId,
        start: Start,
    ) -> Result<Stage, WatchError> {
        let range = match start {
            Start::Now => Some(ReplayRange::Present),
            Start::After(cursor) => self.after_cursor(shard, &cursor).await?,
            Start::AfterVersion(None) => Some(ReplayRange::AfterVersion(None)),
            Start::AfterVersion(Some(version)) => self.after_version(id, shard, version).await?,
        };
        let until = self.join();
        let range = range.unwrap_or_else(|| {
            self.ready.push_back(Delivery::Resync(Resync {
                reason: ResyncReason::NotOfThisStore,
                cursor: until.clone(),
            }));
            ReplayRange::Present
        });
        let changes = self.read_order(id, shard, &range, until).await?;
        self.deliver(changes);
        Ok(Stage::Done)
    }

    /// Where to go on after a cursor; `None` if it is not of this store's history.
    async fn after_cursor(
        &self,
        shard: ShardId,
        cursor: &Cursor,
    ) -> Result<Option<ReplayRange>, WatchError> {
        let position = cursor.get(shard).unwrap_or_default();
        if !self.is_of_this_store(shard, position).await? {
            return Ok(None);
        }
        let seq = position.seq;
        if seq > self.position(shard)?.seq {
            self.wait_until_handed_out(shard, seq).await?;
        }
        Ok(Some(ReplayRange::AfterSeq(seq)))
    }

    /// Where to go on after a version; `None` if the order has never had it.
    async fn after_version(
        &self,
        id: OrderId,
        shard: ShardId,
        version: Version,
    ) -> Result<Option<ReplayRange>, WatchError> {
        let before = Version::from_number(version.get() - 1);
        let events = self.read_events(id, before, 1).await?;
        let Some(known) = events.first() else {
            return Ok(None);
        };
        // The client knows this version already, perhaps before the hub: it must not come again.
        self.wait_until_handed_out(shard, known.seq).await?;
        Ok(Some(ReplayRange::AfterVersion(Some(version))))
    }

    /// The changes of one order up to `until` that its watcher has to get.
    async fn read_order(
        &self,
        id: OrderId,
        shard: ShardId,
        range: &ReplayRange,
        until: Cursor,
    ) -> Result<Vec<Arc<Change>>, WatchError> {
        let limit = self.watcher.hub.inner.settings.tuning.page_events;
        let end = until.get(shard).unwrap_or_default();
        let others = Arc::new(until);
        let mut after = match range {
            ReplayRange::AfterVersion(version) => *version,
            ReplayRange::Present | ReplayRange::AfterSeq(_) => None,
        };
        let mut changes = Vec::new();
        let mut present = None;
        loop {
            let events = self.read_events(id, after, limit).await?;
            for sequenced in events.iter().take_while(|event| event.seq <= end.seq) {
                match range {
                    // Its cursor stands where the watcher joined, so that resuming reads nothing twice.
                    ReplayRange::Present => present = Some(change(shard, end, &others, sequenced)),
                    ReplayRange::AfterSeq(seq) if sequenced.seq <= *seq => {}
                    ReplayRange::AfterSeq(_) | ReplayRange::AfterVersion(_) => {
                        changes.push(change(shard, sequenced.position(), &others, sequenced));
                    }
                }
            }
            match events.last() {
                Some(last) if events.len() >= limit && last.seq <= end.seq => {
                    after = Some(last.event.version);
                }
                _ => break,
            }
        }
        changes.extend(present);
        Ok(changes)
    }
}
