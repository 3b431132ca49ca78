//! IntakeOrders: one result an order, in order, however they are committed.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_result::Outcome;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::server::{Client, Server, amount, reason, with_key};
use port_conformance::faulty::FaultMode;

/// A stream that the test feeds by hand.
async fn open(
    client: &mut Client,
) -> (
    mpsc::Sender<pb::CreateOrderRequest>,
    Streaming<pb::OrderResult>,
) {
    let (orders, mut received) = mpsc::channel(10_000);
    let sent = stream::poll_fn(move |context| received.poll_recv(context));
    let answers = client.intake_orders(sent).await.unwrap().into_inner();
    (orders, answers)
}

fn placement(result: &pb::OrderResult) -> Option<pb::Placement> {
    match result.outcome.as_ref().unwrap() {
        Outcome::Placed(placed) => Some(placed.placement()),
        Outcome::Refusal(_) => None,
    }
}

#[tokio::test]
async fn every_order_of_a_stream_is_answered_in_its_place_and_the_stream_ends_well() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let orders = (0..5_000).map(|number| {
        if number % 10 == 7 {
            amount("", number)
        } else {
            amount(&format!("u{}", number % 13), number + 1)
        }
    });
    let answers = client.intake_orders(stream::iter(orders)).await.unwrap();
    let results: Vec<_> = answers.into_inner().collect().await;
    assert_eq!(results.len(), 5_000);
    for (index, result) in results.into_iter().enumerate() {
        let result = result.unwrap();
        assert_eq!(result.index, index as u64);
        assert_eq!(placement(&result).is_none(), index % 10 == 7, "{result:?}");
    }
    assert_eq!(server.accepted().await, 4_500);
}

#[tokio::test]
async fn an_order_is_answered_without_waiting_for_another_and_is_durable_then() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let (orders, mut answers) = open(&mut client).await;
    for number in 0..20 {
        orders.send(amount("u", number + 1)).await.unwrap();
        let answer = timeout(Duration::from_secs(10), answers.message()).await;
        let answer = answer
            .expect("an order alone is answered")
            .unwrap()
            .unwrap();
        let Some(Outcome::Placed(placed)) = answer.outcome else {
            panic!("{answer:?}")
        };
        let request = pb::GetOrderRequest {
            order_id: placed.order_id,
        };
        let read = client.get_order(request).await.unwrap().into_inner();
        assert_eq!(read.order.unwrap().amount.unwrap().minor_units, number + 1);
    }
    drop(orders);
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn many_streams_that_send_more_than_the_store_queues_are_slowed_down_and_not_refused() {
    let small_queue = |options: &mut adapter_sqlite::SqliteOptions| options.queue = 8;
    let server = Server::before(small_queue, |settings, _| settings.intake_in_flight = 4).await;
    let mut streams = tokio::task::JoinSet::new();
    for user in 0..6 {
        let mut client = server.client().await;
        streams.spawn(async move {
            let orders = (0..2_000).map(move |number| amount(&format!("u{user}"), number + 1));
            let answers = client.intake_orders(stream::iter(orders)).await.unwrap();
            answers.into_inner().collect::<Vec<_>>().await
        });
    }
    for results in streams.join_all().await {
        assert_eq!(results.len(), 2_000);
        for result in results {
            let result = result.unwrap();
            let placed = placement(&result);
            assert_eq!(placed, Some(pb::Placement::Created), "{result:?}");
        }
    }
    assert_eq!(server.accepted().await, 12_000);
}

#[tokio::test]
async fn a_stream_whose_client_takes_no_answers_does_not_delay_others() {
    let server = Server::with(|settings, _| settings.intake_in_flight = 256).await;
    let mut client = server.client_of_small_windows().await;
    let mut stalled = Vec::new();
    for _ in 0..3 {
        let orders = stream::iter(0..).map(|_| amount("stalled", 1));
        // Kept, and never read.
        stalled.push(client.intake_orders(orders).await.unwrap());
    }
    // Until the answers fill what the client's windows hold, nothing is stalled.
    let mut before = 0;
    let settled = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = server.accepted().await;
            if now == before && now > 0 {
                return;
            }
            before = now;
        }
    };
    timeout(Duration::from_secs(60), settled).await.unwrap();
    let mut other = server.client().await;
    let orders = stream::iter((0..1_000).map(|number| amount("reads", number + 1)));
    let answers = other.intake_orders(orders).await.unwrap().into_inner();
    let results = timeout(Duration::from_secs(30), answers.collect::<Vec<_>>()).await;
    assert_eq!(results.expect("its turn comes").len(), 1_000);
    drop(stalled);
}

#[tokio::test]
async fn a_key_in_a_stream_makes_one_order() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let orders = vec![with_key(amount("u", 1), "k"); 300];
    let answers = client.intake_orders(stream::iter(orders)).await.unwrap();
    let results: Vec<_> = answers.into_inner().collect().await;
    let created = results
        .into_iter()
        .filter(|result| placement(result.as_ref().unwrap()) == Some(pb::Placement::Created));
    assert_eq!(created.count(), 1);
    assert_eq!(server.accepted().await, 1);
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_not_read_without_end() {
    let server = Server::with(|settings, _| settings.intake_window = 64).await;
    let mut client = server.client_of_small_windows().await;
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&sent);
    // Long names fill the flow control's windows, which are what a client may send ahead.
    let orders = stream::iter(0..).map(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        pb::CreateOrderRequest {
            metadata: [("note".to_owned(), "x".repeat(8_000))].into(),
            ..amount("u", 1)
        }
    });
    let answers = client.intake_orders(orders).await.unwrap();
    let mut before = 0;
    // It settles: what is taken in does not grow while nobody takes the answers.
    let settled = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = server.accepted().await;
            if now == before && now > 0 {
                return now;
            }
            before = now;
        }
    };
    let taken = timeout(Duration::from_secs(300), settled).await.unwrap();
    // What the windows hold of answers, each a few dozen bytes, and of orders.
    assert!(taken < 100_000, "{taken}");
    drop(answers);
}

#[tokio::test]
async fn a_failed_order_does_not_end_its_stream() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let (orders, mut answers) = open(&mut client).await;
    server.store_becomes(FaultMode::Failing(
        application::ports::StoreError::Overloaded { limit: 1 },
    ));
    orders.send(amount("u", 1)).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(Outcome::Refusal(refusal)) = answer.outcome else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (refusal.code, &*refusal.reason),
        (Code::Unavailable as i32, "OVERLOADED")
    );
    assert!(refusal.retry_after.is_some());
    server.store_becomes(FaultMode::Well);
    orders.send(amount("u", 1)).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!(
        (answer.index, placement(&answer)),
        (1, Some(pb::Placement::Created))
    );
}

#[tokio::test]
async fn a_stopping_server_answers_what_it_has_taken_and_ends_the_stream_with_unavailable() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let (orders, mut answers) = open(&mut client).await;
    orders.send(amount("u", 1)).await.unwrap();
    assert!(answers.message().await.unwrap().is_some());
    server.store_becomes(FaultMode::Slow(Duration::from_millis(300)));
    orders.send(amount("u", 2)).await.unwrap();
    while server.store.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.soft.cancel();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!(placement(&answer), Some(pb::Placement::Created));
    let end = answers.message().await.unwrap_err();
    assert_eq!(
        (end.code(), &*reason(&end)),
        (Code::Unavailable, "STOPPING")
    );
    assert_eq!(server.accepted().await, 2);
}
