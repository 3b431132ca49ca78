//! What clients see of an order that was erased: nothing of the order, and changes without user and status.

use std::time::Duration;

use domain::{OrderCommand, OrderId};
use serde_json::{Value, json};

use crate::answer::{Answer, send};
use crate::contract::Contract;
use crate::server::Server;
use crate::server::client;

async fn get(server: &Server, path: &str) -> Answer {
    send(client().get(format!("http://{}{path}", server.address))).await
}

/// The data of every `event: status` in the text of a stream.
fn changes(text: &str) -> Vec<Value> {
    let changes = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap());
    let changes: Vec<Value> = changes.collect();
    for change in &changes {
        Contract::get().validate_as("StatusChange", change);
    }
    changes
}

async fn failed(server: &Server) -> OrderId {
    let id = server.place_of("alice").await;
    server.fail(id).await;
    id
}

#[tokio::test]
async fn an_erased_order_is_gone_and_counted_as_erased_alone() {
    let server = Server::streaming(|_, _| {}).await;
    let id = failed(&server).await;
    let kept = server.place_of("bob").await;
    server.erase(id).await;
    for path in ["", "/events", "/receipt", "/stream"] {
        let answer = get(&server, &format!("/v1/orders/{id}{path}")).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text.contains("alice"));
    }
    let listed = get(&server, "/v1/orders").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["id"], kept.to_string());
    let stats = get(&server, "/v1/stats").await.json();
    assert_eq!(
        (&stats["accepted"], &stats["failed"], &stats["erased"]),
        (&json!(1), &json!(0), &json!(1))
    );
}

#[tokio::test]
async fn watchers_get_the_erasure_without_user_and_status() {
    let server = Server::streaming(|_, _| {}).await;
    let id = failed(&server).await;
    let client = client();
    let url = format!("http://{}/v1/orders/{id}/stream", server.address);
    let stream = client.get(url).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let mut of_order = server.subscribed(&id.to_string()).await;
    assert_eq!(of_order.next_change().await.2, "FAILED");
    let mut of_all = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    assert!(of_all.next().await["subscribed"].is_object());
    server.erase(id).await;
    for socket in [&mut of_order, &mut of_all] {
        let change = socket.next().await;
        assert_eq!(change["order_id"], id.to_string());
        assert_eq!(change["version"], 4);
        assert_eq!(
            (&change["status"], &change["user_id"]),
            (&Value::Null, &Value::Null)
        );
    }
    // The stream of the order ends with it: nothing can follow.
    let text = tokio::time::timeout(Duration::from_secs(20), stream.text());
    let changes = changes(&text.await.expect("the stream ends").unwrap());
    let statuses: Vec<_> = changes.iter().map(|change| &change["status"]).collect();
    assert_eq!(statuses, [&json!("FAILED"), &Value::Null]);
}

#[tokio::test]
async fn a_client_that_resumes_gets_tombstones_in_place_of_what_was_erased() {
    let server = Server::streaming(|_, _| {}).await;
    let mut before = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    let cursor = before.next().await["subscribed"]["cursor"].clone();
    let id = failed(&server).await;
    let kept = server.place_of("bob").await;
    server.erase(id).await;
    server.apply(kept, &[OrderCommand::Cancel]).await;
    let command = json!({"subscribe": {"all": true, "cursor": cursor}});
    let mut resumed = server.subscribed(&command.to_string()).await;
    let mut seen = Vec::new();
    while seen.len() < 6 {
        let frame = resumed.next().await;
        if frame["order_id"].is_string() {
            seen.push(frame);
        }
    }
    let (erased, others): (Vec<_>, Vec<_>) = seen
        .into_iter()
        .partition(|change| change["order_id"] == id.to_string());
    let versions: Vec<_> = erased.iter().map(|change| &change["version"]).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    assert!(erased.iter().all(|change| change["user_id"].is_null()));
    assert_eq!(erased[3]["status"], Value::Null);
    assert!(others.iter().all(|change| change["user_id"] == "bob"));
}

#[tokio::test]
async fn a_client_that_waits_for_an_erased_order_gets_no_more_about_it() {
    let server = Server::streaming(|_, _| {}).await;
    let id = failed(&server).await;
    let mut socket = server.separate_socket().await;
    socket.say(&id.to_string()).await;
    assert_eq!(
        socket.next().await,
        json!({"order_id": id.to_string(), "status": "FAILED"})
    );
    let mut watching = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    assert!(watching.next().await["subscribed"].is_object());
    server.erase(id).await;
    assert_eq!(watching.next_change().await.2, "erased");
    assert!(socket.is_heard().await.is_empty());
}
