//! What is refused behind the edge: by the store, by the store of receipts, by others who want the same.

use std::sync::Arc;
use std::time::Duration;

use application::Receipts;
use port_conformance::faulty::{FaultMode, UnreachableReceipts};
use serde_json::json;

use crate::answer::send;
use crate::server::{Server, client};

const ORDER: &str = r#"{"user_id":"a","amount":1}"#;
const SECRET: &str = "https://key:secret@receipts";

async fn placed(server: &Server) -> String {
    server.place(ORDER).await["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_changes_an_order_that_others_change_all_the_time_is_409_and_changes_nothing() {
    let server = Server::start().await;
    let id = placed(&server).await;
    let cancel = format!("/v1/orders/{id}/cancel");
    server.store_becomes(FaultMode::Overtaken);
    let answer = server.post(&cancel, "").await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "contended"));
    assert_eq!(answer.header("retry-after"), "1");
    // Whoever expects a version hears instead that it has passed.
    let read = server.get(&format!("/v1/orders/{id}")).await;
    let guarded = server
        .request("POST", &cancel)
        .header("if-match", read.header("etag"));
    let answer = send(guarded).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (412, "version_mismatch")
    );
    server.store_becomes(FaultMode::Well);
    let order = server.get(&format!("/v1/orders/{id}")).await.json();
    assert_ne!(order["status"], "CANCELLED");
    assert!(order["version"].as_u64() > read.json()["version"].as_u64());
    assert_eq!(server.post(&cancel, "").await.status, 200);
}

#[tokio::test]
async fn an_order_that_the_store_cannot_hold_is_422_and_alone() {
    let server = Server::start().await;
    server.store_becomes(FaultMode::Refusing(SECRET.to_owned()));
    let answer = server.post("/v1/orders", ORDER).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (422, "refused_by_store")
    );
    assert_eq!(answer.header("retry-after"), "");
    assert!(!answer.text.contains(SECRET), "{}", answer.text);
    let answer = server.post("/v1/orders/batch", format!("[{ORDER}]")).await;
    let batch = answer.json();
    assert_eq!((answer.status, &batch["refused"]), (200, &json!(1)));
    assert_eq!(batch["results"][0]["error"]["code"], "refused_by_store");
    assert!(!answer.text.contains(SECRET), "{}", answer.text);
    server.store_becomes(FaultMode::Well);
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 0);
    assert_eq!(server.post("/v1/orders", ORDER).await.status, 201);
}

#[tokio::test]
async fn receipts_that_cannot_be_reached_are_503_and_no_history_comes_in_without_them() {
    let receipts = Receipts::Outside(Arc::new(UnreachableReceipts(SECRET)));
    let server = Server::before(receipts, |_| {}).await;
    let id = placed(&server).await;
    server.process_everything().await;
    let answer = server.get(&format!("/v1/orders/{id}/receipt")).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "receipt_store_unavailable")
    );
    assert_eq!(answer.header("retry-after"), "1");
    assert!(!answer.text.contains(SECRET), "{}", answer.text);
    let row = r#"[{"user_id":"a","amount":1,"history":{"status":"PROCESSED","created_at":"2010-12-01T08:26:00Z"}}]"#;
    let answer = server.post("/v1/orders/batch", row).await;
    let batch = answer.json();
    assert_eq!((answer.status, &batch["unavailable"]), (200, &json!(1)));
    let error = &batch["results"][0]["error"];
    assert_eq!(error["code"], "receipt_store_unavailable");
    assert!(!answer.text.contains(SECRET), "{}", answer.text);
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
}

#[tokio::test]
async fn more_watchers_that_read_what_they_missed_than_may_be_are_503() {
    let server = Server::streaming(|_, watch| {
        watch.tuning.resuming_reads = 0;
        watch.tuning.join_timeout = Duration::from_millis(300);
    })
    .await;
    server.place_many("a", 3).await;
    let stream = || client().get(format!("http://{}/v1/stream", server.address));
    // Somebody watches already, so that nobody below waits for the hub instead of for a turn.
    let followed = async {
        loop {
            let watching = stream().send().await.unwrap();
            if watching.status() == 200 {
                return watching;
            }
        }
    };
    let watching = tokio::time::timeout(Duration::from_secs(20), followed).await;
    let _watching = watching.expect("the hub is there");
    let cursor = server.cursor_at(1).await;
    let answer = send(stream().header("last-event-id", &cursor)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "too_many_resuming")
    );
    assert_eq!(answer.header("retry-after"), "1");
    // A socket stays, and may ask again.
    let subscribe = format!(r#"{{"subscribe":{{"all":true,"cursor":"{cursor}"}}}}"#);
    let mut socket = server.subscribed(&subscribe).await;
    assert_eq!(socket.next().await["error"]["code"], "busy");
    socket.say(r#"{"subscribe":{"all":true}}"#).await;
    assert!(socket.next().await["subscribed"].is_object());
}
