//! What is refused behind the edge: by the store, by another call, by another client.

use std::time::Duration;

use application::watch::Cursor;
use domain::{Seq, ShardId};
use futures_util::stream;
use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_result::Outcome;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::raw::Raw;
use crate::server::{Client, Server, amount, placed, reason, with_key};
use port_conformance::faulty::FaultMode;

const WAIT: Duration = Duration::from_secs(20);

async fn until_waiting(server: &Server, calls: usize) {
    let waiting = async {
        while server.store.waiting() < calls {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WAIT, waiting).await.expect("the calls come");
}

async fn stands(client: &mut Client, id: &str) -> (pb::Status, u32) {
    let request = pb::GetOrderRequest {
        order_id: id.to_owned(),
    };
    let order = client.get_order(request).await.unwrap().into_inner().order;
    let order = order.unwrap();
    (order.status(), order.version)
}

#[tokio::test]
async fn a_key_in_flight_past_a_caller_s_deadline_has_another_reason_than_an_unknown_outcome() {
    let server = Server::with(|settings, _| settings.request_deadline = 3 * WAIT).await;
    let mut first_client = server.client().await;
    // The deadlines are the server's alone to keep.
    let raw = Raw::connect(server.address).await;
    let mut other = raw.client();
    let short = |key| {
        let mut request = Request::new(with_key(amount("u", 1), key));
        let timeout = "200m".parse().unwrap();
        request.metadata_mut().insert("grpc-timeout", timeout);
        request
    };
    server.store_becomes(FaultMode::Held);
    let mut first = JoinSet::new();
    first.spawn(async move {
        first_client
            .create_order(with_key(amount("u", 1), "k"))
            .await
    });
    until_waiting(&server, 1).await;
    let refused = other.create_order(short("k")).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::DeadlineExceeded, "IDEMPOTENCY_KEY_IN_FLIGHT")
    );
    assert!(refused.get_error_details().retry_info().is_some());
    // Nobody else has this one.
    let refused = other.create_order(short("another")).await.unwrap_err();
    assert_eq!(reason(&refused), "OUTCOME_UNKNOWN");
    server.store_becomes(FaultMode::Well);
    let made = first.join_all().await.remove(0).unwrap().into_inner();
    assert_eq!(made.placement(), pb::Placement::Created);
    let order = with_key(amount("u", 1), "k");
    let again = other.create_order(order).await.unwrap().into_inner();
    assert_eq!(again.placement(), pb::Placement::Replayed);
    assert_eq!(again.order.unwrap().id, made.order.unwrap().id);
    assert_eq!(server.accepted().await, 1);
}

#[tokio::test]
async fn a_command_to_an_order_that_keeps_changing_is_aborted_and_changes_nothing() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    let cancel = pb::CancelOrderRequest {
        order_id: id.clone(),
        expected_version: None,
        reason: None,
    };
    let update = pb::UpdateStatusRequest {
        order_id: id.clone(),
        status: pb::Status::Cancelled as i32,
        expected_version: None,
        reason: None,
    };
    server.store_becomes(FaultMode::Overtaken);
    let refusals = [
        client.cancel_order(cancel.clone()).await.unwrap_err(),
        client.update_status(update).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::Aborted, "CONTENDED")
        );
        assert!(refused.get_error_details().retry_info().is_some());
    }
    let (status, version) = stands(&mut client, &id).await;
    assert!(
        matches!(status, pb::Status::Pending | pb::Status::OnHold) && version > 2,
        "the others changed it: {status:?} {version}"
    );
    server.store_becomes(FaultMode::Well);
    client.cancel_order(cancel).await.unwrap();
    let cancelled = (pb::Status::Cancelled, version + 1);
    assert_eq!(stands(&mut client, &id).await, cancelled);
}

#[tokio::test]
async fn a_command_that_expects_a_version_that_was_just_passed_gets_the_new_one() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    server.store_becomes(FaultMode::Overtaken);
    let cancel = pb::CancelOrderRequest {
        order_id: id.clone(),
        expected_version: Some(1),
        reason: None,
    };
    let refused = client.cancel_order(cancel).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Aborted, "VERSION_MISMATCH")
    );
    assert!(refused.message().contains("version 2"), "{refused:?}");
    assert_eq!(stands(&mut client, &id).await, (pb::Status::OnHold, 2));
}

#[tokio::test]
async fn an_order_that_the_store_cannot_hold_is_refused_alone_and_for_good() {
    let server = Server::start().await;
    let mut client = server.client().await;
    server.store_becomes(FaultMode::Refusing("password=hunter2".to_owned()));
    let order = with_key(amount("u", 1), "k");
    let refused = client.create_order(order.clone()).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::InvalidArgument, "REFUSED_BY_STORE")
    );
    assert!(refused.get_error_details().retry_info().is_none());
    assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    let batch = client.create_orders(stream::iter([order.clone()])).await;
    let batch = batch.unwrap().into_inner();
    assert_eq!(
        (batch.accepted, batch.refused, batch.unavailable),
        (0, 1, 0)
    );
    let answers = client.intake_orders(stream::iter([order.clone()])).await;
    let mut answers = answers.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    for result in [&batch.results[0], &answer] {
        let Some(Outcome::Refusal(refusal)) = &result.outcome else {
            panic!("{result:?}")
        };
        assert_eq!(
            (Code::from(refusal.code), &*refusal.reason),
            (Code::InvalidArgument, "REFUSED_BY_STORE")
        );
        assert!(refusal.retry_after.is_none());
        assert!(!format!("{refusal:?}").contains("hunter2"), "{refusal:?}");
    }
    assert!(answers.message().await.unwrap().is_none(), "it goes on");
    server.store_becomes(FaultMode::Well);
    assert_eq!(server.accepted().await, 0);
    placed(&mut client, order).await;
}

/// Watching everything after event `seq`, which the store has.
async fn from(server: &Server, seq: u64) -> pb::WatchOrdersRequest {
    let position = server.position(seq).await;
    pb::WatchOrdersRequest {
        user_id: None,
        cursor: Cursor::new([(ShardId(0), position)]).to_string(),
    }
}

#[tokio::test]
async fn watchers_that_catch_up_past_their_bound_are_unavailable() {
    let server = Server::with(|settings, watch| {
        settings.request_deadline = 3 * WAIT;
        watch.tuning.resuming_reads = 1;
        watch.tuning.join_timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = server.client().await;
    for number in 1..=3 {
        placed(&mut client, amount("u", number)).await;
    }
    // Somebody watches already, so that nobody below waits for the hub instead of for a turn.
    let followed = async {
        loop {
            let now = pb::WatchOrdersRequest::default();
            if let Ok(watching) = client.watch_orders(now).await {
                return watching;
            }
        }
    };
    let _watching = timeout(WAIT, followed).await.unwrap();
    let (from_1, from_2) = (from(&server, 1).await, from(&server, 2).await);
    server.store_becomes(FaultMode::ReadingOnAfter(Seq(1), Box::new(FaultMode::Held)));
    let mut other = client.clone();
    let mut first = JoinSet::new();
    first.spawn(async move { other.watch_orders(from_1).await });
    until_waiting(&server, 1).await;
    let refused = client.watch_orders(from_2.clone()).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "TOO_MANY_RESUMING")
    );
    assert!(refused.get_error_details().retry_info().is_some());
    server.store_becomes(FaultMode::Well);
    let first = first.join_all().await.remove(0);
    assert!(first.is_ok(), "who had the turn goes on: {first:?}");
    let mut second = client.watch_orders(from_2).await.unwrap().into_inner();
    let event = timeout(WAIT, second.message()).await.unwrap().unwrap();
    let Some(pb::watch_response::Event::Change(change)) = event.unwrap().event else {
        panic!("nothing is skipped")
    };
    assert_eq!(change.version, 1);
}

#[tokio::test]
async fn a_panic_of_a_watcher_is_internal_before_and_after_it_began_and_the_server_goes_on() {
    let server = Server::with(|_, watch| {
        watch.tuning.page_events = 1;
        watch.max_watchers = 1;
    })
    .await;
    let mut client = server.client().await;
    for number in 1..=5 {
        placed(&mut client, amount("u", number)).await;
    }
    let (from_0, from_2) = (from(&server, 0).await, from(&server, 2).await);
    let poisoned = FaultMode::ReadingOnAfter(Seq(2), Box::new(FaultMode::Panicking));
    server.store_becomes(poisoned);
    let before = client.watch_orders(from_2.clone()).await.unwrap_err();
    // Its place is free once it has ended, which its client learns a little earlier.
    let begun = async {
        loop {
            match client.watch_orders(from_0.clone()).await {
                Ok(changes) => return changes.into_inner(),
                Err(refused) => assert_eq!(reason(&refused), "TOO_MANY_STREAMS"),
            }
        }
    };
    let mut changes = timeout(WAIT, begun).await.unwrap();
    let mut received = 0;
    let after = loop {
        match timeout(WAIT, changes.message()).await.unwrap() {
            Ok(message) => assert!(message.is_some(), "it ends with a reason"),
            Err(refused) => break refused,
        }
        received += 1;
    };
    assert_eq!(received, 2, "what came before the panic arrives");
    for refused in [before, after] {
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::Internal, "INTERNAL")
        );
        assert!(!refused.message().contains("panic"), "{refused:?}");
    }
    server.store_becomes(FaultMode::Well);
    let again = async {
        loop {
            match client.watch_orders(from_2.clone()).await {
                Ok(changes) => return changes.into_inner(),
                Err(refused) => assert_eq!(reason(&refused), "TOO_MANY_STREAMS"),
            }
        }
    };
    let mut changes = timeout(WAIT, again).await.unwrap();
    let mut client = server.client().await;
    placed(&mut client, amount("u", 6)).await;
    // What waited, and what came meanwhile: the hub goes on, too.
    let mut received = 0;
    while received < 4 {
        let message = timeout(WAIT, changes.message()).await.unwrap().unwrap();
        if let Some(pb::watch_response::Event::Change(_)) = message.unwrap().event {
            received += 1;
        }
    }
}
