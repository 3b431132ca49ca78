//! A store that is full, gone, slow or broken, as clients see it.

use std::time::Duration;

use application::ports::StoreError;
use domain::ShardId;

use crate::answer::send;
use crate::server::Server;
use port_conformance::faulty::FaultMode;

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;
const SECRET: &str = "postgres://user:secret@db";

#[tokio::test]
async fn what_may_pass_is_503_with_retry_after_and_says_whether_it_was_done() {
    let server = Server::start().await;
    let reason = || SECRET.to_owned();
    for (error, code) in [
        (StoreError::Overloaded { limit: 7 }, "overloaded"),
        (StoreError::Expired, "deadline_passed"),
        (
            StoreError::Unavailable {
                shard: ShardId(0),
                reason: reason(),
            },
            "store_unavailable",
        ),
        (
            StoreError::Unknown {
                shard: ShardId(0),
                reason: reason(),
            },
            "outcome_unknown",
        ),
        (
            StoreError::Full {
                shard: ShardId(0),
                reason: reason(),
            },
            "store_full",
        ),
    ] {
        server.store_becomes(FaultMode::Failing(error));
        for answer in [
            server.post("/v1/orders", ORDER).await,
            server.get("/v1/orders").await,
            server.get("/v1/stats").await,
        ] {
            assert_eq!((answer.status, answer.code().as_str()), (503, code));
            assert_eq!(answer.header("retry-after"), "1");
            assert!(!answer.text.contains(SECRET), "{}", answer.text);
        }
    }
    server.store_becomes(FaultMode::Well);
    assert_eq!(server.post("/v1/orders", ORDER).await.status, 201);
}

#[tokio::test]
async fn what_cannot_be_read_is_500_without_its_reason() {
    let server = Server::start().await;
    server.store_becomes(FaultMode::Failing(StoreError::Corrupt {
        shard: ShardId(0),
        reason: SECRET.to_owned(),
    }));
    let answer = server.get("/v1/orders").await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
    assert!(!answer.text.contains(SECRET));
}

#[tokio::test]
async fn a_panic_is_one_500_and_the_server_stays_up() {
    let server = Server::start().await;
    server.store_becomes(FaultMode::Panicking);
    for answer in [
        server.get("/v1/stats").await,
        server.post("/v1/orders", ORDER).await,
    ] {
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
        assert!(!answer.text.contains("panics because"));
    }
    server.store_becomes(FaultMode::Well);
    assert_eq!(server.post("/v1/orders", ORDER).await.status, 201);
}

#[tokio::test]
async fn past_its_deadline_a_request_is_told_so() {
    let server =
        Server::with(|settings| settings.request_deadline = Duration::from_millis(100)).await;
    server.store_becomes(FaultMode::Slow(Duration::from_millis(700)));
    let write = server.post("/v1/orders", ORDER).await;
    assert_eq!(
        (write.status, write.code().as_str()),
        (503, "outcome_unknown")
    );
    let read = server.get("/v1/stats").await;
    assert_eq!(
        (read.status, read.code().as_str()),
        (503, "deadline_passed")
    );
}

#[tokio::test]
async fn a_key_that_is_still_under_way_past_the_deadline_is_409() {
    let server =
        Server::with(|settings| settings.request_deadline = Duration::from_millis(200)).await;
    server.store_becomes(FaultMode::Slow(Duration::from_millis(700)));
    let keyed = || {
        send(
            server
                .post_request("/v1/orders", ORDER)
                .header("idempotency-key", "k"),
        )
    };
    let answers = tokio::join!(keyed(), keyed());
    let in_flight = [&answers.0, &answers.1]
        .into_iter()
        .find(|answer| answer.status == 409)
        .unwrap();
    assert_eq!(in_flight.code(), "idempotency_key_in_flight");
    assert_eq!(in_flight.header("retry-after"), "1");
}

#[tokio::test]
async fn probes_tell_a_process_from_its_store() {
    let server =
        Server::with(|settings| settings.tuning.probe_timeout = Duration::from_millis(100)).await;
    for mode in [
        FaultMode::Failing(StoreError::Unavailable {
            shard: ShardId(0),
            reason: SECRET.to_owned(),
        }),
        FaultMode::Slow(Duration::from_secs(5)),
    ] {
        server.store_becomes(mode);
        assert_eq!(server.get("/livez").await.status, 200);
        let ready = server.get("/readyz").await;
        assert_eq!(
            (ready.status, ready.code().as_str()),
            (503, "store_unavailable")
        );
        assert_eq!(ready.header("retry-after"), "1");
        let health = server.get("/health").await;
        assert_eq!(health.status, 503);
        assert!(!health.text.contains(SECRET), "{}", health.text);
        let health = health.json();
        assert_eq!(health["status"], "unavailable");
        assert_eq!(health["store"], "unreachable");
        assert_eq!(health["reasons"][0]["code"], "shard_unavailable");
    }
}
