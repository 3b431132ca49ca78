//! What becomes of an order by the endpoint's answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adapter_webhook::HttpHandler;
use application::ports::{FaultScope, OrderHandler as _, Outcome};
use application::system::ManualClock;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use domain::Timestamp;
use tokio::sync::mpsc;

use crate::servers::{handler, message, order, serve, serve_next, settings};

#[tokio::test]
async fn each_row_of_the_outcome_table() {
    let (url, next, _server) = serve_next().await;
    let handler = handler(url);
    for status in [200, 201, 202] {
        next.is(status, None);
        let result = Some(Arc::from(r#"{"message":"as the test wants"}"#));
        let outcome = handler.handle(&order()).await;
        assert_eq!(outcome, Outcome::Done { result }, "{status}");
    }
    next.is(204, None);
    let no_content = handler.handle(&order()).await;
    assert_eq!(no_content, Outcome::Done { result: None });
    for status in [400, 406, 410, 412, 415, 418, 422, 428, 451] {
        next.is(status, Some("7"));
        match handler.handle(&order()).await {
            Outcome::Rejected(failure) => {
                assert_eq!(&*failure.code, "handler_rejected", "{status}");
                let message = &failure.message;
                assert!(message.ends_with(": as the test wants"), "{message}");
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    for (status, code, expected) in [
        (301, "endpoint_misconfigured", FaultScope::Unclear),
        (308, "endpoint_misconfigured", FaultScope::Unclear),
        (401, "endpoint_misconfigured", FaultScope::Unclear),
        (402, "endpoint_misconfigured", FaultScope::Unclear),
        (403, "endpoint_misconfigured", FaultScope::Unclear),
        (404, "endpoint_misconfigured", FaultScope::Unclear),
        (405, "endpoint_misconfigured", FaultScope::Unclear),
        (407, "endpoint_misconfigured", FaultScope::Unclear),
        (408, "timeout", FaultScope::Endpoint),
        (409, "still_processing", FaultScope::Order),
        (423, "still_processing", FaultScope::Order),
        (425, "still_processing", FaultScope::Order),
        (429, "endpoint_busy", FaultScope::Busy),
        (500, "endpoint_failed", FaultScope::Endpoint),
        (501, "endpoint_misconfigured", FaultScope::Unclear),
        (502, "endpoint_unavailable", FaultScope::Endpoint),
        (503, "endpoint_busy", FaultScope::Busy),
        (504, "endpoint_unavailable", FaultScope::Endpoint),
    ] {
        next.is(status, Some("7"));
        match handler.handle(&order()).await {
            Outcome::Retry {
                failure,
                after,
                scope,
            } => {
                assert_eq!((&*failure.code, scope), (code, expected), "{status}");
                assert_eq!(after, Some(Duration::from_secs(7)), "{status}");
                let begin = status.to_string();
                assert!(failure.message.starts_with(&begin), "{}", failure.message);
            }
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn only_503_without_retry_after_is_counted_as_a_fault_of_the_endpoint() {
    let (url, next, _server) = serve_next().await;
    let handler = handler(url);
    for (retry_after, expected) in [
        (None, FaultScope::Endpoint),
        (Some("soon"), FaultScope::Endpoint),
        (Some("0"), FaultScope::Busy),
    ] {
        next.is(503, retry_after);
        match handler.handle(&order()).await {
            Outcome::Retry { scope, .. } => assert_eq!(scope, expected, "{retry_after:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_order_that_is_still_processed_there_is_done_at_a_later_attempt() {
    let calls = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        async move {
            match call {
                0 => (StatusCode::CONFLICT, "working on it"),
                _ => (StatusCode::OK, r#"{"payment":"pay_7"}"#),
            }
        }
    };
    let (url, _server) = serve(Router::new().route("/", any(answer))).await;
    let handler = handler(url);
    match handler.handle(&order()).await {
        Outcome::Retry { failure, scope, .. } => {
            assert_eq!(
                (&*failure.code, scope),
                ("still_processing", FaultScope::Order)
            );
            assert_eq!(&*failure.message, "409 Conflict: working on it");
        }
        other => panic!("{other:?}"),
    }
    let result = Some(Arc::from(r#"{"payment":"pay_7"}"#));
    assert_eq!(handler.handle(&order()).await, Outcome::Done { result });
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_message_shows_where_it_leads() {
    let (hits, mut received) = mpsc::channel(4);
    let moved = || async {
        let location = [("location", "https://user:s3cret@example.com/new")];
        (StatusCode::TEMPORARY_REDIRECT, location)
    };
    let trap = move || async move { hits.send(()).await.unwrap() };
    let to_trap = || async { (StatusCode::PERMANENT_REDIRECT, [("location", "/trap")]) };
    let router = Router::new()
        .route("/moved", any(moved))
        .route("/to-trap", any(to_trap))
        .route("/trap", any(trap));
    let (url, _server) = serve(router).await;
    let outcome = handler(format!("{url}/to-trap")).handle(&order()).await;
    match &outcome {
        Outcome::Retry { scope, .. } => assert_eq!(*scope, FaultScope::Unclear),
        other => panic!("{other:?}"),
    }
    assert_eq!(message(outcome), "308 Permanent Redirect to /trap");
    assert!(received.try_recv().is_err());
    let outcome = handler(format!("{url}/moved")).handle(&order()).await;
    let expected = "307 Temporary Redirect to https://example.com/new";
    assert_eq!(message(outcome), expected);
}

#[tokio::test]
async fn a_date_in_retry_after_counts_from_the_clock() {
    let answer = || async {
        let date = [("retry-after", "Sat, 31 Jan 2026 12:01:30 GMT")];
        (StatusCode::TOO_MANY_REQUESTS, date)
    };
    let (url, _server) = serve(Router::new().route("/", any(answer))).await;
    let clock = ManualClock::at(Timestamp::parse("2026-01-31T12:00:00Z").unwrap());
    let Ok(handler) = HttpHandler::new(&settings(url), Arc::new(clock)) else {
        panic!("the settings are good");
    };
    match handler.handle(&order()).await {
        Outcome::Retry { after, .. } => assert_eq!(after, Some(Duration::from_secs(90))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_huge_body_is_not_read_to_its_end() {
    let rejected = || async { (StatusCode::UNPROCESSABLE_ENTITY, "no ".repeat(1_000_000)) };
    let (url, _server) = serve(Router::new().route("/", any(rejected))).await;
    match handler(url).handle(&order()).await {
        Outcome::Rejected(failure) => {
            assert!(failure.message.len() < 1000, "{}", failure.message.len())
        }
        other => panic!("{other:?}"),
    }
}
