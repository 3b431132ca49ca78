//! The separate WebSocket port as clients of orderSystem use it: an id in, one answer out once the order is over.

use domain::{OrderId, Steering};
use serde_json::json;

use crate::live_server::{LiveServer, change};

const UNKNOWN: &str = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";

async fn place(server: &LiveServer, json: &str) -> OrderId {
    let client = reqwest::Client::new();
    let request = client
        .post(format!("http://{}/v1/orders", server.address))
        .header("content-type", "application/json")
        .body(json.to_owned());
    let answer = request.send().await.unwrap().text().await.unwrap();
    let order: serde_json::Value = serde_json::from_str(&answer).unwrap();
    OrderId::parse(order["id"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn an_id_is_answered_once_when_its_order_is_processed() {
    let server = LiveServer::start().await;
    let id = server.place("alice").await;
    let mut socket = server.separate_socket().await;
    socket.say(&id.to_string()).await;
    assert_eq!(
        socket.is_heard().await,
        [] as [serde_json::Value; 0],
        "it is not over yet"
    );
    server.work_off(10).await;
    let over = json!({"order_id": id.to_string(), "status": "PROCESSED"});
    assert_eq!(socket.next().await, over);
    assert!(socket.is_heard().await.is_empty());
    // Late, or again, and in quotes: the same answer, at once.
    socket.say(&format!("\"{id}\"")).await;
    assert_eq!(socket.next().await, over);
    assert!(socket.is_heard().await.is_empty());
}

#[tokio::test]
async fn a_dead_letter_is_told_and_so_is_what_a_replay_makes_of_it() {
    let server = LiveServer::start().await;
    let mut socket = server.separate_socket().await;
    let failed = server.place("alice").await;
    socket.say(&failed.to_string()).await;
    socket.is_heard().await;
    server.fail(failed).await;
    assert_eq!(
        socket.next().await,
        json!({"order_id": failed.to_string(), "status": "FAILED"})
    );
    server.steer(failed, Steering::Replay).await;
    server.work_off(10).await;
    assert_eq!(
        socket.next().await,
        json!({"order_id": failed.to_string(), "status": "PROCESSED"})
    );
    let cancelled = server.place("alice").await;
    socket.say(&cancelled.to_string()).await;
    socket.is_heard().await;
    server.steer(cancelled, Steering::Cancel).await;
    let told = json!({"order_id": cancelled.to_string(), "status": "CANCELLED"});
    assert_eq!(socket.next().await, told);
}

#[tokio::test]
async fn a_number_of_before_is_answered_under_that_number() {
    let server = LiveServer::start().await;
    place(
        &server,
        r#"{"user_id":"a","external_id":"1001","amount":1}"#,
    )
    .await;
    let mut socket = server.separate_socket().await;
    socket.say("1001").await;
    assert!(socket.is_heard().await.is_empty());
    server.work_off(10).await;
    assert_eq!(
        socket.next().await,
        json!({"order_id": "1001", "status": "PROCESSED"})
    );
    socket.say("1002").await;
    assert_eq!(socket.next().await["error"]["code"], "unknown_order");
    // A well-formed id may yet come.
    socket.say(UNKNOWN).await;
    assert!(socket.is_heard().await.is_empty());
}

#[tokio::test]
async fn commands_work_beside_it_and_ids_on_the_main_port_stay_subscriptions() {
    let server = LiveServer::start().await;
    let (awaited, watched) = (server.place("alice").await, server.place("bob").await);
    let mut socket = server.separate_socket().await;
    socket.say(&awaited.to_string()).await;
    socket
        .say(&format!(r#"{{"subscribe":{{"order_ids":["{watched}"]}}}}"#))
        .await;
    let first = change(&socket.next().await).unwrap();
    assert_eq!((first.0, first.1), (watched.to_string(), 1));
    server.work_off(10).await;
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.push(socket.next().await);
    }
    let short: Vec<_> = frames
        .iter()
        .filter(|frame| frame.get("version").is_none())
        .collect();
    assert_eq!(
        short,
        [&json!({"order_id": awaited.to_string(), "status": "PROCESSED"})]
    );
    let mut main = server.subscribed(&awaited.to_string()).await;
    assert_eq!(
        main.next_change().await,
        (awaited.to_string(), 3, "PROCESSED".to_owned())
    );
}

#[tokio::test]
async fn a_server_that_stops_sends_no_frame_that_the_dialect_does_not_know() {
    let mut server = LiveServer::start().await;
    let id = server.place("alice").await;
    let mut socket = server.separate_socket().await;
    socket.say(&id.to_string()).await;
    socket.is_heard().await;
    let (closed, _) = tokio::join!(socket.closed(), server.stop());
    let (texts, closing) = closed;
    assert!(texts.is_empty(), "{texts:?}");
    assert_eq!(u16::from(closing.unwrap().0), 1012);
}
