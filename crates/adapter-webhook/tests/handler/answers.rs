//! What becomes of an order by the endpoint's answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adapter_webhook::HttpHandler;
use application::ports::{FaultScope, OrderHandler as _, Outcome};
use application::system::ManualClock;
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::any;
use domain::Timestamp;
use tokio::sync::mpsc;

use crate::servers::{handler, message, order, serve, settings};

/// Answers `/422` with status 422 and so on, with a JSON body and a `Retry-After`.
fn statuses() -> Router {
    let answer = |Path(status): Path<u16>| async move {
        let mut response = Response::new(Body::from(r#"{"message":"as the test wants"}"#));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
            .headers_mut()
            .insert("retry-after", "7".parse().unwrap());
        response
    };
    Router::new().route("/{status}", any(answer))
}

#[tokio::test]
async fn each_row_of_the_outcome_table() {
    let (url, _server) = serve(statuses()).await;
    for status in [200, 201, 202] {
        let outcome = handler(format!("{url}/{status}")).handle(&order()).await;
        let result = Some(Arc::from(r#"{"message":"as the test wants"}"#));
        assert_eq!(outcome, Outcome::Done { result }, "{status}");
    }
    let no_content = handler(format!("{url}/204")).handle(&order()).await;
    assert_eq!(no_content, Outcome::Done { result: None });
    for status in [400, 406, 410, 412, 415, 418, 422, 428, 451] {
        match handler(format!("{url}/{status}")).handle(&order()).await {
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
        match handler(format!("{url}/{status}")).handle(&order()).await {
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
    for (header, scope) in [
        (None, FaultScope::Endpoint),
        (Some("soon"), FaultScope::Endpoint),
        (Some("0"), FaultScope::Busy),
    ] {
        let answer = move || async move {
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            if let Some(text) = header {
                let headers = response.headers_mut();
                headers.insert("retry-after", text.parse().unwrap());
            }
            response
        };
        let (url, _server) = serve(Router::new().route("/", any(answer))).await;
        match handler(url).handle(&order()).await {
            Outcome::Retry { scope: found, .. } => assert_eq!(found, scope, "{header:?}"),
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
        let location = [("location", "https://user:s3cret@example.com/new\u{1}")];
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
