//! Clients that try to hold the server up: each test has a good client that is served meanwhile.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use proto::ordermill::v1 as pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};
use tracing::Level;

use crate::raw::Raw;
use crate::server::{Client, Server, amount, line, placed, reason, usd};
use port_conformance::captured_logs::KeptLog;

const WAIT: Duration = Duration::from_secs(20);
const CREATE: &str = "/ordermill.v1.OrderService/CreateOrder";
const LIST: &str = "/ordermill.v1.OrderService/ListOrders";
/// Connections and calls of each, as many as the attack had that this prevents.
const CONNECTIONS: usize = 17;
const CALLS_PER_CONNECTION: usize = 16;

/// Begins this body in many calls of many connections, and never ends one.
async fn begin_everywhere(server: &Server, bytes: &[u8]) -> JoinSet<Status> {
    let mut calls = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let raw = std::sync::Arc::new(Raw::connect(server.address).await);
        for _ in 0..CALLS_PER_CONNECTION {
            let (raw, bytes) = (std::sync::Arc::clone(&raw), bytes.to_vec());
            calls.spawn(async move { raw.begin(CREATE, &bytes).await });
        }
    }
    calls
}

/// Places orders for a while, and one after the other.
async fn is_served(client: &mut Client) {
    for number in 1..=50 {
        let order = timeout(WAIT, client.create_order(amount("good", number))).await;
        order.expect("it is answered in time").unwrap();
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn messages_that_are_sent_by_half_hold_no_permits() {
    let server = Server::with(|settings, _| {
        settings.max_calls_in_flight = 2;
        settings.tuning.message_timeout = Duration::from_secs(3);
    })
    .await;
    let mut client = server.client().await;
    let calls = begin_everywhere(&server, &[0, 0, 0, 0, 100, 1, 2]).await;
    is_served(&mut client).await;
    let ended = timeout(WAIT, calls.join_all()).await.unwrap();
    assert_eq!(ended.len(), CONNECTIONS * CALLS_PER_CONNECTION);
    for status in ended {
        assert_eq!(reason(&status), "MESSAGE_TIMEOUT");
    }
}

#[tokio::test]
async fn requests_that_are_never_ended_hold_no_permits_and_place_nothing() {
    let server = Server::with(|settings, _| {
        settings.max_calls_in_flight = 2;
        settings.request_deadline = Duration::from_secs(3);
    })
    .await;
    let mut client = server.client().await;
    // A whole message, after which the client does not say that it was the last one.
    let order = prost::Message::encode_to_vec(&amount("half", 1));
    let mut bytes = vec![0, 0, 0, 0, u8::try_from(order.len()).unwrap()];
    bytes.extend(order);
    let calls = begin_everywhere(&server, &bytes).await;
    is_served(&mut client).await;
    for status in timeout(WAIT, calls.join_all()).await.unwrap() {
        assert_eq!(
            (status.code(), &*reason(&status)),
            (Code::DeadlineExceeded, "DEADLINE_PASSED"),
            "nothing was begun"
        );
    }
    assert_eq!(server.accepted().await, 50);
}

#[tokio::test]
async fn large_messages_that_are_sent_by_half_leave_memory_for_whole_ones() {
    let server = Server::with(|settings, _| {
        settings.max_message_bytes = 100_000;
        settings.max_messages_bytes = 400_000;
        settings.tuning.message_timeout = Duration::from_secs(3);
    })
    .await;
    let mut client = server.client().await;
    // 60,000 of 100,000 bytes, which the windows of a connection take sixteen of.
    let mut bytes = vec![0, 0, 1, 0x86, 0xa0];
    bytes.extend([0; 60_000]);
    let calls = begin_everywhere(&server, &bytes).await;
    is_served(&mut client).await;
    let large = pb::CreateOrderRequest {
        amount: None,
        lines: vec![line(&"x".repeat(250), "1", usd(1)); 300],
        ..amount("good", 0)
    };
    // What comes in several pieces is refused until the time of the others is over, and small orders never are.
    let taken = async {
        while let Err(refused) = client.create_order(large.clone()).await {
            assert_eq!(reason(&refused), "OVERLOADED");
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(WAIT, taken).await.expect("it is taken in time");
    let ended = timeout(WAIT, calls.join_all()).await.unwrap();
    assert!(
        ended.iter().any(|status| reason(status) == "OVERLOADED"),
        "not all of them fit into half of the memory"
    );
    assert!(
        ended
            .iter()
            .all(|status| ["MESSAGE_TIMEOUT", "OVERLOADED"].contains(&&*reason(status)))
    );
}

#[tokio::test]
async fn intake_streams_that_send_nothing_end_and_give_their_permits_back() {
    let server = Server::with(|settings, _| {
        settings.max_streams = 3;
        settings.tuning.intake_idle_timeout = Duration::from_millis(500);
    })
    .await;
    let mut client = server.client().await;
    // It sends an order now and then, so it stays.
    let orders = stream::unfold(0, |number| async move {
        sleep(Duration::from_millis(100)).await;
        (number < 20).then(|| (amount("good", number + 1), number + 1))
    });
    let good = client.intake_orders(Box::pin(orders)).await.unwrap();
    let mut good = good.into_inner();
    let mut idle = Vec::new();
    for orders in [0, 1] {
        let sent = stream::iter(vec![amount("idle", 1); orders]).chain(stream::pending());
        let answers = client.intake_orders(sent).await.unwrap();
        idle.push((orders, answers.into_inner()));
    }
    let refused = client.intake_orders(stream::pending()).await.unwrap_err();
    assert_eq!(reason(&refused), "TOO_MANY_STREAMS");
    for (orders, mut answers) in idle {
        for _ in 0..orders {
            assert!(answers.message().await.unwrap().is_some());
        }
        let end = timeout(WAIT, answers.message()).await.unwrap().unwrap_err();
        assert_eq!(
            (end.code(), &*reason(&end)),
            (Code::DeadlineExceeded, "STREAM_IDLE")
        );
    }
    let another = client.intake_orders(stream::iter([amount("good", 1)]));
    assert_eq!(another.await.unwrap().into_inner().count().await, 1);
    let mut answered = 0;
    while good.message().await.unwrap().is_some() {
        answered += 1;
    }
    assert_eq!(answered, 20, "it was not ended");
}

/// A client that keeps its window closed holds no permit for longer than the write time-out.
#[tokio::test]
async fn answers_that_are_not_taken_hold_no_call_permit_and_lose_their_stream_permit() {
    let server = Server::with(|settings, _| {
        settings.tuning.write_timeout = Duration::from_millis(500);
        settings.max_calls_in_flight = 2;
        settings.max_streams = 1;
    })
    .await;
    let mut client = server.client().await;
    let stalled = Raw::without_room(server.address).await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let mut stalled = stalled.client();
        calls.spawn(async move {
            // Two at a time are in flight; the others try again.
            loop {
                match stalled.create_order(amount("stalled", 1)).await {
                    Err(status) if status.code() == Code::Unavailable => {}
                    ended => break ended,
                }
            }
        });
    }
    let mut watcher = stalled.client();
    let watching = watcher.watch_orders(pb::WatchOrdersRequest::default());
    let mut watching = watching.await.unwrap().into_inner();
    while server.accepted().await < 8 {
        sleep(Duration::from_millis(5)).await;
    }
    // All eight answers wait, and nothing is in flight.
    placed(&mut client, amount("good", 1)).await;
    let stream_permit = async {
        while client
            .watch_orders(pb::WatchOrdersRequest::default())
            .await
            .is_err()
        {}
    };
    let stream_permit = timeout(WAIT, stream_permit).await;
    stream_permit.expect("the permit comes back");
    while let Some(call) = calls.join_next().await {
        // Reset, which this client has no code for.
        call.unwrap().unwrap_err();
    }
    watching.message().await.unwrap_err();
}

#[tokio::test]
async fn a_large_message_whose_answer_is_not_taken_holds_no_memory_of_messages() {
    let server = Server::with(|settings, _| {
        settings.max_message_bytes = 100_000;
        settings.max_messages_bytes = 100_000;
    })
    .await;
    let large = pb::CreateOrderRequest {
        amount: None,
        lines: vec![line(&"x".repeat(250), "1", usd(1)); 300],
        ..amount("u", 0)
    };
    let stalled = Raw::without_room(server.address).await;
    let (mut client, order) = (stalled.client(), large.clone());
    let mut calls = JoinSet::new();
    calls.spawn(async move { client.create_order(order).await });
    while server.accepted().await == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let mut client = server.client().await;
    let taken = async {
        // The method answers a moment after its order is durable.
        while let Err(refused) = client.create_order(large.clone()).await {
            assert_eq!(reason(&refused), "OVERLOADED");
        }
    };
    let taken = timeout(Duration::from_secs(5), taken).await;
    taken.expect("the memory is free");
    assert!(calls.try_join_next().is_none(), "the answer still waits");
}

/// How many orders there are for the lists below, and the bytes of each.
const ORDERS: usize = 40;
const ORDER_BYTES: usize = 8_000;

/// Places orders of which a list is large.
async fn place_large_orders(server: &Server) {
    let mut client = server.client().await;
    let large = pb::CreateOrderRequest {
        metadata: [("note".to_owned(), "x".repeat(ORDER_BYTES))].into(),
        ..amount("large", 1)
    };
    let orders = stream::iter(vec![large; ORDERS]);
    let placed = client.create_orders(orders).await.unwrap().into_inner();
    assert_eq!(placed.accepted as usize, ORDERS);
}

/// Lists all orders until that succeeds; fails if it never does.
async fn lists_in_time(client: &mut Client) {
    let listed = async {
        loop {
            match client.list_orders(pb::ListOrdersRequest::default()).await {
                Ok(page) => break page.into_inner().orders.len(),
                Err(refused) => assert_eq!(reason(&refused), "OVERLOADED"),
            }
        }
    };
    let listed = timeout(WAIT, listed).await;
    assert_eq!(listed.expect("it is served in time"), ORDERS);
}

#[tokio::test]
async fn answers_that_are_not_taken_stay_within_their_memory_budget() {
    /// How many lists fit into the budget.
    const BUDGET: usize = 6;
    /// Connections that take nothing, and calls of each.
    const STALLED: usize = 7;
    let server = Server::with(|settings, _| {
        settings.tuning.max_answer_bytes = BUDGET * ORDERS * ORDER_BYTES;
        // No client is cut off for being slow within this test.
        settings.tuning.write_timeout = 10 * WAIT;
    })
    .await;
    place_large_orders(&server).await;
    let mut client = server.client().await;
    let mut stalled = JoinSet::new();
    for _ in 0..STALLED {
        let raw = std::sync::Arc::new(Raw::without_room(server.address).await);
        for _ in 0..STALLED {
            let raw = std::sync::Arc::clone(&raw);
            stalled.spawn(async move {
                let mut client = raw.client();
                client.list_orders(pb::ListOrdersRequest::default()).await
            });
        }
    }
    for _ in 0..10 {
        lists_in_time(&mut client).await;
        sleep(Duration::from_millis(20)).await;
    }
    // Nearly all of them were refused, or cut off with their connection.
    let ended = async {
        let mut ended = 0;
        while ended < STALLED * STALLED - BUDGET {
            let end = stalled.join_next().await.unwrap().unwrap();
            assert!(end.is_err());
            ended += 1;
        }
    };
    let ended = timeout(WAIT, ended).await;
    ended.expect("no more than the budget waits");
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a call, each field spelled out.
fn head(path: &str) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
    ];
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.bytes());
        }
    }
    block
}

/// A client whose windows are open and that does not read: its answers wait in the buffers of HTTP/2, where no call knows of
/// them any more.
#[tokio::test]
async fn a_connection_that_does_not_read_is_cut_off() {
    const LISTS: u32 = 60;
    let log = KeptLog::at(Level::INFO);
    let server = Server::with(|settings, _| {
        settings.tuning.write_timeout = Duration::from_secs(1);
    })
    .await;
    place_large_orders(&server).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE and the connection's window, as large as they may be.
    bytes.extend(frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]));
    bytes.extend(frame(8, 0, 0, &[0x7f, 0xff, 0, 0]));
    for list in 0..LISTS {
        bytes.extend(frame(1, 4, 2 * list + 1, &head(LIST)));
        bytes.extend(frame(0, 1, 2 * list + 1, &[0; 5]));
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut stalled = socket.connect(server.address).await.unwrap();
    stalled.write_all(&bytes).await.unwrap();
    let mut client = server.client().await;
    let is_cut_off = |line: &String| line.contains("its client takes nothing of");
    let served_until_then = async {
        while !log.lines().iter().any(is_cut_off) {
            lists_in_time(&mut client).await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    let cut_off = timeout(WAIT, served_until_then).await;
    cut_off.expect("the connection is cut off");
    let mut received = 0;
    let mut buffer = vec![0; 64 * 1024];
    let read = async {
        while let Ok(count @ 1..) = stalled.read(&mut buffer).await {
            received += count;
        }
    };
    timeout(WAIT, read).await.expect("the connection is closed");
    let whole = LISTS as usize * ORDERS * ORDER_BYTES;
    assert!(received < whole, "{received} of {whole}");
}
