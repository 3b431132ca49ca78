//! What a request leaves in the log: one line, without what clients wrote.

use tracing::Level;

use crate::answer::send;
use crate::server::Server;
use port_conformance::captured_logs::KeptLog;
use port_conformance::faulty::FaultMode;

/// The line of each request.
fn requests(log: &KeptLog) -> Vec<String> {
    let lines = log.lines().into_iter();
    lines
        .filter(|line| line.contains("edge_http") && line.contains("elapsed_us="))
        .collect()
}

const ORDER: &str = r#"{"user_id":"private-name","amount":1,"metadata":{"note":"private-note"}}"#;

#[tokio::test]
async fn a_request_is_one_line_without_personal_data() {
    let log = KeptLog::at(Level::DEBUG);
    let server = Server::start().await;
    let request = server.post_request("/v1/orders", ORDER);
    send(request.header("x-request-id", "client-7")).await;
    server
        .get("/v1/orders?user_id=private-name&q=%0Aforged")
        .await;
    server.get("/private-path%0Aforged").await;
    let lines = requests(&log);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[0].contains(r#"method="POST" path="/v1/orders""#) && lines[0].contains("status=201"),
        "{lines:#?}"
    );
    assert!(lines[0].contains(r#"request_id="client-7""#), "{lines:#?}");
    assert!(lines[2].contains("status=404"), "{lines:#?}");
    let all = lines.join("\n");
    assert!(!all.contains("private") && !all.contains("forged"), "{all}");
}

#[tokio::test]
async fn refusals_are_logged_at_info_and_failures_as_warnings_with_their_cause() {
    let log = KeptLog::at(Level::INFO);
    let server = Server::start().await;
    server.post("/v1/orders", ORDER).await;
    server.get("/v1/orders/7").await;
    server.store_becomes(FaultMode::Panicking);
    server.get("/v1/stats").await;
    let lines = requests(&log);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("INFO") && lines[0].contains(r#"code="invalid_id""#));
    assert!(lines[1].contains("WARN") && lines[1].contains("panicked: the store panics"));
}

#[tokio::test]
async fn every_request_is_at_info_where_the_operator_wants_it() {
    let log = KeptLog::at(Level::INFO);
    let server = Server::with(|settings| settings.log_requests = true).await;
    server.post("/v1/orders", ORDER).await;
    assert_eq!(requests(&log).len(), 1);
}
