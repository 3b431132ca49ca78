//! Which watcher gets which change while it happens.

use std::sync::atomic::Ordering;
use std::time::Duration;

use application::watch::{Delivery, Lagged, Start, Topic, WatchError, WatchSettings, WatchTuning};
use domain::{Seq, ShardId};

use crate::watched_store::{
    Seen, caller, flatten, join, new_watcher, order, receive, run, settings, tuned, user, versions,
};

#[tokio::test]
async fn each_watcher_gets_the_changes_of_its_topics_alone() {
    let running = run(1, settings());
    let (alice, bob) = (user("alice"), user("bob"));
    let (of_alice, of_bob) = (order(&alice, 1), order(&bob, 2));
    let mut everything = new_watcher(&running.hub);
    let mut of_user = new_watcher(&running.hub);
    let mut of_order = new_watcher(&running.hub);
    join(&mut everything, Topic::Everything, Start::Now).await;
    join(&mut of_user, Topic::User(alice.clone()), Start::Now).await;
    join(&mut of_order, Topic::Order(of_bob), Start::Now).await;

    running.store.commit_next(of_alice, &alice);
    running.store.commit_next(of_bob, &bob);
    running.store.commit_next(of_alice, &alice);

    assert_eq!(
        versions(&receive(&everything, 3).await),
        [(of_alice, 1), (of_bob, 1), (of_alice, 2)]
    );
    assert_eq!(
        versions(&receive(&of_user, 2).await),
        [(of_alice, 1), (of_alice, 2)]
    );
    assert_eq!(versions(&receive(&of_order, 1).await), [(of_bob, 1)]);
}

#[tokio::test]
async fn overlapping_topics_deliver_each_change_once_and_in_order() {
    let running = run(1, settings());
    let alice = user("alice");
    let orders: Vec<_> = (0..10).map(|number| order(&alice, number)).collect();
    let mut watcher = new_watcher(&running.hub);
    join(&mut watcher, Topic::User(alice.clone()), Start::Now).await;
    for id in orders.iter().rev() {
        join(&mut watcher, Topic::Order(*id), Start::Now).await;
    }
    for _ in 0..20 {
        for id in &orders {
            running.store.commit_next(*id, &alice);
        }
    }
    let seqs: Vec<u64> = receive(&watcher, 200)
        .await
        .iter()
        .map(|seen| match seen {
            Seen::Change(_, _, cursor) => cursor.get(ShardId(0)).unwrap().seq.0,
            Seen::Resync(_) => panic!("no gap was made"),
        })
        .collect();
    assert_eq!(seqs, (1..=200).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_watcher_of_everything_and_of_an_order_gets_it_once() {
    let running = run(1, settings());
    let alice = user("alice");
    let mut watcher = new_watcher(&running.hub);
    join(&mut watcher, Topic::Order(order(&alice, 1)), Start::Now).await;
    join(&mut watcher, Topic::Everything, Start::Now).await;
    running.store.commit_next(order(&alice, 1), &alice);
    running.store.commit_next(order(&alice, 2), &alice);
    receive(&watcher, 2).await;

    assert!(watcher.unwatch(&Topic::Everything));
    running.store.commit_next(order(&alice, 2), &alice);
    running.store.commit_next(order(&alice, 1), &alice);
    assert_eq!(
        versions(&receive(&watcher, 1).await),
        [(order(&alice, 1), 2)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_hint_delays_a_change_and_loses_nothing() {
    let running = run(1, settings());
    let alice = user("alice");
    let mut watcher = new_watcher(&running.hub);
    join(&mut watcher, Topic::Everything, Start::Now).await;
    running.store.hints_are_lost.store(true, Ordering::SeqCst);
    running.store.commit_next(order(&alice, 1), &alice);
    receive(&watcher, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_delays_changes_and_skips_none() {
    let running = run(1, settings());
    let alice = user("alice");
    let mut watcher = new_watcher(&running.hub);
    join(&mut watcher, Topic::Everything, Start::Now).await;
    running.store.fails.store(true, Ordering::SeqCst);
    for number in 0..5 {
        running.store.commit_next(order(&alice, number), &alice);
    }
    let nothing = tokio::time::timeout(Duration::from_secs(60), watcher.receive()).await;
    assert!(nothing.is_err());
    let reads = running.store.reads.load(Ordering::SeqCst);
    assert!(reads < 30, "{reads} reads in a minute of failures");
    running.store.fails.store(false, Ordering::SeqCst);
    let seen = versions(&receive(&watcher, 5).await);
    let expected: Vec<_> = (0..5).map(|number| (order(&alice, number), 1)).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_watcher_that_takes_nothing_lags_and_the_others_do_not() {
    let settings = tuned(WatchTuning {
        queued_changes: 100,
        page_events: 10,
        ..WatchTuning::default()
    });
    let running = run(1, settings);
    let alice = user("alice");
    let mut stalled = new_watcher(&running.hub);
    let mut quick = new_watcher(&running.hub);
    join(&mut stalled, Topic::Everything, Start::Now).await;
    join(&mut quick, Topic::Everything, Start::Now).await;
    for number in 0..20 {
        for step in 0..10 {
            running
                .store
                .commit_next(order(&alice, number * 10 + step), &alice);
        }
        receive(&quick, 10).await;
    }
    stalled.lagging().await;
    assert_eq!(stalled.receive().await.unwrap_err(), Lagged);
    assert_eq!(stalled.receive().await.unwrap_err(), Lagged);
}

#[tokio::test]
async fn without_watchers_there_are_no_reads_and_nothing_is_left_behind() {
    let running = run(2, settings());
    let alice = user("alice");
    for number in 0..100 {
        running.store.commit_next(order(&alice, number), &alice);
        tokio::task::yield_now().await;
    }
    assert_eq!(running.store.reads.load(Ordering::SeqCst), 0);

    let mut watcher = new_watcher(&running.hub);
    join(&mut watcher, Topic::Everything, Start::Now).await;
    join(&mut watcher, Topic::User(alice.clone()), Start::Now).await;
    join(&mut watcher, Topic::Order(order(&alice, 1)), Start::Now).await;
    assert_eq!(running.hub.watched_topics(), 3);
    drop(watcher);
    assert_eq!(running.hub.watched_topics(), 0);
}

#[tokio::test]
async fn all_watchers_share_one_text() {
    let running = run(1, settings());
    let alice = user("al\"ice\u{e9}");
    let id = order(&alice, 1);
    let mut texts = Vec::new();
    let mut watchers = Vec::new();
    for topic in [
        Topic::Everything,
        Topic::User(alice.clone()),
        Topic::Order(id),
    ] {
        let mut watcher = new_watcher(&running.hub);
        join(&mut watcher, topic, Start::Now).await;
        watchers.push(watcher);
    }
    running.store.commit_next(id, &alice);
    for watcher in &watchers {
        for delivery in watcher.receive().await.unwrap() {
            let Delivery::Changes(batch) = delivery else {
                panic!("no gap was made");
            };
            texts.push(batch.changes()[0].text().clone());
        }
    }
    assert_eq!(texts.len(), 3);
    assert!(texts.iter().all(|text| text.as_ptr() == texts[0].as_ptr()));
    let json: serde_json::Value = serde_json::from_slice(&texts[0]).unwrap();
    assert_eq!(json["order_id"], id.to_string());
    assert_eq!(json["status"], "PENDING");
    assert_eq!(json["version"], 1);
    assert_eq!(json["user_id"], alice.as_str());
    assert_eq!(json["occurred_at"], "2023-11-14T22:13:20.000Z");
    let cursor = application::watch::Cursor::parse(json["cursor"].as_str().unwrap()).unwrap();
    assert_eq!(cursor, running.store.at(1));
}

#[tokio::test]
async fn a_store_that_was_restored_under_a_watcher_is_announced() {
    let settings = tuned(WatchTuning {
        slow_scan: Duration::from_millis(10),
        ..WatchTuning::default()
    });
    let running = run(1, settings);
    let alice = user("alice");
    for number in 0..5 {
        running.store.commit_next(order(&alice, number), &alice);
    }
    let mut watcher = new_watcher(&running.hub);
    join(&mut watcher, Topic::User(alice.clone()), Start::Now).await;
    running.store.forget_after(ShardId(0), Seq(2));
    let seen = receive(&watcher, 1).await;
    assert!(matches!(seen[0], Seen::Resync(_)), "{seen:?}");
    running.store.commit_next(order(&alice, 9), &alice);
    let seen = flatten(watcher.receive().await.unwrap());
    assert_eq!(versions(&seen), [(order(&alice, 9), 1)]);
}

#[tokio::test]
async fn watchers_are_bounded() {
    let settings = WatchSettings {
        max_watchers: 2,
        ..settings()
    };
    let running = run(1, settings);
    let first = running.hub.watcher(&caller());
    let second = running.hub.watcher(&caller());
    assert!(first.is_ok() && second.is_ok());
    let too_many = running.hub.watcher(&caller());
    assert!(matches!(too_many, Err(WatchError::TooManyWatchers)));
    assert_eq!(running.hub.watchers(), 2);
    drop(first);
    assert!(running.hub.watcher(&caller()).is_ok());
}
