//! Positions: the number and the random bits of each event, by which a cursor is recognised.

use std::collections::BTreeSet;
use std::time::Duration;

use application::ports::SequencedEvent;
use domain::{EventPosition, OrderCommand, Seq, ShardId};

use super::subject::{Subject, deadline, decide_history, write_new, written};
use super::{LONG, StoreFactory, sample};

async fn whole_feed(subject: &Subject, shard: ShardId) -> Vec<SequencedEvent> {
    subject.events_after(shard, Seq(0), 10_000).await.events
}

/// Every event's position can be asked for and is what the feed showed, in each process; number 0 is at the default
/// position, and no number past the head has one. A page tells the head with its bits.
pub async fn every_event_has_its_position(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shards = subject.store.shards().to_vec();
    for shard in &shards {
        let empty = subject.events_after(*shard, Seq(0), 10).await;
        assert_eq!(empty.head, EventPosition::default());
        let first = subject.event_position(*shard, Seq(1)).await;
        assert_eq!(first, None, "an empty shard has reached no number");
    }
    let writes = ["alice", "zoe", "bob", "yves"].map(|user_id| {
        let command = sample::plain(user_id, 1);
        subject.new_write(&command, None)
    });
    for answer in subject.store.commit(writes.to_vec(), deadline()).await {
        written(answer, "an order of a mixed batch");
    }
    let command = sample::full("alice", "A-1");
    let then = sample::time("2011-11-11T11:11:11.111Z");
    let history = decide_history(&command, then, domain::HistoryStatus::Processed);
    let imported = history.order.clone();
    subject
        .must_write(write_new(history, &command, Some("key")))
        .await;
    for claimed in subject.claim_all(LONG).await {
        subject.retry(&claimed, Duration::ZERO).await;
    }
    let (placed, _) = subject.place(&sample::plain("zoe", 2)).await;
    let cancelled = subject.apply(&placed, OrderCommand::Cancel).await;
    subject.erase(&cancelled).await;
    let last = subject.erase(&imported).await;
    let shard = subject.shard_of(&imported.user_id);
    let head = subject.events_after(shard, Seq(0), 1).await.head;
    assert_eq!(head, last, "an erasure returns the position of its event");

    let mut feeds = Vec::new();
    for shard in &shards {
        feeds.push((*shard, whole_feed(&subject, *shard).await));
    }
    have_their_positions(&subject, &feeds).await;
    if let Some(second) = subject.opened.second().await.map(Subject::from) {
        have_their_positions(&second, &feeds).await;
    }
    let subject = subject.reopen().await;
    have_their_positions(&subject, &feeds).await;
}

async fn have_their_positions(subject: &Subject, feeds: &[(ShardId, Vec<SequencedEvent>)]) {
    for (shard, feed) in feeds {
        assert_eq!(
            subject.event_position(*shard, Seq(0)).await,
            Some(EventPosition::default()),
            "before the first event"
        );
        for found in feed {
            assert_eq!(
                subject.event_position(*shard, found.seq).await,
                Some(found.position()),
                "the position of an event is what the feed showed"
            );
            if subject.find_by_id(found.event.order_id).await.is_some() {
                let events = subject.events(found.event.order_id).await;
                assert!(events.contains(found), "and what its order shows");
            }
        }
        let last = feed.last().map(SequencedEvent::position);
        let head = last.unwrap_or_default();
        for limit in [1, 10_000] {
            let page = subject.events_after(*shard, Seq(0), limit).await;
            assert_eq!(page.head, head, "a page tells the head with its bits");
        }
        let page = subject.events_after(*shard, head.seq, 10).await;
        assert_eq!((page.events, page.head), (Vec::new(), head));
        for past in [head.seq.0 + 1, head.seq.0 + 1_000, i64::MAX.unsigned_abs()] {
            let position = subject.event_position(*shard, Seq(past)).await;
            assert_eq!(position, None, "{past} is past the head");
        }
    }
}

/// Two stores give different bits to one number, and one store gives different bits to different commits, from all of
/// the 32: only so is a cursor of another history recognised.
pub async fn two_histories_differ_in_their_bits(factory: &dyn StoreFactory) {
    let mut histories = Vec::new();
    for _ in 0..2 {
        let subject = Subject::fresh(factory).await;
        for number in 0..48 {
            subject.place(&sample::plain("alice", number)).await;
        }
        let shard = subject.shard_of(&sample::user("alice"));
        let feed = whole_feed(&subject, shard).await;
        assert_eq!(feed.len(), 48);
        histories.push(feed.iter().map(|found| found.bits).collect::<Vec<u32>>());
    }
    let same = histories[0]
        .iter()
        .zip(&histories[1])
        .filter(|(one, other)| one == other);
    assert!(
        same.count() <= 2,
        "two histories give different bits to one number: {histories:x?}"
    );
    for bits in &histories {
        let different: BTreeSet<u32> = bits.iter().copied().collect();
        assert!(
            different.len() >= 46,
            "different commits draw different bits: {bits:x?}"
        );
        let (any, all) = bits
            .iter()
            .fold((0, u32::MAX), |(any, all), bits| (any | bits, all & bits));
        assert_eq!((any, all), (u32::MAX, 0), "all 32 bits are drawn");
    }
}
