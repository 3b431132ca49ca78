//! The bounds: past each of them there is a clear refusal.

use std::time::Duration;

use application::ports::StoreError;
use futures_util::{StreamExt as _, stream};
use proto::ordermill::v1 as pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::raw::Raw;
use crate::server::{Server, amount, placed, reason};
use port_conformance::faulty::FaultMode;

const CREATE: &str = "/ordermill.v1.OrderService/CreateOrder";

fn noted(bytes: usize) -> pb::CreateOrderRequest {
    pb::CreateOrderRequest {
        lines: vec![crate::server::line(&"x".repeat(250), "1", crate::server::usd(1)); bytes / 270],
        amount: None,
        ..amount("u", 0)
    }
}

#[tokio::test]
async fn a_message_over_its_bound_is_resource_exhausted_in_every_kind_of_call() {
    let server = Server::with(|settings, _| settings.max_message_bytes = 50_000).await;
    let mut client = server.client().await;
    placed(&mut client, noted(40_000)).await;
    let too_large = || noted(60_000);
    let refused = client.create_order(too_large()).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    let orders = [amount("u", 1), too_large()];
    let refused = client
        .create_orders(stream::iter(orders.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    let answers = client.intake_orders(stream::iter(orders)).await.unwrap();
    let results: Vec<_> = answers.into_inner().collect().await;
    assert!(results[0].is_ok(), "what came before it is answered");
    let refused = results[1].as_ref().unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(refused)),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    assert_eq!(server.accepted().await, 2);
}

#[tokio::test]
async fn a_message_is_refused_by_its_length_before_it_has_come() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    let refused = raw.send(CREATE, &[0, 0xff, 0xff, 0xff, 0xff, 1]).await;
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
}

#[tokio::test]
async fn bytes_that_are_no_message_are_an_invalid_argument() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    // A field of a wrong type, half a message, a broken frame, and nothing at all.
    for bytes in [
        &[0, 0, 0, 0, 2, 0x0f, 0x01][..],
        &[0, 0, 0, 0, 9, 1],
        &[7, 0, 0, 0, 0],
        &[],
    ] {
        let refused = raw.send(CREATE, bytes).await;
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::InvalidArgument, "MALFORMED_MESSAGE"),
            "{bytes:?}"
        );
    }
    // Compression was not offered.
    let refused = raw.send(CREATE, &[1, 0, 0, 0, 0]).await;
    assert!(
        matches!(refused.code(), Code::InvalidArgument | Code::Unimplemented),
        "{refused:?}"
    );
    let mut client = server.client().await;
    placed(&mut client, amount("u", 1)).await;
}

#[tokio::test]
async fn unknown_methods_are_unimplemented_and_requests_that_are_not_grpc_get_http_statuses() {
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    for path in [
        "/ordermill.v1.OrderService/DropOrders",
        "/ordermill.v2.OrderService/CreateOrder",
        "/",
    ] {
        let refused = raw.send(path, &[0, 0, 0, 0, 0]).await;
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::Unimplemented, "UNKNOWN_METHOD")
        );
    }
    assert_eq!(raw.http("GET", "application/grpc").await.status(), 405);
    let refused = raw.http("POST", "application/json").await;
    assert_eq!(refused.status(), 415);
    assert_eq!(refused.headers()["accept"], "application/grpc");
    assert_eq!(raw.http("POST", "application/grpc-web").await.status(), 415);
    assert_eq!(
        raw.http("POST", "application/grpc+proto").await.status(),
        200
    );
}

#[tokio::test]
async fn a_client_of_http_1_gets_505_and_an_unfinished_preface_ends_the_connection() {
    let server = Server::with(|settings, _| {
        settings.tuning.preface_timeout = Duration::from_millis(300);
    })
    .await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 505 ") && answer.contains("gRPC"),
        "{answer}"
    );
    // Nothing, or half a preface: the connection is closed without a word.
    for begun in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        let mut rest = Vec::new();
        let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
        let _ = read.await.expect("the connection is closed");
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn calls_past_the_bound_are_unavailable_with_retry_info() {
    let server = Server::with(|settings, _| settings.max_calls_in_flight = 1).await;
    let mut client = server.client().await;
    server.store_becomes(FaultMode::Slow(Duration::from_secs(2)));
    let mut other = client.clone();
    let first =
        tokio::task::JoinSet::from_iter([async move { other.create_order(amount("u", 1)).await }]);
    while server.store.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = client.create_order(amount("u", 2)).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "OVERLOADED")
    );
    assert!(refused.get_error_details().retry_info().is_some());
    server.store_becomes(FaultMode::Well);
    assert!(first.join_all().await.remove(0).is_ok());
    placed(&mut client, amount("u", 2)).await;
}

#[tokio::test]
async fn streams_and_watchers_past_their_bounds_are_unavailable() {
    let server = Server::with(|settings, watch| {
        settings.max_streams = 2;
        watch.max_watchers = 1;
    })
    .await;
    let mut client = server.client().await;
    let everything = pb::WatchOrdersRequest::default;
    let watching = client.watch_orders(everything()).await.unwrap();
    let refused = client.watch_orders(everything()).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "TOO_MANY_STREAMS")
    );
    let intake = client.intake_orders(stream::pending()).await.unwrap();
    let refused = client.intake_orders(stream::pending()).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "TOO_MANY_STREAMS")
    );
    drop((watching, intake));
    let again = async {
        while client.watch_orders(everything()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), again)
        .await
        .expect("their permits are free again");
}

#[tokio::test]
async fn messages_of_all_calls_have_a_memory_budget_together() {
    let server = Server::with(|settings, _| settings.max_messages_bytes = 100_000).await;
    let mut client = server.client().await;
    server.store_becomes(FaultMode::Slow(Duration::from_secs(2)));
    let mut other = client.clone();
    let first =
        tokio::task::JoinSet::from_iter([async move { other.create_order(noted(80_000)).await }]);
    while server.store.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = client.create_order(noted(80_000)).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "OVERLOADED")
    );
    server.store_becomes(FaultMode::Well);
    placed(&mut client, amount("u", 1)).await;
    assert!(first.join_all().await.remove(0).is_ok());
    placed(&mut client, noted(80_000)).await;
}

#[tokio::test]
async fn the_rest_of_a_message_must_come_in_time_and_its_memory_is_freed_then() {
    let server = Server::with(|settings, _| {
        settings.max_messages_bytes = 100_000;
        settings.tuning.message_timeout = Duration::from_millis(300);
    })
    .await;
    let raw = Raw::connect(server.address).await;
    // A message of 80,000 bytes, of which two come.
    let beginning = [0, 0, 1, 0x38, 0x80, 1, 2];
    let path = "/ordermill.v1.OrderService/IntakeOrders";
    let ended = timeout(Duration::from_secs(10), raw.begin(path, &beginning)).await;
    let ended = ended.expect("the stream ends");
    assert_eq!(
        (ended.code(), &*reason(&ended)),
        (Code::DeadlineExceeded, "MESSAGE_TIMEOUT")
    );
    let mut client = server.client().await;
    placed(&mut client, noted(80_000)).await;
}

#[tokio::test]
async fn an_idle_stream_does_not_hold_the_memory_of_its_last_message() {
    let server = Server::with(|settings, _| settings.max_messages_bytes = 100_000).await;
    let mut client = server.client().await;
    let orders = futures_util::stream::iter([noted(80_000)])
        .chain(futures_util::stream::pending::<pb::CreateOrderRequest>());
    let mut answers = client.intake_orders(orders).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap();
    placed(&mut client, noted(80_000)).await;
}

#[tokio::test]
async fn a_message_that_follows_another_holds_memory_of_its_own() {
    let server = Server::with(|settings, _| settings.max_messages_bytes = 100_000).await;
    let raw = Raw::connect(server.address).await;
    // A whole order, and most of a message of 80,000 bytes.
    let order = prost::Message::encode_to_vec(&amount("u", 1));
    let mut bytes = vec![0, 0, 0, 0, u8::try_from(order.len()).unwrap()];
    bytes.extend(order);
    bytes.extend([0, 0, 1, 0x38, 0x80]);
    bytes.extend([0; 70_000]);
    let mut calls = tokio::task::JoinSet::new();
    calls.spawn(async move {
        let path = "/ordermill.v1.OrderService/IntakeOrders";
        raw.begin(path, &bytes).await
    });
    while server.accepted().await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut client = server.client().await;
    let refused = async {
        loop {
            // Its bytes come in one by one.
            if let Err(refused) = client.create_order(noted(80_000)).await {
                break refused;
            }
        }
    };
    let refused = timeout(Duration::from_secs(5), refused).await;
    let refused = refused.expect("the memory is in use");
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "OVERLOADED")
    );
}

#[tokio::test]
async fn connections_past_their_bound_wait_until_an_idle_one_is_closed() {
    let server = Server::with(|settings, _| {
        settings.max_connections = 1;
        settings.idle_timeout = Duration::from_millis(400);
    })
    .await;
    let raw = Raw::connect(server.address).await;
    assert_eq!(raw.http("POST", "application/grpc").await.status(), 200);
    let mut second = server.client().await;
    // The first one is idle: it is closed, and the second one gets its permit.
    let order = timeout(Duration::from_secs(10), second.create_order(amount("u", 1)));
    assert!(order.await.expect("a permit becomes free").is_ok());
    drop(raw);
}

#[tokio::test]
async fn calls_of_one_connection_past_their_bound_wait() {
    let server = Server::with(|settings, _| settings.max_streams_per_connection = 2).await;
    let mut client = server.client().await;
    let first = client
        .watch_orders(pb::WatchOrdersRequest::default())
        .await
        .unwrap();
    let _second = client
        .watch_orders(pb::WatchOrdersRequest::default())
        .await
        .unwrap();
    let third = client.create_order(amount("u", 1));
    assert!(timeout(Duration::from_millis(300), third).await.is_err());
    drop(first);
    let again = timeout(Duration::from_secs(10), client.create_order(amount("u", 1)));
    assert!(again.await.expect("a stream becomes free").is_ok());
}

#[tokio::test]
async fn an_unreachable_store_refuses_watchers_too() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    server.store_becomes(FaultMode::Failing(StoreError::Unavailable {
        shard: domain::ShardId(0),
        reason: "gone".to_owned(),
    }));
    let request = pb::WatchOrderRequest {
        order_id: id,
        start: None,
    };
    let refused = client.watch_order(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "STORE_UNAVAILABLE")
    );
}
