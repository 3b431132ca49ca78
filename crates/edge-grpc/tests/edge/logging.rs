//! What a call leaves in the log: one line, without what clients wrote.

use futures_util::stream;
use proto::ordermill::v1 as pb;
use tonic::Request;
use tracing::Level;

use crate::raw::Raw;
use crate::server::{Server, amount, placed};
use port_conformance::captured_logs::KeptLog;
use port_conformance::faulty::FaultMode;

/// The line of each call.
fn calls(log: &KeptLog) -> Vec<String> {
    let lines = log.lines().into_iter();
    lines
        .filter(|line| line.contains("edge_grpc") && line.contains("elapsed_us="))
        .collect()
}

#[tokio::test]
async fn a_call_is_one_line_without_personal_data() {
    let log = KeptLog::at(Level::DEBUG);
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut request = Request::new(amount("private-name", 1));
    let name = "client-7".parse().unwrap();
    request.metadata_mut().insert("x-request-id", name);
    client.create_order(request).await.unwrap();
    let orders = stream::iter(vec![amount("private-name", 1); 10]);
    let mut answers = client.intake_orders(orders).await.unwrap().into_inner();
    while answers.message().await.unwrap().is_some() {}
    let request = pb::GetOrderRequest {
        order_id: "private\nforged".to_owned(),
    };
    client.get_order(request).await.unwrap_err();
    let raw = Raw::connect(server.address).await;
    raw.send("/private-path", &[]).await;
    let lines = calls(&log);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[0].contains(r#"method="ordermill.v1.OrderService/CreateOrder" code="OK""#));
    assert!(lines[0].contains("DEBUG") && lines[0].contains(r#"request_id="client-7""#));
    assert!(
        lines[1].contains(r#"IntakeOrders" code="OK""#),
        "{lines:#?}"
    );
    assert!(lines[2].contains("INFO") && lines[2].contains(r#"code="INVALID_ARGUMENT""#));
    assert!(
        lines[3].contains(r#"method="unknown" code="UNIMPLEMENTED""#),
        "{lines:#?}"
    );
    let all = lines.join("\n");
    assert!(!all.contains("private") && !all.contains("forged"), "{all}");
}

#[tokio::test]
async fn failures_are_warnings_with_their_cause_and_calls_that_clients_left_are_cancelled() {
    let log = KeptLog::at(Level::INFO);
    let server = Server::with(|settings, _| settings.log_calls = true).await;
    let mut client = server.client().await;
    let order_id = placed(&mut client, amount("u", 1)).await.id;
    server.store_becomes(FaultMode::Panicking);
    client
        .get_order(pb::GetOrderRequest { order_id })
        .await
        .unwrap_err();
    server.store_becomes(FaultMode::Well);
    let watching = client
        .watch_orders(pb::WatchOrdersRequest::default())
        .await
        .unwrap();
    drop(watching);
    while calls(&log).len() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let lines = calls(&log);
    assert!(
        lines[0].contains("INFO") && lines[0].contains(r#"code="OK""#),
        "{lines:#?}"
    );
    assert!(lines[1].contains("WARN") && lines[1].contains("panicked: the store panics"));
    assert!(
        lines[2].contains(r#"WatchOrders" code="CANCELLED""#),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn a_request_that_is_not_grpc_has_a_line_and_a_request_id() {
    let log = KeptLog::at(Level::INFO);
    let server = Server::start().await;
    let raw = Raw::connect(server.address).await;
    let refused = raw.http("POST", "application/json").await;
    let name = refused.headers()["x-request-id"].to_str().unwrap();
    let lines = log.lines();
    let line = lines.iter().find(|line| line.contains("status=415"));
    let line = line.expect("the refusal is logged");
    assert!(line.contains(&format!(r#"request_id="{name}""#)), "{line}");
}
