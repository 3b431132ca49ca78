//! CreateOrders: many orders, each on its own, once the last has come.

use futures_util::{StreamExt as _, stream};
use proto::ordermill::v1 as pb;
use proto::ordermill::v1::order_result::Outcome;
use tonic::Code;

use crate::server::{Server, amount, reason, with_key};

#[tokio::test]
async fn each_order_of_a_batch_has_its_own_result_in_its_place() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let orders = [
        amount("a", 1),
        amount("", -1),
        with_key(amount("b", 2), "k"),
        with_key(amount("b", 2), "k"),
        with_key(amount("b", 3), "k"),
    ];
    let response = client.create_orders(stream::iter(orders)).await.unwrap();
    let response = response.into_inner();
    assert_eq!(
        (
            response.accepted,
            response.existing,
            response.refused,
            response.unavailable
        ),
        (2, 1, 2, 0)
    );
    let outcomes: Vec<_> = response
        .results
        .iter()
        .enumerate()
        .map(|(index, result)| {
            assert_eq!(result.index, index as u64);
            match result.outcome.as_ref().unwrap() {
                Outcome::Placed(placed) => format!("{:?}", placed.placement()),
                Outcome::Refusal(refusal) => {
                    let fields: Vec<_> = refusal.violations.iter().map(|v| &*v.field).collect();
                    format!("{} {} {fields:?}", refusal.code, refusal.reason)
                }
            }
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            "Created",
            r#"3 VALIDATION_FAILED ["user_id", "amount"]"#,
            "Created",
            "Replayed",
            "6 IDEMPOTENCY_KEY_REUSED []",
        ]
    );
}

#[tokio::test]
async fn a_batch_that_is_too_large_or_breaks_off_takes_nothing() {
    let server = Server::with(|settings, _| {
        settings.tuning.max_batch_orders = 10;
        settings.max_batch_bytes = 2_000;
    })
    .await;
    let mut client = server.client().await;
    let ten = || stream::iter(vec![amount("u", 1); 10]);
    assert_eq!(
        client
            .create_orders(ten())
            .await
            .unwrap()
            .into_inner()
            .accepted,
        10
    );
    let eleven = stream::iter(vec![amount("u", 1); 11]);
    let refused = client.create_orders(eleven).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::ResourceExhausted, "BATCH_TOO_LARGE")
    );
    let long = pb::CreateOrderRequest {
        metadata: [("note".to_owned(), "x".repeat(900))].into(),
        ..amount("u", 1)
    };
    let refused = client
        .create_orders(stream::iter(vec![long; 3]))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    // A client that leaves before it has sent the last one.
    let never_ends = ten().chain(stream::pending());
    let call = client.create_orders(never_ends);
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(300), call)
            .await
            .is_err()
    );
    assert_eq!(server.accepted().await, 10);
    let none = client
        .create_orders(stream::empty())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(none, pb::CreateOrdersResponse::default());
}

#[tokio::test]
async fn history_goes_in_beside_new_orders_and_is_never_processed() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let of_the_past = |number: &str, status, seconds, currency: &str| pb::CreateOrderRequest {
        external_id: Some(number.to_owned()),
        amount: Some(pb::Money {
            minor_units: 1,
            currency: currency.to_owned(),
        }),
        history: Some(pb::History {
            status: pb::Status::into(status),
            created_at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        }),
        ..amount("u", 1)
    };
    let then = 978_307_200;
    let orders = [
        of_the_past("1", pb::Status::Processed, then, "DEM"),
        of_the_past("2", pb::Status::Cancelled, then, "EUR"),
        amount("u", 1),
        of_the_past("3", pb::Status::Pending, then, "EUR"),
        of_the_past("4", pb::Status::Processed, 4_102_444_800, "EUR"),
        of_the_past("1", pb::Status::Processed, then, "DEM"),
    ];
    let response = client.create_orders(stream::iter(orders)).await.unwrap();
    let response = response.into_inner();
    assert_eq!(
        (response.accepted, response.existing, response.refused),
        (3, 1, 2)
    );
    let outcome = |index: usize| response.results[index].outcome.clone().unwrap();
    for (index, expected) in [
        (0, pb::Status::Processed),
        (1, pb::Status::Cancelled),
        (2, pb::Status::Pending),
    ] {
        let Outcome::Placed(placed) = outcome(index) else {
            panic!("{:?}", outcome(index));
        };
        assert_eq!(placed.status(), expected);
    }
    for (index, field) in [(3, "history.status"), (4, "history.created_at")] {
        let Outcome::Refusal(refusal) = outcome(index) else {
            panic!("{:?}", outcome(index));
        };
        assert_eq!(refusal.violations[0].field, field);
    }
    assert_eq!(server.work_off().await, 1, "the new order alone is due");
}
