//! WatchOrder and WatchOrders: the present first, every change once, and nothing missed by a client that comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ordermill::v1 as pb;
use proto::ordermill::v1::watch_order_request::Start;
use proto::ordermill::v1::watch_response::Event;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::server::{Client, Server, amount, placed, reason};

async fn next(changes: &mut Streaming<pb::WatchResponse>) -> Option<Event> {
    let next = timeout(Duration::from_secs(20), changes.message());
    let response = next.await.expect("something comes").unwrap()?;
    response.event
}

async fn next_change(changes: &mut Streaming<pb::WatchResponse>) -> Option<pb::StatusChange> {
    loop {
        match next(changes).await? {
            Event::Change(change) => return Some(change),
            Event::Position(_) => {}
            Event::Resync(resync) => panic!("{resync:?}"),
        }
    }
}

async fn watch_order(
    client: &mut Client,
    id: &str,
    start: Option<Start>,
) -> Streaming<pb::WatchResponse> {
    let request = pb::WatchOrderRequest {
        order_id: id.to_owned(),
        start,
    };
    client.watch_order(request).await.unwrap().into_inner()
}

async fn watch_orders(
    client: &mut Client,
    user: Option<&str>,
    cursor: &str,
) -> Streaming<pb::WatchResponse> {
    let request = pb::WatchOrdersRequest {
        user_id: user.map(str::to_owned),
        cursor: cursor.to_owned(),
    };
    client.watch_orders(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_watcher_of_one_order_gets_its_present_status_and_every_change_until_it_is_final() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let order = placed(&mut client, amount("alice", 1)).await;
    let mut changes = watch_order(&mut client, &order.id, None).await;
    let present = next_change(&mut changes).await.unwrap();
    assert_eq!((&present.order_id, &*present.user_id), (&order.id, "alice"));
    assert_eq!(
        (present.status(), present.version),
        (pb::Status::Pending, 1)
    );
    assert_eq!(present.occurred_at, order.created_at);
    server.work_off().await;
    for (status, version) in [(pb::Status::Processing, 2), (pb::Status::Processed, 3)] {
        let change = next_change(&mut changes).await.unwrap();
        assert_eq!((change.status(), change.version), (status, version));
    }
    assert!(next(&mut changes).await.is_none(), "it ends with OK");
    // Whoever comes late misses nothing.
    let mut late = watch_order(&mut client, &order.id, None).await;
    let present = next_change(&mut late).await.unwrap();
    assert_eq!(
        (present.status(), present.version),
        (pb::Status::Processed, 3)
    );
    assert!(next(&mut late).await.is_none());
}

#[tokio::test]
async fn one_order_is_resumed_after_a_version_or_a_cursor() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    let mut changes = watch_order(&mut client, &id, None).await;
    let cursor = next_change(&mut changes).await.unwrap().cursor;
    drop(changes);
    server.work_off().await;
    for (start, expected) in [
        (Start::AfterVersion(0), vec![1, 2, 3]),
        (Start::AfterVersion(1), vec![2, 3]),
        (Start::AfterVersion(3), vec![]),
        (Start::Cursor(cursor), vec![2, 3]),
    ] {
        let shown = format!("{start:?}");
        let mut changes = watch_order(&mut client, &id, Some(start)).await;
        let mut versions = Vec::new();
        let mut last = String::new();
        while let Some(change) = next_change(&mut changes).await {
            versions.push(change.version);
            last = change.cursor;
        }
        assert_eq!(versions, expected, "{shown}");
        if !last.is_empty() {
            let mut none = watch_order(&mut client, &id, Some(Start::Cursor(last))).await;
            assert!(
                next(&mut none).await.is_none(),
                "there is nothing after the last change"
            );
        }
    }
}

#[tokio::test]
async fn a_version_or_cursor_that_never_existed_gets_a_resync() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    let mut changes = watch_order(&mut client, &id, Some(Start::AfterVersion(77))).await;
    let Some(Event::Resync(resync)) = next(&mut changes).await else {
        panic!("a gap that cannot be filled gets a resync")
    };
    assert_eq!(resync.reason, "not_of_this_store");
    assert_eq!(
        next_change(&mut changes).await.unwrap().version,
        1,
        "and the present status follows"
    );
    let future =
        application::watch::Cursor::new([(domain::ShardId(0), crate::server::position(1_000_000))]);
    let mut changes = watch_orders(&mut client, None, &future.to_string()).await;
    assert!(matches!(next(&mut changes).await, Some(Event::Resync(_))));
    for cursor in ["x", "AQ"] {
        let request = pb::WatchOrdersRequest {
            user_id: None,
            cursor: cursor.to_owned(),
        };
        let refused = client.watch_orders(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn watchers_of_a_user_and_of_all_users_get_their_changes() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut all = watch_orders(&mut client, None, "").await;
    let mut alice = watch_orders(&mut client, Some("alice"), "").await;
    assert!(matches!(next(&mut all).await, Some(Event::Position(_))));
    assert!(matches!(next(&mut alice).await, Some(Event::Position(_))));
    placed(&mut client, amount("bob", 1)).await;
    let hers = placed(&mut client, amount("alice", 1)).await.id;
    assert_eq!(next_change(&mut alice).await.unwrap().order_id, hers);
    assert_eq!(next_change(&mut all).await.unwrap().user_id, "bob");
    assert_eq!(next_change(&mut all).await.unwrap().order_id, hers);
}

#[tokio::test]
async fn a_watcher_that_is_cut_off_again_and_again_misses_nothing_and_sees_nothing_twice() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut first = watch_orders(&mut client, None, "").await;
    let Some(Event::Position(position)) = next(&mut first).await else {
        panic!("the first message is where it began")
    };
    drop(first);
    let mut cursor = position.cursor;
    let mut seen: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let mut taken = 0;
    for round in 0..30 {
        for number in 0..10 {
            placed(&mut client, amount("u", number + 1)).await;
        }
        if round % 3 == 0 {
            server.work_off().await;
        }
        // A connection of its own, dropped in the middle of its messages.
        let mut watching = server.client().await;
        let mut changes = watch_orders(&mut watching, None, &cursor).await;
        for _ in 0..7 {
            let change = next_change(&mut changes).await.unwrap();
            seen.entry(change.order_id)
                .or_default()
                .push(change.version);
            cursor = change.cursor;
            taken += 1;
        }
    }
    while server.work_off().await > 0 {}
    let mut changes = watch_orders(&mut client, None, &cursor).await;
    while taken < 900 {
        let change = next_change(&mut changes).await.unwrap();
        seen.entry(change.order_id)
            .or_default()
            .push(change.version);
        taken += 1;
    }
    assert_eq!(seen.len(), 300);
    for (id, versions) in seen {
        assert_eq!(versions, [1, 2, 3], "{id}");
    }
}

#[tokio::test]
async fn a_watcher_that_takes_nothing_is_cut_off_with_a_reason_and_resumes() {
    let server = Server::with(|settings, watch| {
        settings.tuning.write_timeout = Duration::from_secs(60);
        watch.tuning.queued_changes = 500;
    })
    .await;
    let mut client = server.client().await;
    let mut slow = watch_orders(&mut client, None, "").await;
    let Some(Event::Position(start)) = next(&mut slow).await else {
        panic!("the first message is where it began")
    };
    // More than its window and its queue hold together: long names fill them sooner.
    let user = "é".repeat(100);
    let orders = vec![amount(&user, 1); 10_000];
    let taken = client
        .create_orders(futures_util::stream::iter(orders))
        .await
        .unwrap();
    assert_eq!(taken.into_inner().accepted, 10_000);
    let mut received = 0;
    let end = loop {
        match timeout(Duration::from_secs(30), slow.message())
            .await
            .expect("it ends")
        {
            Ok(Some(_)) => received += 1,
            Ok(None) => panic!("it ends with a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        (end.code(), &*reason(&end)),
        (Code::ResourceExhausted, "WATCHER_LAGS")
    );
    assert!(received < 10_000, "{received}");
    let mut again = watch_orders(&mut client, None, &start.cursor).await;
    for _ in 0..10_000 {
        next_change(&mut again).await.unwrap();
    }
}

#[tokio::test]
async fn a_quiet_watcher_keeps_a_fresh_cursor() {
    let server =
        Server::with(|settings, _| settings.tuning.heartbeat = Duration::from_millis(50)).await;
    let mut client = server.client().await;
    let mut alice = watch_orders(&mut client, Some("alice"), "").await;
    let Some(Event::Position(before)) = next(&mut alice).await else {
        panic!("the first message is where it began")
    };
    placed(&mut client, amount("bob", 1)).await;
    let moved_on = async {
        loop {
            match next(&mut alice).await {
                Some(Event::Position(now)) if now.cursor != before.cursor => return,
                Some(Event::Position(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(Duration::from_secs(10), moved_on).await.unwrap();
}
