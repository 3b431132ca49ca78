//! What a request leaves in the log: one line, without what clients wrote.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing::subscriber::DefaultGuard;

use crate::server::{Server, send};
use port_conformance::faulty::Mood;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Keeps what this thread logs, on which the whole test runs.
    fn keep(level: Level) -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn requests(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone())
            .unwrap()
            .lines()
            .filter(|line| line.contains("edge_http") && line.contains("elapsed_us="))
            .map(str::to_owned)
            .collect()
    }
}

const ORDER: &str = r#"{"user_id":"private-name","amount":1,"metadata":{"note":"private-note"}}"#;

#[tokio::test]
async fn a_request_is_one_line_without_personal_data() {
    let (log, _guard) = Log::keep(Level::DEBUG);
    let server = Server::start().await;
    let request = server.post_request("/v1/orders", ORDER);
    send(request.header("x-request-id", "client-7")).await;
    server
        .get("/v1/orders?user_id=private-name&q=%0Aforged")
        .await;
    server.get("/private-path%0Aforged").await;
    let lines = log.requests();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[0].contains(r#"method="POST" path="/v1/orders" status=201"#),
        "{lines:#?}"
    );
    assert!(lines[0].contains(r#"request_id="client-7""#), "{lines:#?}");
    assert!(lines[2].contains("status=404"), "{lines:#?}");
    let all = lines.join("\n");
    assert!(!all.contains("private") && !all.contains("forged"), "{all}");
}

#[tokio::test]
async fn refusals_are_logged_at_info_and_failures_as_warnings_with_their_cause() {
    let (log, _guard) = Log::keep(Level::INFO);
    let server = Server::start().await;
    server.post("/v1/orders", ORDER).await;
    server.get("/v1/orders/7").await;
    server.store_becomes(Mood::Panicking);
    server.get("/v1/stats").await;
    let lines = log.requests();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("INFO") && lines[0].contains(r#"code="invalid_id""#));
    assert!(lines[1].contains("WARN") && lines[1].contains("panicked: the store panics"));
}

#[tokio::test]
async fn every_request_is_at_info_where_the_operator_wants_it() {
    let (log, _guard) = Log::keep(Level::INFO);
    let server = Server::with(|settings| settings.log_requests = true).await;
    server.post("/v1/orders", ORDER).await;
    assert_eq!(log.requests().len(), 1);
}
