//! Events: by version of an order, by seq of a shard; in commit order, without gaps, from any number of writers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::{Committed, EventContent, OrderStore, SequencedEvent};
use domain::{Cause, Event, EventId, Failure, OrderCommand, OrderId, Seq, ShardId, Trace, Version};
use tokio::task::JoinSet;

use super::subject::{Subject, deadline, versions, write_at, write_new, written};
use super::{LONG, StoreFactory, sample};

/// An order's events come by version, from any version on, in pages.
pub async fn events_of_an_order_come_by_version(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::full("alice", "A-1"), LONG)
        .await;
    let retrying = subject.retry(&claimed, Duration::ZERO).await;
    let claimed = subject.claim_only(retrying.id, LONG).await;
    let dead = subject.fail(&claimed, "handler_rejected").await;
    // Another order's events lie between.
    subject.place(&sample::plain("alice", 5)).await;
    subject.apply(&dead, OrderCommand::Replay).await;
    let id = claimed.id;
    let page = async |after: Option<u32>, limit| {
        let after = after.and_then(Version::from_number);
        let found = subject.store.order_events(id, after, limit).await;
        versions(&found.expect("a healthy store reads").expect("it is there"))
    };
    assert_eq!(page(None, 100).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(page(None, 2).await, [1, 2]);
    assert_eq!(page(Some(2), 2).await, [3, 4]);
    assert_eq!(page(Some(5), 2).await, [6]);
    assert_eq!(page(Some(6), 2).await, [] as [u32; 0]);
    assert_eq!(page(Some(4_000_000_000), 2).await, [] as [u32; 0]);
    let events = subject.events(id).await;
    assert!(events.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(events[2].event.failure, retrying.failure);
    assert_eq!(events[2].event.retry_at, Some(retrying.updated_at));
    assert_eq!(events[4].event.failure, dead.failure);
    let unknown = subject.decide(&sample::plain("alice", 1)).order.id;
    assert_eq!(
        subject.store.order_events(unknown, None, 10).await,
        Ok(None)
    );
}

/// Every field of an event comes back as it was decided, by its order and in the feed, also to the next process: who
/// caused it, with which request, why, which attempt and when the next one is due.
pub async fn every_field_of_an_event_comes_back(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let command = sample::full("alice", "A-1");
    let decision = subject.decide(&command);
    let mut order = Arc::clone(&decision.order);
    let mut decided = vec![decision.event.clone()];
    let mut writes = vec![write_new(decision, &command, Some("key-1"))];
    for round in 0..4 {
        let command = if round % 2 == 0 {
            OrderCommand::Hold
        } else {
            OrderCommand::Release
        };
        let mut cause = sample::cause();
        if round == 1 {
            cause.trace = Trace::default();
        }
        if round == 2 {
            cause.actor = None;
        }
        if round == 3 {
            cause.reason = None;
        }
        let step = order
            .apply(command, subject.now(), cause)
            .expect("hold and release take turns");
        decided.push(step.event.clone());
        let after = Arc::clone(&step.order);
        writes.push(write_at(&order, step));
        order = after;
    }
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "a change with a cause");
    }
    let claimed = subject.claim_only(order.id, LONG).await;
    decided.push(
        order
            .claim(claimed.updated_at)
            .expect("a released order can be claimed")
            .event,
    );
    let failure = Failure::new("timeout", "no answer");
    let retry = claimed
        .retry(failure, LONG, subject.now())
        .expect("a claimed order can be retried");
    decided.push(retry.event.clone());
    subject.advance(&claimed, retry).await;

    let events = subject.events(order.id).await;
    let stored: Vec<Event> = events.iter().map(|found| (*found.event).clone()).collect();
    assert_eq!(stored, decided, "every field as it was decided");
    let shard = subject.shard_of(&order.user_id);
    let page = subject.events_after(shard, Seq(0), 100).await;
    assert_eq!(page.events, events, "the same in the feed");
    let subject = subject.reopen().await;
    let page = subject.events_after(shard, Seq(0), 100).await;
    assert_eq!(page.events, events, "the same to the next process");
    assert_eq!(subject.events(order.id).await, events);
}

/// A shard's events come in pages from any seq, with the shard's head.
pub async fn events_of_a_shard_come_by_seq(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("bob"));
    let empty = subject.events_after(shard, Seq(0), 10).await;
    assert_eq!((empty.events.len(), empty.head.seq), (0, Seq(0)));
    for number in 0..7 {
        subject.place(&sample::plain("bob", number)).await;
    }
    let page = async |after, limit| {
        let page = subject.events_after(shard, Seq(after), limit).await;
        let seqs: Vec<u64> = page.events.iter().map(|found| found.seq.0).collect();
        (seqs, page.head.seq.0)
    };
    assert_eq!(page(0, 100).await, ((1..=7).collect(), 7));
    assert_eq!(page(0, 3).await, (vec![1, 2, 3], 7));
    assert_eq!(page(3, 3).await, (vec![4, 5, 6], 7));
    assert_eq!(page(6, 3).await, (vec![7], 7));
    assert_eq!(page(7, 3).await, (vec![], 7));
    assert_eq!(page(1_000_000, 3).await, (vec![], 7));
}

/// Follows one shard's events as a subscriber does, and fails at the first thing out of place.
pub(super) struct Follower {
    store: Arc<dyn OrderStore>,
    shard: ShardId,
    page_limit: usize,
    /// What was read so far.
    pub(super) seen: Vec<SequencedEvent>,
}

impl Follower {
    /// A reader of a shard from its first event on, in pages of `page_limit`.
    pub(super) fn new(store: &Arc<dyn OrderStore>, shard: ShardId, page_limit: usize) -> Self {
        Self {
            store: Arc::clone(store),
            shard,
            page_limit,
            seen: Vec::new(),
        }
    }

    fn last(&self) -> Seq {
        self.seen.last().map_or(Seq(0), |found| found.seq)
    }

    /// Reads the next page; whether there was anything in it.
    pub(super) async fn read_on(&mut self) -> bool {
        let after = self.last();
        let page = self
            .store
            .events_after(self.shard, after, self.page_limit, EventContent::Events)
            .await
            .expect("a healthy store reads");
        for found in &page.events {
            let expected = Seq(self.last().0 + 1);
            assert_eq!(
                found.seq, expected,
                "events come in the order of seq, without gaps"
            );
            self.seen.push(found.clone());
        }
        assert!(
            page.head.seq >= self.last(),
            "the head is never behind a page"
        );
        assert!(
            !page.events.is_empty() || page.head.seq <= after,
            "events come in the order of seq, without gaps: a page after {after} is empty before the head"
        );
        !page.events.is_empty()
    }

    /// What was read before is still there, exactly so: nothing has appeared at a smaller seq since.
    async fn read_again(&self) {
        let mut again = Self::new(&self.store, self.shard, 1_000);
        while again.last() < self.last() && again.read_on().await {}
        let changed = self
            .seen
            .iter()
            .zip(&again.seen)
            .find(|(then, now)| then != now);
        assert!(
            changed.is_none() && again.seen.len() >= self.seen.len(),
            "a reader that has seen a seq never later sees another event at a smaller one; \
             then and now: {changed:?}"
        );
    }
}

async fn follow(mut follower: Follower, writers_are_done: Arc<AtomicBool>) -> Follower {
    loop {
        // The flag is read first: what is not there after it was set is not there at all.
        let is_last_round = writers_are_done.load(Ordering::SeqCst);
        while follower.read_on().await {}
        if is_last_round {
            follower.read_again().await;
            return follower;
        }
        tokio::task::yield_now().await;
    }
}

/// Places orders and changes some of them; the events that were confirmed, with their places.
async fn write_orders(
    store: Arc<dyn OrderStore>,
    subject: Arc<Subject>,
    writer: u64,
) -> Vec<(EventId, Seq)> {
    let mut confirmed = Vec::new();
    for number in 0..25 {
        let command = sample::plain(&format!("user-{}", writer % 4), number);
        let mut batch = vec![subject.new_write(&command, None)];
        let order = Arc::clone(&batch[0].decision.order);
        if number % 3 == 0 {
            let held = order
                .apply(OrderCommand::Hold, subject.now(), Cause::default())
                .expect("a pending order can be held");
            batch.push(write_at(&order, held));
        }
        let ids: Vec<EventId> = batch
            .iter()
            .map(|write| write.decision.event.id())
            .collect();
        for (id, answer) in ids.into_iter().zip(store.commit(batch, deadline()).await) {
            match answer {
                Ok(Committed::Written { seq }) => confirmed.push((id, seq)),
                other => panic!("{id} can be written: {other:?}"),
            }
        }
    }
    confirmed
}

/// With several writers, in as many processes as there may be, followers see every event once, in the order of seq,
/// without gaps, and never one that appears late.
pub async fn events_are_gapless_and_in_commit_order(factory: &dyn StoreFactory) {
    let subject = Arc::new(Subject::fresh(factory).await);
    let second = subject
        .opened
        .second()
        .await
        .map(|opened| Arc::new(Subject::from(opened)));
    let processes: Vec<Arc<Subject>> = std::iter::once(Arc::clone(&subject))
        .chain(second)
        .collect();
    let writers_are_done = Arc::new(AtomicBool::new(false));
    let mut followers = JoinSet::new();
    for process in &processes {
        for shard in subject.store.shards() {
            for page_limit in [1, 7, 500] {
                let follower = Follower::new(&process.store, *shard, page_limit);
                followers.spawn(follow(follower, Arc::clone(&writers_are_done)));
            }
        }
    }
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let process = Arc::clone(&processes[writer % processes.len()]);
        writers.spawn(write_orders(
            Arc::clone(&process.store),
            process,
            writer as u64,
        ));
    }
    let mut confirmed = BTreeSet::new();
    let mut failure = None;
    while let Some(ended) = writers.join_next().await {
        match ended {
            Ok(events) => confirmed.extend(events.into_iter().map(|(id, seq)| {
                (
                    subject.shard_of_order(id.order_id),
                    seq,
                    id.order_id,
                    id.version,
                )
            })),
            Err(error) => failure = Some(error),
        }
    }
    writers_are_done.store(true, Ordering::SeqCst);
    while let Some(ended) = followers.join_next().await {
        match ended {
            Ok(follower) => compare(&follower, &confirmed),
            Err(error) => failure = Some(error),
        }
    }
    if let Some(error) = failure {
        std::panic::resume_unwind(error.into_panic());
    }
}

fn compare(follower: &Follower, confirmed: &BTreeSet<(ShardId, Seq, OrderId, Version)>) {
    let seen: BTreeSet<_> = follower
        .seen
        .iter()
        .map(|found| {
            (
                follower.shard,
                found.seq,
                found.event.order_id,
                found.event.version,
            )
        })
        .collect();
    let of_shard: BTreeSet<_> = confirmed
        .iter()
        .filter(|(shard, ..)| *shard == follower.shard)
        .copied()
        .collect();
    let differences: Vec<_> = seen.symmetric_difference(&of_shard).take(4).collect();
    assert!(
        differences.is_empty(),
        "every confirmed event is seen, at the place that its commit told, and nothing else; \
         not so: {differences:?}"
    );
    let mut versions: BTreeMap<OrderId, u32> = BTreeMap::new();
    for found in &follower.seen {
        let version = versions.entry(found.event.order_id).or_default();
        *version += 1;
        assert_eq!(
            found.event.version.get(),
            *version,
            "an order's versions follow each other in the shard"
        );
    }
}

/// Claims and rescues record their events in the shard's order as commits do.
pub async fn claims_take_their_place_among_the_events(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    for number in 0..20 {
        subject.place(&sample::plain("carol", number)).await;
    }
    let claimed = subject.claim_all(LONG).await;
    let shard = subject.shard_of(&sample::user("carol"));
    let (placed, seq) = subject.place(&sample::plain("carol", 99)).await;
    let mut follower = Follower::new(&subject.store, shard, 9);
    while follower.read_on().await {}
    assert_eq!((follower.seen.len(), seq), (41, Seq(41)));
    assert_eq!(follower.seen[40].event.order_id, placed.id);
    let processing: BTreeSet<OrderId> = follower.seen[20..40]
        .iter()
        .map(|found| found.event.order_id)
        .collect();
    assert_eq!(processing, claimed.iter().map(|order| order.id).collect());
}
