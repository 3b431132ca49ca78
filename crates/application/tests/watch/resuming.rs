//! Joining and coming back: no gap, nothing twice, or a resync notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use application::watch::{Cursor, ResyncReason, Start, Topic, WatchError, WatchTuning};
use domain::{EventPosition, OrderId, ShardId, UserId, Version};
use tokio::task::JoinSet;

use crate::watched_store::{
    Running, Seen, WatchedStore, flatten, join, new_watcher, order, receive, run, run_over,
    settings, tuned, user, versions,
};

fn after(version: u32) -> Start {
    Start::AfterVersion(Version::from_number(version))
}

/// An order with this many versions in a running hub.
async fn with_order(count: u32) -> (Running, UserId, OrderId) {
    let running = run(1, settings());
    let alice = user("alice");
    let id = order(&alice, 1);
    for _ in 0..count {
        running.store.commit_next(id, &alice);
    }
    (running, alice, id)
}

#[tokio::test]
async fn subscribing_late_tells_the_present_status_first() {
    let (running, alice, id) = with_order(3).await;
    let mut watcher = new_watcher(&running.hub);
    let seen = join(&mut watcher, Topic::Order(id), Start::Now).await;
    assert_eq!(versions(&seen), [(id, 3)]);
    running.store.commit_next(id, &alice);
    assert_eq!(versions(&receive(&watcher, 1).await), [(id, 4)]);
}

#[tokio::test]
async fn an_order_that_is_not_there_yet_is_waited_for() {
    let (running, alice, _) = with_order(1).await;
    let later = order(&alice, 7);
    let mut watcher = new_watcher(&running.hub);
    assert_eq!(
        join(&mut watcher, Topic::Order(later), Start::Now).await,
        []
    );
    running.store.commit_next(later, &alice);
    assert_eq!(versions(&receive(&watcher, 1).await), [(later, 1)]);
}

#[tokio::test]
async fn resuming_from_a_version_tells_all_after_it() {
    let (running, _, id) = with_order(5).await;
    for (from, expected) in [(0, 1..=5), (3, 4..=5)] {
        let mut watcher = new_watcher(&running.hub);
        let seen = join(&mut watcher, Topic::Order(id), after(from)).await;
        let expected: Vec<_> = expected.map(|version| (id, version)).collect();
        assert_eq!(versions(&seen), expected);
    }
    let mut watcher = new_watcher(&running.hub);
    assert_eq!(join(&mut watcher, Topic::Order(id), after(5)).await, []);
}

#[tokio::test]
async fn a_version_that_never_was_is_told() {
    let (running, alice, id) = with_order(2).await;
    let mut watcher = new_watcher(&running.hub);
    let seen = join(&mut watcher, Topic::Order(id), after(3)).await;
    assert_eq!(seen[0], Seen::Resync(ResyncReason::NotOfThisStore));
    assert_eq!(versions(&seen), [(id, 2)]);
    let unknown = order(&alice, 5);
    let seen = join(&mut watcher, Topic::Order(unknown), after(1)).await;
    assert_eq!(seen, [Seen::Resync(ResyncReason::NotOfThisStore)]);
}

#[tokio::test]
async fn an_order_resumes_from_a_cursor() {
    let (running, alice, id) = with_order(2).await;
    let other = order(&alice, 2);
    running.store.commit_next(other, &alice);
    running.store.commit_next(id, &alice);
    let mut watcher = new_watcher(&running.hub);
    let seen = join(
        &mut watcher,
        Topic::Order(id),
        Start::After(running.store.at(1)),
    )
    .await;
    assert_eq!(versions(&seen), [(id, 2), (id, 3)]);
    let seen = join(
        &mut watcher,
        Topic::Order(id),
        Start::After(running.store.at(4)),
    )
    .await;
    assert_eq!(seen, []);
    let seen = join(
        &mut watcher,
        Topic::Order(id),
        Start::After(running.store.at(5)),
    )
    .await;
    assert_eq!(seen[0], Seen::Resync(ResyncReason::NotOfThisStore));
    assert_eq!(versions(&seen), [(id, 3)]);
}

#[tokio::test]
async fn a_cursor_from_elsewhere_and_a_gap_too_large_are_told() {
    let settings = tuned(WatchTuning {
        resumed_events: 50,
        page_events: 7,
        ..WatchTuning::default()
    });
    let running = run(1, settings);
    let alice = user("alice");
    for number in 0..60 {
        running.store.commit_next(order(&alice, number), &alice);
    }
    // A cursor that lacks the shard begins at its first event, which is too far back here.
    let of_another_shard = Cursor::new([(ShardId(9), EventPosition::default())]);
    let cases = [
        (running.store.at(61), ResyncReason::NotOfThisStore),
        (of_another_shard, ResyncReason::TooFarBehind),
        (running.store.at(9), ResyncReason::TooFarBehind),
    ];
    for (cursor, reason) in cases {
        let mut watcher = new_watcher(&running.hub);
        let seen = join(&mut watcher, Topic::Everything, Start::After(cursor)).await;
        assert_eq!(seen, [Seen::Resync(reason)]);
        running.store.commit_next(order(&alice, 1), &alice);
        receive(&watcher, 1).await;
    }
    let mut watcher = new_watcher(&running.hub);
    let start = Start::After(running.store.at(14));
    let seen = join(&mut watcher, Topic::User(alice), start).await;
    assert_eq!(seen.len(), 49);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_refuses_a_watcher_in_time() {
    let store = WatchedStore::new(2);
    store.fails.store(true, Ordering::SeqCst);
    let running = run_over(store, settings());
    let mut watcher = new_watcher(&running.hub);
    let mut catch_up = watcher.watch(Topic::Everything, Start::Now);
    let refused = tokio::time::timeout(Duration::from_secs(6), catch_up.next()).await;
    assert!(matches!(refused, Ok(Err(WatchError::NotFollowed { .. }))));
    drop(catch_up);
    assert_eq!(running.hub.watched_topics(), 0);
}

/// Over several shards, while orders change, a watcher is cut off again and again at any point and comes back with
/// the last cursor that it saw: it has seen every version of every order exactly once and in order.
async fn cut_off_again_and_again(topic: Topic, shards: u16) {
    let settings = tuned(WatchTuning {
        page_events: 5,
        ..WatchTuning::default()
    });
    let running = run(shards, settings);
    let users: Vec<_> = (0..6).map(|number| user(&format!("{number}"))).collect();
    let store = Arc::clone(&running.store);
    let committed = users.clone();
    let mut tasks = JoinSet::new();
    let first = {
        let mut watcher = new_watcher(&running.hub);
        join(&mut watcher, topic.clone(), Start::Now).await;
        watcher.end().unwrap().1
    };
    tasks.spawn(async move {
        for round in 0..300_u64 {
            for user in &committed {
                store.commit_next(order(user, round % 7), user);
            }
            if round % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let mut cursor = first;
    let mut seen: BTreeMap<OrderId, u32> = BTreeMap::new();
    let mut cuts = 0;
    let is_complete = |seen: &BTreeMap<OrderId, u32>| match &topic {
        Topic::Everything => seen.values().sum::<u32>() == 300 * 6,
        Topic::User(_) => seen.values().sum::<u32>() == 300,
        Topic::Order(_) => seen.values().sum::<u32>() == 43,
    };
    while !is_complete(&seen) {
        cuts += 1;
        assert!(cuts < 3000, "{seen:?}");
        let mut watcher = new_watcher(&running.hub);
        let mut told = Vec::new();
        let mut catch_up = watcher.watch(topic.clone(), Start::After(cursor.clone()));
        let mut is_joined = true;
        while let Some(deliveries) = catch_up.next().await.unwrap() {
            told.extend(flatten(deliveries));
            if told.len() > 3 * cuts % 20 {
                is_joined = false;
                break;
            }
        }
        drop(catch_up);
        if is_joined {
            let more = tokio::time::timeout(Duration::from_millis(2), watcher.receive()).await;
            told.extend(
                more.ok()
                    .into_iter()
                    .flat_map(|more| flatten(more.unwrap())),
            );
        }
        // The client loses what was on its way: it knows a first part alone.
        told.truncate(told.len().div_ceil(2));
        for one in told {
            let Seen::Change(id, version, at) = one else {
                panic!("no gap was made");
            };
            let before = seen.insert(id, version).unwrap_or(0);
            assert_eq!(version, before + 1, "{id}");
            cursor = at;
        }
    }
    assert!(cuts > 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resuming_from_every_cursor_misses_nothing_and_repeats_nothing() {
    let one = user("0");
    for topic in [
        Topic::Everything,
        Topic::User(one.clone()),
        Topic::Order(order(&one, 3)),
    ] {
        cut_off_again_and_again(topic, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resuming_over_several_shards_misses_nothing_and_repeats_nothing() {
    cut_off_again_and_again(Topic::Everything, 3).await;
    cut_off_again_and_again(Topic::User(user("3")), 3).await;
}

/// What the client knows from elsewhere (an answer to a POST, another process's stream) may be ahead of what the hub
/// has handed out.
#[tokio::test(start_paused = true)]
async fn what_is_known_before_the_hub_knows_it_does_not_come_twice() {
    let (running, alice, id) = with_order(1).await;
    let mut first = new_watcher(&running.hub);
    join(&mut first, Topic::Everything, Start::Now).await;
    running.store.hints_are_lost.store(true, Ordering::SeqCst);
    running.store.commit_next(id, &alice);

    let mut of_order = new_watcher(&running.hub);
    assert_eq!(join(&mut of_order, Topic::Order(id), after(2)).await, []);
    running.store.commit_next(id, &alice);
    let mut everything = new_watcher(&running.hub);
    let seen = join(
        &mut everything,
        Topic::Everything,
        Start::After(running.store.at(3)),
    )
    .await;
    assert_eq!(seen, []);
    running.store.commit_next(id, &alice);

    assert_eq!(versions(&receive(&of_order, 2).await), [(id, 3), (id, 4)]);
    assert_eq!(versions(&receive(&everything, 1).await), [(id, 4)]);
}
