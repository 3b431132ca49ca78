//! Deadlines: what has not begun to commit when its client stops waiting never appears; the key finds out the rest.

use std::time::Duration;

use application::watch::Cursor;
use domain::{EventPosition, ShardId};
use futures_util::{StreamExt as _, stream};
use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_service_client::OrderServiceClient;
use tonic::transport::Endpoint;
use tonic::{Code, Request};

use crate::raw::Raw;
use crate::server::{Server, amount, placed, reason, with_key};
use port_conformance::faulty::FaultMode;

fn within<T>(timeout: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

/// As a client that leaves the deadline to the server.
fn with_timeout<T>(timeout: &'static str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = timeout.parse().unwrap();
    request.metadata_mut().insert("grpc-timeout", value);
    request
}

#[tokio::test]
async fn an_order_whose_deadline_passed_before_its_commit_never_appears() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    let mut client = raw.client();
    for timeout in ["0n", "1n", "1u"] {
        let request = with_timeout(timeout, with_key(amount("u", 1), "k"));
        let refused = client.create_order(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::DeadlineExceeded, "{refused:?}");
    }
    assert_eq!(server.accepted().await, 0);
    // The key is not bound, so that the same request still makes the order.
    let response = client
        .create_order(with_key(amount("u", 1), "k"))
        .await
        .unwrap();
    assert_eq!(response.into_inner().placement(), pb::Placement::Created);
}

#[tokio::test]
async fn the_key_finds_out_about_an_order_that_was_in_flight_at_its_deadline() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    let mut client = raw.client();
    server.store_becomes(FaultMode::LateAnswers(Duration::from_secs(30)));
    let request = with_timeout("500m", with_key(amount("u", 1), "k"));
    let refused = client.create_order(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::DeadlineExceeded, "OUTCOME_UNKNOWN")
    );
    server.store_becomes(FaultMode::Well);
    let response = client
        .create_order(with_key(amount("u", 1), "k"))
        .await
        .unwrap();
    assert_eq!(response.into_inner().placement(), pb::Placement::Replayed);
    assert_eq!(server.accepted().await, 1);
}

#[tokio::test]
async fn an_order_that_waits_for_the_store_until_its_deadline_is_dropped() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    let mut client = raw.client();
    server.store_becomes(FaultMode::Slow(Duration::from_millis(400)));
    let request = with_timeout("100m", with_key(amount("u", 1), "k"));
    let refused = client.create_order(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(server.accepted().await, 0);
}

#[tokio::test]
async fn every_method_honours_the_deadline_of_its_client() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    let mut client = raw.client();
    let id = placed(&mut server.client().await, amount("u", 1)).await.id;
    server.store_becomes(FaultMode::Slow(Duration::from_secs(5)));
    let get = with_timeout(
        "50m",
        pb::GetOrderRequest {
            order_id: id.clone(),
        },
    );
    assert_eq!(
        client.get_order(get).await.unwrap_err().code(),
        Code::DeadlineExceeded
    );
    let list = with_timeout("50m", pb::ListOrdersRequest::default());
    assert_eq!(
        client.list_orders(list).await.unwrap_err().code(),
        Code::DeadlineExceeded
    );
    let cancel = with_timeout(
        "50m",
        pb::CancelOrderRequest {
            order_id: id,
            expected_version: None,
            reason: None,
        },
    );
    let refused = client.cancel_order(cancel).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&refused), "DEADLINE_PASSED", "nothing was begun");
    server.store_becomes(FaultMode::Well);
    let unfinished = stream::iter([amount("u", 1)]).chain(stream::pending());
    let refused = client
        .create_orders(with_timeout("100m", unfinished))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&refused), "DEADLINE_PASSED", "nothing was begun");
    let unfinished = stream::iter([amount("u", 1)]).chain(stream::pending());
    let answers = client
        .intake_orders(with_timeout("3S", unfinished))
        .await
        .unwrap();
    let results: Vec<_> = answers.into_inner().collect().await;
    assert_eq!(results.len(), 2, "the order's answer, and the end");
    assert!(results[0].is_ok());
    assert_eq!(
        results[1].as_ref().unwrap_err().code(),
        Code::DeadlineExceeded
    );
    let watch = with_timeout("2S", pb::WatchOrdersRequest::default());
    let changes = client.watch_orders(watch).await.unwrap();
    let last = changes
        .into_inner()
        .collect::<Vec<_>>()
        .await
        .pop()
        .unwrap();
    assert_eq!(last.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(server.accepted().await, 2);
}

#[tokio::test]
async fn a_stream_that_always_has_a_message_ready_ends_at_its_client_s_deadline() {
    // More than this client takes in unread, and all of it read at once, so that the server has the next of it ready
    // whenever there is room for more.
    const CHANGES: usize = 3_000;
    let server = Server::with(|_, watch| watch.tuning.page_events = 2 * CHANGES).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let endpoint = endpoint.initial_stream_window_size(64 * 1024);
    let mut client = OrderServiceClient::new(endpoint.connect().await.unwrap());
    let orders = vec![amount(&"é".repeat(100), 1); CHANGES];
    let taken = client.create_orders(stream::iter(orders)).await.unwrap();
    assert_eq!(taken.into_inner().accepted as usize, CHANGES);
    let watch = pb::WatchOrdersRequest {
        user_id: None,
        cursor: Cursor::new([(ShardId(0), EventPosition::default())]).to_string(),
    };
    let changes = client
        .watch_orders(with_timeout("2S", watch))
        .await
        .unwrap();
    let mut changes = changes.into_inner();
    let mut received = 0;
    let ended = loop {
        match changes.message().await {
            // It takes no more until its deadline has passed.
            Ok(Some(_)) if received == 0 => tokio::time::sleep(Duration::from_secs(3)).await,
            Ok(message) => assert!(message.is_some(), "it ends with a reason"),
            Err(status) => break status,
        }
        received += 1;
    };
    assert_eq!(
        (ended.code(), &*reason(&ended)),
        (Code::DeadlineExceeded, "DEADLINE_PASSED")
    );
    assert!(received < CHANGES, "not all of it was said");
}

#[tokio::test]
async fn the_server_s_own_bound_holds_if_the_client_gives_none_or_a_later_one() {
    let server = Server::with(|settings, _| {
        settings.request_deadline = Duration::from_millis(100);
    })
    .await;
    let raw = Raw::connect(server.address).await;
    let mut client = raw.client();
    server.store_becomes(FaultMode::Slow(Duration::from_secs(5)));
    let refused = client.create_order(amount("u", 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    let long = within(Duration::from_secs(3600), amount("u", 1));
    let refused = client.create_order(long).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_deadline_that_cannot_be_read_is_refused() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    let mut client = raw.client();
    let refused = client
        .create_order(with_timeout("soon", amount("u", 1)))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(server.accepted().await, 0);
}
