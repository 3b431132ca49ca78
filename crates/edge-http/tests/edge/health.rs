//! `/health`, `/readyz` and what `/v1/stats` says of the processing of orders: the state, with a reason for whatever is not
//! as it should be.

use std::time::Duration;

use application::health::{Breaker, EndpointState, HandlerState, WorkSnapshot};
use application::ports::StoreError;
use domain::ShardId;
use port_conformance::faulty::FaultMode;
use serde_json::{Value, json};

use crate::answer::send;
use crate::server::{Server, answering, well};

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;
const SECRET: &str = "/srv/orders: No space left on device";

/// The codes of a body's reasons.
fn codes(body: &Value) -> Vec<&str> {
    let reasons = body["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|reason| {
            assert!(!reason["detail"].as_str().unwrap().is_empty());
            reason["code"].as_str().unwrap()
        })
        .collect()
}

/// Holds `/health` and `/v1/stats` to the same reasons; the body of `/health`.
async fn health(server: &Server, status: &str, reasons: &[&str]) -> Value {
    let answer = server.get("/health").await;
    let expected = if status == "unavailable" { 503 } else { 200 };
    assert_eq!(answer.status, expected, "{}", answer.text);
    let health = answer.json();
    assert_eq!(health["status"], status, "{health}");
    assert_eq!(codes(&health), reasons);
    let stats = server.get("/v1/stats").await.json();
    assert_eq!(stats["degraded"], status != "healthy", "{stats}");
    assert_eq!(codes(&stats), reasons);
    assert_eq!(stats["breaker"], health["breaker"]);
    assert_eq!(stats["busy_pause_ms"], health["busy_pause_ms"]);
    health
}

#[tokio::test]
async fn an_open_breaker_degrades_the_server_and_shows_its_next_probe() {
    let server = Server::start().await;
    let healthy = health(&server, "healthy", &[]).await;
    assert_eq!(
        healthy["breaker"],
        json!({"state": "closed", "since": "2026-01-31T12:00:00.000Z", "consecutive_faults": 0, "next_probe_ms": null})
    );
    server.work_becomes(WorkSnapshot {
        handler: HandlerState::Http(EndpointState {
            breaker: Breaker::Open,
            consecutive_faults: 12,
            next_probe: Some(Duration::from_millis(850)),
            ..answering()
        }),
        ..well()
    });
    let degraded = health(&server, "degraded", &["breaker_open"]).await;
    assert_eq!(
        degraded["breaker"],
        json!({"state": "open", "since": "2026-01-31T12:00:00.000Z", "consecutive_faults": 12, "next_probe_ms": 850})
    );
    assert_eq!(
        server.get("/readyz").await.status,
        200,
        "orders are taken nevertheless"
    );
    server.work_becomes(well());
    health(&server, "healthy", &[]).await;
}

#[tokio::test]
async fn a_busy_endpoint_and_a_receipt_store_that_is_away_are_reasons() {
    let server = Server::start().await;
    server.work_becomes(WorkSnapshot {
        handler: HandlerState::Http(EndpointState {
            busy_pause: Some(Duration::from_secs(30)),
            ..answering()
        }),
        receipts_reachable: false,
    });
    let reasons = ["endpoint_busy", "receipts_unavailable"];
    let degraded = health(&server, "degraded", &reasons).await;
    assert_eq!(degraded["busy_pause_ms"], 30_000);
}

#[tokio::test]
async fn a_handler_that_calls_nobody_is_said_and_is_no_fault() {
    let server = Server::start().await;
    server.work_becomes(WorkSnapshot {
        handler: HandlerState::None,
        ..well()
    });
    let healthy = health(&server, "healthy", &[]).await;
    assert_eq!(healthy["handler"]["kind"], "none");
    let note = healthy["handler"]["note"].as_str().unwrap();
    assert!(
        note.contains("count as processed without calling anybody"),
        "{note}"
    );
    assert!(note.contains("handler.kind"), "{note}");
    assert_eq!(healthy["breaker"], Value::Null);
    server.work_becomes(WorkSnapshot {
        handler: HandlerState::Elsewhere,
        ..well()
    });
    let healthy = health(&server, "healthy", &[]).await;
    assert_eq!(healthy["handler"], Value::Null);
}

#[tokio::test]
async fn work_that_is_late_degrades_the_server_and_its_age_is_shown() {
    let server = Server::with(|settings| settings.late_after = Some(Duration::ZERO)).await;
    let healthy = health(&server, "healthy", &[]).await;
    assert_eq!(healthy["oldest_due_age_ms"], Value::Null);
    server.place(ORDER).await;
    server.fail_everything("declined").await;
    let id = server.get("/v1/dead-letters").await.json()["data"][0]["id"].clone();
    let replay = format!("/v1/dead-letters/{}/replay", id.as_str().unwrap());
    assert_eq!(server.post(&replay, "").await.status, 200);
    let degraded = health(&server, "degraded", &["work_is_late"]).await;
    assert!(degraded["oldest_due_age_ms"].as_u64().unwrap() < 60_000);
    let stats = server.get("/v1/stats").await.json();
    assert!(stats["oldest_due_age_ms"].is_u64(), "{stats}");
    server.process_everything().await;
    health(&server, "healthy", &[]).await;
}

#[tokio::test]
async fn work_is_not_late_before_the_time_that_is_set_nor_without_one() {
    for late_after in [Some(Duration::from_secs(600)), None] {
        let server = Server::with(|settings| settings.late_after = late_after).await;
        server.place(ORDER).await;
        health(&server, "healthy", &[]).await;
    }
}

#[tokio::test]
async fn while_commits_fail_the_server_is_not_ready_and_it_recovers_by_itself() {
    let server = Server::start().await;
    let reason = || SECRET.to_owned();
    let shard = ShardId(0);
    for (error, problem, code, word) in [
        (
            StoreError::Full {
                shard,
                reason: reason(),
            },
            "store_full",
            "store_full",
            "full",
        ),
        (
            StoreError::Unavailable {
                shard,
                reason: reason(),
            },
            "store_unavailable",
            "commits_fail",
            "commits_fail",
        ),
    ] {
        server.store_becomes(FaultMode::CommitsFailing(error));
        assert_eq!(
            server.get("/readyz").await.status,
            200,
            "no commit has failed"
        );
        let refused = server.post("/v1/orders", ORDER).await;
        assert_eq!((refused.status, refused.code().as_str()), (503, problem));
        let ready = server.get("/readyz").await;
        assert_eq!((ready.status, ready.code().as_str()), (503, problem));
        for answer in [&refused, &ready] {
            assert_eq!(answer.header("retry-after"), "1");
            assert!(!answer.text.contains(SECRET), "{}", answer.text);
        }
        let unavailable = health(&server, "unavailable", &[code]).await;
        assert_eq!(unavailable["store"], "reachable", "reads go on");
        assert_eq!(unavailable["shards"], json!([{"shard": 0, "status": word}]));
        assert!(!unavailable.to_string().contains(SECRET));
        server.store_becomes(FaultMode::Well);
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        while server.get("/readyz").await.status != 200 {
            assert!(
                tokio::time::Instant::now() < patience,
                "it is ready again by itself"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        health(&server, "healthy", &[]).await;
    }
    assert_eq!(server.post("/v1/orders", ORDER).await.status, 201);
}

#[tokio::test]
async fn our_health_follows_the_rules_of_our_addresses() {
    let server = Server::start().await;
    let answer = server.get("/health").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert!(!answer.text.contains("service"), "{}", answer.text);
    let posted = send(server.request("POST", "/health")).await;
    assert_eq!(posted.code(), "method_not_allowed");
    assert_eq!(posted.header("allow"), "GET, HEAD");
    assert_eq!(server.get("/health?verbose").await.code(), "invalid_query");
    let typed = send(
        server
            .request("GET", "/health")
            .header("accept", "text/html"),
    );
    assert_eq!(typed.await.code(), "not_acceptable");
}
