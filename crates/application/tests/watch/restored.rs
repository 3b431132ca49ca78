//! Cursors across a restore from a backup: a cursor that is newer than the backup is recognised for ever, one that is
//! older goes on. Orders that were erased leave cursors and feeds right.

use std::sync::Arc;
use std::time::Duration;

use application::watch::{Cursor, ResyncReason, Start, Topic, WatchTuning};
use domain::{EventPosition, Seq, ShardId, UserId, Version};

use crate::watched_store::{
    Seen, WatchedStore, join, new_watcher, order, receive, run, run_over, settings, tuned, user,
    versions,
};

/// The orders of the tests are of one user; the first one is watched by its id.
const ORDERS: u64 = 4;

fn topics(alice: &UserId) -> [Topic; 3] {
    [
        Topic::Everything,
        Topic::User(alice.clone()),
        Topic::Order(order(alice, 0)),
    ]
}

fn grow(store: &WatchedStore, alice: &UserId, count: u64) {
    for number in 0..count {
        store.commit_next(order(alice, number % ORDERS), alice);
    }
}

/// A history of 100 events, the cursor at its end, and the store after a backup at event 70 was restored.
fn restored(alice: &UserId) -> (Arc<WatchedStore>, Cursor) {
    let store = WatchedStore::new(1);
    grow(&store, alice, 100);
    let newest = store.at(100);
    store.forget_after(ShardId(0), Seq(70));
    (store, newest)
}

#[tokio::test]
async fn a_cursor_that_is_newer_than_the_backup_gets_a_resync_notice_for_ever() {
    let alice = user("alice");
    let (store, newest) = restored(&alice);
    // Below the cursor's number, at it, and far past it.
    for growth in [20, 9, 1, 30, 1_000] {
        grow(&store, &alice, growth);
        for topic in topics(&alice) {
            let running = run_over(Arc::clone(&store), settings());
            let mut watcher = new_watcher(&running.hub);
            let start = Start::After(newest.clone());
            let seen = join(&mut watcher, topic.clone(), start).await;
            assert_eq!(
                seen[0],
                Seen::Resync(ResyncReason::NotOfThisStore),
                "{topic:?} after {growth} more"
            );
            // The watcher of an order gets its present status, and all go on from here.
            let present = usize::from(matches!(topic, Topic::Order(_)));
            assert_eq!(seen.len(), 1 + present, "{topic:?}: {seen:?}");
            let next = running.store.commit_next(order(&alice, 0), &alice);
            let seen = receive(&watcher, 1).await;
            let expected = (order(&alice, 0), next.event.version.get());
            assert_eq!(versions(&seen), [expected]);
        }
    }
}

#[tokio::test]
async fn every_cursor_of_the_lost_history_is_recognised() {
    let alice = user("alice");
    let store = WatchedStore::new(1);
    grow(&store, &alice, 100);
    let cursors: Vec<Cursor> = (71..=100).map(|seq| store.at(seq)).collect();
    store.forget_after(ShardId(0), Seq(70));
    grow(&store, &alice, 60);
    let running = run_over(store, settings());
    for cursor in cursors {
        // As a client keeps it: a text.
        let cursor = Cursor::parse(&cursor.to_string()).unwrap();
        for topic in topics(&alice) {
            let mut watcher = new_watcher(&running.hub);
            let seen = join(&mut watcher, topic, Start::After(cursor.clone())).await;
            assert_eq!(seen[0], Seen::Resync(ResyncReason::NotOfThisStore));
        }
    }
}

#[tokio::test]
async fn a_cursor_that_is_older_than_the_backup_goes_on() {
    let alice = user("alice");
    let (store, _) = restored(&alice);
    grow(&store, &alice, 60);
    let running = run_over(store, settings());
    for seq in [0, 1, 69, 70] {
        for topic in topics(&alice) {
            let mut watcher = new_watcher(&running.hub);
            let start = Start::After(running.store.at(seq));
            let seen = join(&mut watcher, topic.clone(), start).await;
            let missed = 130 - seq;
            let expected = match topic {
                // Every fourth event is the first order's: 1, 5, 9...; a restored history begins with it again.
                Topic::Order(_) => (seq + 1..=70).filter(|seq| seq % ORDERS == 1).count() + 15,
                Topic::Everything | Topic::User(_) => usize::try_from(missed).unwrap(),
            };
            assert_eq!(versions(&seen).len(), expected, "{topic:?} after {seq}");
            assert_eq!(seen.len(), expected, "no resync notice");
        }
    }
}

#[tokio::test]
async fn one_restored_shard_of_two_is_enough_for_a_resync_notice() {
    let store = WatchedStore::new(2);
    let users: Vec<UserId> = (0..20)
        .map(|number| user(&format!("user-{number}")))
        .collect();
    for user in &users {
        for _ in 0..5 {
            store.commit_next(order(user, 1), user);
        }
    }
    let running = run_over(Arc::clone(&store), settings());
    let mut watcher = new_watcher(&running.hub);
    join(&mut watcher, Topic::Everything, Start::Now).await;
    let mut newest = None;
    for user in &users {
        store.commit_next(order(user, 1), user);
        if let Seen::Change(_, _, cursor) = &receive(&watcher, 1).await[0] {
            newest = Some(cursor.clone());
        }
    }
    let newest = newest.unwrap();
    drop(watcher);
    let restored = ShardId(1);
    store.forget_after(restored, Seq(10));
    let of_shard: Vec<&UserId> = users
        .iter()
        .filter(|user| running.shard_of(user) == restored)
        .collect();
    for _ in 0..200 {
        for user in &of_shard {
            store.commit_next(order(user, 1), user);
        }
    }
    let running = run_over(store, settings());
    let mut watcher = new_watcher(&running.hub);
    let start = Start::After(newest.clone());
    let seen = join(&mut watcher, Topic::Everything, start).await;
    assert_eq!(seen, [Seen::Resync(ResyncReason::NotOfThisStore)]);
    // A user of the other shard goes on without a notice.
    let other = users
        .iter()
        .find(|user| running.shard_of(user) != restored)
        .unwrap();
    let mut watcher = new_watcher(&running.hub);
    let topic = Topic::User(other.clone());
    let seen = join(&mut watcher, topic, Start::After(newest)).await;
    assert_eq!(seen, []);
}

#[tokio::test]
async fn a_cursor_that_lacks_a_shard_begins_at_its_first_event() {
    let alice = user("alice");
    let running = run(1, settings());
    grow(&running.store, &alice, 8);
    let elsewhere = EventPosition {
        seq: Seq(5),
        bits: 7,
    };
    let cursor = Cursor::new([(ShardId(3), elsewhere)]);
    for topic in topics(&alice) {
        let mut watcher = new_watcher(&running.hub);
        let start = Start::After(cursor.clone());
        let seen = join(&mut watcher, topic.clone(), start).await;
        let expected = if matches!(topic, Topic::Order(_)) {
            2
        } else {
            8
        };
        assert_eq!(versions(&seen).len(), expected, "{topic:?}");
    }
}

#[tokio::test]
async fn a_cursor_on_an_erased_order_goes_on_and_tombstones_name_no_user() {
    let alice = user("alice");
    let running = run(1, settings());
    grow(&running.store, &alice, 8);
    let erased = order(&alice, 1);
    // The events 2 and 6 are of the order that is erased, and so is 9.
    let before = running.store.at(6);
    running.store.erase(erased);
    assert_eq!(before, running.store.at(6), "tombstones keep their bits");
    let mut watcher = new_watcher(&running.hub);
    let start = Start::After(before.clone());
    let seen = join(&mut watcher, Topic::Everything, start).await;
    let expected = [(order(&alice, 2), 2), (order(&alice, 3), 2), (erased, 3)];
    assert_eq!(versions(&seen), expected);
    let mut of_user = new_watcher(&running.hub);
    let topic = Topic::User(alice.clone());
    let seen = join(&mut of_user, topic, Start::After(before)).await;
    assert_eq!(versions(&seen), expected[..2], "a tombstone has no user");

    let mut live = new_watcher(&running.hub);
    join(&mut live, Topic::Everything, Start::Now).await;
    running.store.commit_next(order(&alice, 2), &alice);
    assert_eq!(
        versions(&receive(&live, 1).await),
        [(order(&alice, 2), 3)],
        "and the live feed goes on"
    );
}

#[tokio::test]
async fn a_watcher_of_an_order_sees_that_it_was_erased() {
    let alice = user("alice");
    let settings = tuned(WatchTuning {
        slow_scan: Duration::from_millis(10),
        ..WatchTuning::default()
    });
    let running = run(1, settings);
    grow(&running.store, &alice, 4);
    let erased = order(&alice, 1);
    let mut watcher = new_watcher(&running.hub);
    let after = Start::AfterVersion(Version::from_number(1));
    assert_eq!(join(&mut watcher, Topic::Order(erased), after).await, []);
    running.store.erase(erased);
    let seen = receive(&watcher, 1).await;
    assert_eq!(versions(&seen), [(erased, 2)]);
}
