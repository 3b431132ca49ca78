//! One pump a shard: reads the shard's events in order and hands them out. Run by [`super::Hub::run`].
//!
//! It rests while nobody watches. A hint wakes it; a slow scan runs beside the hints. When the store fails it tries
//! again from where it is, so that nothing is skipped; it never waits for a watcher.

use domain::{EventPosition, Seq, ShardId};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::ports::{EventContent, EventPage};

pub(super) struct Pump {
    hub: Hub,
    shard: ShardId,
    hints: tokio::sync::watch::Receiver<Seq>,
    /// Failures since the last success.
    failures: u32,
}

impl Pump {
    pub(super) fn new(hub: Hub, shard: ShardId) -> Self {
        let hints = hub.inner.wake_ups.last_seq(shard);
        Self {
            hub,
            shard,
            hints,
            failures: 0,
        }
    }

    /// Runs until `stop`. A read that is under way then is dropped; it changes nothing.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(async move {
            loop {
                self.wait_for_watchers().await;
                let head = self.find_head().await;
                self.hub.registry().begin(self.shard, head);
                self.hub.inner.begun.send_modify(|count| *count += 1);
                self.follow(head).await;
            }
        })
        .await;
    }

    async fn wait_for_watchers(&self) {
        let mut wanted = self.hub.inner.wanted.subscribe();
        while !self.hub.registry().is_watched() {
            if wanted.changed().await.is_err() {
                return;
            }
        }
    }

    /// The last event of the shard now: where handing out begins.
    async fn find_head(&mut self) -> EventPosition {
        let known = *self.hints.borrow();
        loop {
            if let Some(page) = self.read(known, 1).await {
                return page.head;
            }
        }
    }

    async fn follow(&mut self, head: EventPosition) {
        let mut position = head;
        let limit = self.hub.inner.settings.tuning.page_events;
        loop {
            if self.hub.registry().rest_if_unwatched(self.shard) {
                return;
            }
            let Some(page) = self.read(position.seq, limit).await else {
                continue;
            };
            if page.head.seq < position.seq {
                tracing::error!(
                    shard = %self.shard, handed_out = %position.seq, head = %page.head.seq,
                    "the shard has fewer events than were handed out; watchers have to read again"
                );
                position = page.head;
                self.hub.registry().restart(self.shard, position);
                continue;
            }
            self.hub.registry().distribute(self.shard, &page.events);
            if let Some(last) = page.events.last() {
                position = last.position();
            }
            if position.seq >= page.head.seq {
                self.wait_for_news(position.seq).await;
            }
        }
    }

    /// Waits for a hint of something new, at most until the slow scan is due.
    async fn wait_for_news(&mut self, position: Seq) {
        let scan_after = self.hub.inner.settings.tuning.slow_scan;
        let are_hints_gone = timeout(scan_after, self.hints.wait_for(|seq| *seq > position))
            .await
            .is_ok_and(|heard| heard.is_err());
        if are_hints_gone {
            // No hint will ever come again: the slow scan alone goes on.
            sleep(scan_after).await;
        }
    }

    /// `None` after a failure, once the wait that follows it is over.
    async fn read(&mut self, after: Seq, limit: usize) -> Option<EventPage> {
        let feed = &self.hub.inner.feed;
        match feed
            .events_after(self.shard, after, limit, EventContent::Events)
            .await
        {
            Ok(page) => {
                if self.failures > 0 {
                    tracing::info!(shard = %self.shard, "changes are handed out again");
                }
                self.failures = 0;
                Some(page)
            }
            Err(error) => {
                if self.failures == 0 {
                    tracing::warn!(shard = %self.shard, %error, "changes wait until the store can be read");
                }
                self.failures = self.failures.saturating_add(1);
                let tuning = &self.hub.inner.settings.tuning;
                sleep(tuning.retry.bound(self.failures)).await;
                None
            }
        }
    }
}
