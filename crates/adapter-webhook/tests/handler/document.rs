//! docs/HANDLER.md is the contract with the endpoint. What it says of requests and answers is compared with what happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapter_webhook::{FailureCode, HttpHandler, HttpHandlerSettings};
use application::ports::{OrderHandler as _, Outcome};
use application::system::ManualClock;
use domain::Timestamp;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::servers::{SECRET, order, read_request, serve_connections, serve_next, settings, with};

const DOCUMENT: &str = include_str!("../../../../docs/HANDLER.md");

/// The code blocks in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let blocks = DOCUMENT.split(begin.as_str()).skip(1);
    blocks
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

/// The rows of the table with this head, each as its cells.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let rows: Vec<Vec<&str>> = DOCUMENT
        .lines()
        .skip_while(|line| !line.starts_with(head))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(!rows.is_empty(), "there is no table {head}");
    rows
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The request of the document's order, with its host and version as the document has them.
async fn real_request() -> String {
    let (requests, mut received) = mpsc::channel(1);
    let (url, _server) = serve_connections(move |mut stream| {
        let requests = requests.clone();
        async move {
            let request = read_request(&mut stream).await.unwrap();
            requests.send(request).await.unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    let settings = HttpHandlerSettings {
        secrets: vec![SECRET.to_owned()],
        ..settings(format!("{url}/orders"))
    };
    let clock = ManualClock::at(Timestamp::parse("2026-01-31T12:00:00Z").unwrap());
    let handler = HttpHandler::new(&settings, Arc::new(clock)).unwrap_or_else(|errors| {
        panic!("{errors:?}");
    });
    handler.handle(&order()).await;
    let (head, body) = received.recv().await.unwrap();
    let head = head
        .replace(url.trim_start_matches("http://"), "shop.example")
        .replace(env!("CARGO_PKG_VERSION"), "0.1.0")
        .replace("\r\n", "\n");
    format!("{head}\n\n{body}")
}

#[tokio::test]
async fn the_request_in_the_document_is_what_is_sent() {
    let request = real_request().await;
    assert_eq!(blocks("http"), [request.as_str()], "\n{request}\n");
    assert!(DOCUMENT.contains(SECRET));
    let head = request.split("\n\n").next().unwrap();
    let sent: BTreeSet<&str> = head
        .lines()
        .skip(1)
        .map(|line| line.split(':').next().unwrap())
        .collect();
    let rows = table("| header |");
    let described: BTreeSet<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    assert_eq!(described, sent);
}

#[test]
fn the_verification_in_the_document_is_that_of_the_examples() {
    for (language, example) in [
        (
            "python",
            include_str!("../../../../examples/handler-python/handler.py"),
        ),
        (
            "js",
            include_str!("../../../../examples/handler-node/handler.mjs"),
        ),
    ] {
        let shown = blocks(language);
        assert_eq!(shown.len(), 1, "{language}");
        assert!(example.contains(shown[0]), "{language}");
    }
}

/// The statuses that a cell of the table names: `408`, `410-418`, `3xx`.
fn statuses(cell: &str) -> Vec<u16> {
    let words = cell.split([',', ' ']).filter(|word| !word.is_empty());
    let mut found = Vec::new();
    for word in words {
        if let Some(class) = word.strip_suffix("xx")
            && let Ok(class) = class.parse::<u16>()
        {
            found.extend(class * 100..class * 100 + 100);
        } else if let Some((from, to)) = word.split_once('-')
            && let (Ok(from), Ok(to)) = (from.parse::<u16>(), to.parse())
        {
            found.extend(from..=to);
        } else if let Ok(status) = word.parse() {
            found.push(status);
        }
    }
    found
}

#[tokio::test]
async fn the_table_of_answers_in_the_document_is_what_happens() {
    let (url, next, _server) = serve_next().await;
    let handler = with(&settings(url));
    let code = async |status: u16, retry_after: Option<&'static str>| {
        next.is(status, retry_after);
        match handler.handle(&order()).await {
            Outcome::Done { .. } => "PROCESSED".to_owned(),
            Outcome::Rejected(failure) | Outcome::Retry { failure, .. } => failure.code.to_string(),
        }
    };
    let mut named = BTreeSet::new();
    for row in table("| answer |") {
        let expected = quoted(row[1]).next().filter(|text| *text != "result");
        for status in statuses(row[0].split("any other").next().unwrap()) {
            // `503 with Retry-After` is in one row, `503 without` it in another.
            let is_busy = expected == Some("endpoint_busy");
            let retry_after = (is_busy && status == 503).then_some("1");
            let found = code(status, retry_after).await;
            assert_eq!(found, expected.unwrap_or("PROCESSED"), "{status}");
            named.insert(status);
        }
        if row[0].contains("any other 5xx") {
            assert_eq!(expected, Some("endpoint_failed"));
        }
        if row[0].contains("any other 4xx") {
            assert_eq!(expected, Some("endpoint_misconfigured"));
        }
    }
    assert!(named.contains(&451) && named.contains(&299) && named.contains(&511));
    for status in (400..600).filter(|status| !named.contains(status)) {
        let expected = if status < 500 {
            FailureCode::EndpointMisconfigured
        } else {
            FailureCode::EndpointFailed
        };
        assert_eq!(code(status, None).await, expected.as_str(), "{status}");
    }
}

#[test]
fn every_failure_code_is_explained() {
    let rows = table("| code |");
    let explained: Vec<&str> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    for code in FailureCode::ALL {
        let code = code.as_str();
        let found = explained.iter().filter(|known| **known == code);
        assert_eq!(found.count(), 1, "{code}");
    }
}
