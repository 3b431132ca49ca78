//! The gRPC dialects: orderSystem's calls, and Order System's stream held to what a running copy answered.

use futures_util::{StreamExt as _, stream};
use proto::grpcstream::order_stream_client::OrderStreamClient;
use proto::order::order_service_client::OrderServiceClient as OrderSystemClient;
use proto::ordermill::v1;
use proto::{grpcstream, order};
use tonic::Code;

use crate::server::{Server, amount, faults, placed};

#[tokio::test]
async fn order_system_s_clients_place_read_and_change_orders() {
    let server = Server::start().await;
    let mut client = OrderSystemClient::new(server.channel().await);
    let request = order::CreateOrderRequest {
        user_id: "alice".to_owned(),
        amount: 19.98,
    };
    let made = client.create_order(request).await.unwrap().into_inner();
    assert_eq!(
        (&*made.user_id, made.amount, &*made.status),
        ("alice", 19.98, "PENDING")
    );
    assert!(made.created_at.ends_with('Z') && made.created_at.contains('T'));
    let get = |id: &str| order::GetOrderRequest {
        order_id: id.to_owned(),
    };
    assert_eq!(
        client
            .get_order(get(&made.order_id))
            .await
            .unwrap()
            .into_inner(),
        made
    );
    let update = |status: &str| order::UpdateStatusRequest {
        order_id: made.order_id.clone(),
        status: status.to_owned(),
    };
    for status in ["PENDING", "ON_HOLD", "ON_HOLD", "PENDING", "CANCELLED"] {
        let now = client
            .update_status(update(status))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(now.status, status);
    }
    for (status, code) in [
        ("PROCESSED", Code::FailedPrecondition),
        ("PENDING", Code::FailedPrecondition),
        ("DONE", Code::InvalidArgument),
        ("", Code::InvalidArgument),
    ] {
        let refused = client.update_status(update(status)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{status}");
    }
    let refused = client
        .get_order(get("0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11"))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn order_system_s_faults_have_its_field_names() {
    let server = Server::start().await;
    let mut client = OrderSystemClient::new(server.channel().await);
    for (user_id, amount, field, reason) in [
        ("u", 0.0, "amount", "REQUIRED"),
        ("u", -5.0, "amount", "OUT_OF_RANGE"),
        ("u", 0.001, "amount", "TOO_PRECISE"),
        ("u", f64::NAN, "amount", "NOT_A_NUMBER"),
        ("u", f64::INFINITY, "amount", "NOT_A_NUMBER"),
        ("u", 1e300, "amount", "OUT_OF_RANGE"),
        ("", 1.0, "user_id", "REQUIRED"),
    ] {
        let request = order::CreateOrderRequest {
            user_id: user_id.to_owned(),
            amount,
        };
        let refused = client.create_order(request).await.unwrap_err();
        assert_eq!(
            faults(&refused),
            [(field.to_owned(), reason.to_owned())],
            "{amount}"
        );
    }
    assert_eq!(server.accepted().await, 0);
}

#[tokio::test]
async fn an_order_is_found_by_the_number_that_it_had_before() {
    let server = Server::start().await;
    let mut orders = server.client().await;
    let numbered = |user: &str, number: &str| v1::CreateOrderRequest {
        external_id: Some(number.to_owned()),
        ..amount(user, 150)
    };
    placed(&mut orders, numbered("a", "old-1")).await;
    placed(&mut orders, numbered("a", "old-2")).await;
    placed(&mut orders, numbered("b", "old-2")).await;
    let mut client = OrderSystemClient::new(server.channel().await);
    let get = |id: &str| order::GetOrderRequest {
        order_id: id.to_owned(),
    };
    let found = client.get_order(get("old-1")).await.unwrap().into_inner();
    assert_eq!(
        (&*found.order_id, &*found.user_id, found.amount),
        ("old-1", "a", 1.5)
    );
    let refused = client.get_order(get("old-2")).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

/// One exchange of the capture.
struct Exchange {
    sent: grpcstream::Order,
    got: String,
}

/// Reads `sent {id:"g-0" amount:19.98 customer_id:"u" created_at:{...}} got {status:"received"} ...`.
fn exchange(line: &str) -> Option<Exchange> {
    let (sent, rest) = line
        .strip_prefix("sent {")?
        .split_once("} got {status:\"")?;
    let text = |name: &str| {
        let (_, value) = sent.split_once(&format!("{name}:\""))?;
        value.split('"').next().map(str::to_owned)
    };
    let number = sent.split_once("amount:").map_or("0", |(_, value)| value);
    let created_at = sent
        .contains("created_at")
        .then_some(prost_types::Timestamp {
            seconds: 1_700_000_000,
            nanos: 5,
        });
    Some(Exchange {
        sent: grpcstream::Order {
            id: text("id").unwrap_or_default(),
            amount: number.split(' ').next()?.parse().unwrap(),
            customer_id: text("customer_id").unwrap_or_default(),
            created_at,
        },
        got: rest.split('"').next()?.to_owned(),
    })
}

/// Where we differ on purpose: what Order System received and then lost is refused.
const REJECTED: [(&str, &str); 2] = [
    (
        "",
        "rejected: id is required; customer_id is required; amount is required",
    ),
    ("g-neg", "rejected: amount is below zero"),
];

#[tokio::test]
async fn the_captured_session_of_order_system_is_answered_as_it_was() {
    let capture = include_str!("../captures/order-system-session.txt");
    let exchanges: Vec<_> = capture.lines().filter_map(exchange).collect();
    assert_eq!(exchanges.len(), 6);
    let server = Server::start().await;
    let mut client = OrderStreamClient::new(server.channel().await);
    let sent: Vec<_> = exchanges
        .iter()
        .map(|exchange| exchange.sent.clone())
        .collect();
    let answers = client.stream_orders(stream::iter(sent)).await.unwrap();
    // At the end of the client's side Order System failed with UNKNOWN, EOF; we end with OK, so that every item is one.
    let answers: Vec<_> = answers.into_inner().map(Result::unwrap).collect().await;
    assert_eq!(answers.len(), exchanges.len());
    for (exchange, answer) in exchanges.iter().zip(&answers) {
        let rejected = REJECTED.iter().find(|(id, _)| *id == exchange.sent.id);
        let expected = rejected.map_or(&*exchange.got, |(_, reason)| *reason);
        assert_eq!(answer.status, expected, "{:?}", exchange.sent);
    }
    assert_eq!(server.accepted().await, 4);
}

#[tokio::test]
async fn an_order_of_the_stream_is_durable_under_its_number_and_never_taken_twice() {
    let server = Server::start().await;
    let mut client = OrderStreamClient::new(server.channel().await);
    let sent = grpcstream::Order {
        id: "g-1".to_owned(),
        amount: 0.1,
        customer_id: "u".to_owned(),
        created_at: None,
    };
    let other = grpcstream::Order {
        amount: 0.2,
        ..sent.clone()
    };
    let orders = [sent.clone(), sent, other];
    let answers = client.stream_orders(stream::iter(orders)).await.unwrap();
    let answers: Vec<_> = answers
        .into_inner()
        .map(|answer| answer.unwrap().status)
        .collect()
        .await;
    assert_eq!(answers[..2], ["received", "received"]);
    assert!(
        answers[2].starts_with("rejected: the external_id names another order"),
        "{answers:?}"
    );
    assert_eq!(server.accepted().await, 1);
    let request = v1::ListOrdersRequest {
        user_id: Some("u".to_owned()),
        external_id: Some("g-1".to_owned()),
        ..v1::ListOrdersRequest::default()
    };
    let page = server
        .client()
        .await
        .list_orders(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.orders[0].amount.as_ref().unwrap().minor_units, 10);
}

#[tokio::test]
async fn a_stream_whose_orders_cannot_be_taken_now_ends_with_the_reason() {
    use port_conformance::faulty::FaultMode;
    let server = Server::start().await;
    server.store_becomes(FaultMode::Failing(
        application::ports::StoreError::Overloaded { limit: 1 },
    ));
    let mut client = OrderStreamClient::new(server.channel().await);
    let sent = grpcstream::Order {
        id: "g-1".to_owned(),
        amount: 1.0,
        customer_id: "u".to_owned(),
        created_at: None,
    };
    let answers = client
        .stream_orders(stream::iter([sent.clone()]))
        .await
        .unwrap();
    let answers: Vec<_> = answers.into_inner().collect().await;
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].as_ref().unwrap_err().code(), Code::Unavailable);
}
