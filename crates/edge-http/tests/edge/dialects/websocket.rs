//! The separate WebSocket port as clients of orderSystem use it: an id in, one answer out once the order is over.

use domain::{OrderCommand, OrderId};
use serde_json::{Value, json};

use crate::server::Server;
use crate::server::client;
use crate::sockets::{Socket, change};

const UNKNOWN: &str = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";

async fn place(server: &Server, json: &str) -> OrderId {
    let client = client();
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
    let server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await;
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
    let server = Server::streaming(|_, _| {}).await;
    let mut socket = server.separate_socket().await;
    let failed = server.place_of("alice").await;
    socket.say(&failed.to_string()).await;
    socket.is_heard().await;
    server.fail(failed).await;
    assert_eq!(
        socket.next().await,
        json!({"order_id": failed.to_string(), "status": "FAILED"})
    );
    server.apply(failed, &[OrderCommand::Replay]).await;
    server.work_off(10).await;
    assert_eq!(
        socket.next().await,
        json!({"order_id": failed.to_string(), "status": "PROCESSED"})
    );
    let cancelled = server.place_of("alice").await;
    socket.say(&cancelled.to_string()).await;
    socket.is_heard().await;
    server.apply(cancelled, &[OrderCommand::Cancel]).await;
    let told = json!({"order_id": cancelled.to_string(), "status": "CANCELLED"});
    assert_eq!(socket.next().await, told);
}

#[tokio::test]
async fn a_number_of_before_is_answered_under_that_number() {
    let server = Server::streaming(|_, _| {}).await;
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
    let server = Server::streaming(|_, _| {}).await;
    let (awaited, watched) = (server.place_of("alice").await, server.place_of("bob").await);
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
    let mut server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await;
    let mut socket = server.separate_socket().await;
    socket.say(&id.to_string()).await;
    socket.is_heard().await;
    let (closed, _) = tokio::join!(socket.closed(), server.stop());
    let (texts, closing) = closed;
    assert!(texts.is_empty(), "{texts:?}");
    assert_eq!(u16::from(closing.unwrap().0), 1012);
}

/// Says every name of an order before the order is there; its number is nobody's until then.
async fn all_names_said(server: &Server, names: [&str; 3]) -> Socket {
    let [id, in_capitals, number] = names;
    let mut socket = server.separate_socket().await;
    for name in [id, in_capitals, id] {
        socket.say(name).await;
    }
    assert!(socket.is_heard().await.is_empty());
    socket.say(number).await;
    assert_eq!(socket.next().await["error"]["code"], "unknown_order");
    let id = OrderId::parse(id).unwrap();
    server.place_as(id, "alice", number).await;
    socket.say(number).await;
    assert!(socket.is_heard().await.is_empty(), "it is not over yet");
    assert_eq!(server.hub.watched_topics(), 1, "they name one order");
    socket
}

#[tokio::test]
async fn an_order_that_is_yet_to_come_is_told_once_under_each_of_its_names() {
    let server = Server::streaming(|_, _| {}).await;
    let in_capitals = UNKNOWN.to_uppercase();
    let names = [UNKNOWN, in_capitals.as_str(), "1001"];
    let mut socket = all_names_said(&server, names).await;
    let mut stranger = server.separate_socket().await;
    stranger.say(UNKNOWN).await;
    assert!(stranger.is_heard().await.is_empty());
    server.work_off(10).await;
    for name in names {
        let told = json!({"order_id": name, "status": "PROCESSED"});
        assert_eq!(socket.next().await, told);
    }
    assert!(socket.is_heard().await.is_empty());
    // Another socket hears the name that it gave itself.
    let told = json!({"order_id": UNKNOWN, "status": "PROCESSED"});
    assert_eq!(stranger.next().await, told);
    assert!(stranger.is_heard().await.is_empty());
    assert_eq!(server.hub.watched_topics(), 0, "nothing more can come");
}

#[tokio::test]
async fn a_dead_letter_keeps_all_of_its_names_for_what_a_replay_makes_of_it() {
    let server = Server::streaming(|_, _| {}).await;
    let in_capitals = UNKNOWN.to_uppercase();
    let names = [UNKNOWN, in_capitals.as_str(), "1001"];
    let mut socket = all_names_said(&server, names).await;
    let id = OrderId::parse(UNKNOWN).unwrap();
    server.fail(id).await;
    for name in names {
        let told = json!({"order_id": name, "status": "FAILED"});
        assert_eq!(socket.next().await, told);
    }
    server.apply(id, &[OrderCommand::Replay]).await;
    server.work_off(10).await;
    for name in names {
        let told = json!({"order_id": name, "status": "PROCESSED"});
        assert_eq!(socket.next().await, told);
    }
    assert!(socket.is_heard().await.is_empty());
}

#[tokio::test]
async fn a_command_for_an_order_takes_the_place_of_all_of_its_names() {
    let server = Server::streaming(|_, _| {}).await;
    let in_capitals = UNKNOWN.to_uppercase();
    let mut socket = all_names_said(&server, [UNKNOWN, &in_capitals, "1001"]).await;
    let target = format!(r#"{{"order_ids":["{UNKNOWN}"]}}"#);
    socket.say(&format!(r#"{{"subscribe":{target}}}"#)).await;
    let of_order = |version, status: &str| (UNKNOWN.to_owned(), version, status.to_owned());
    assert_eq!(socket.next_change().await, of_order(1, "PENDING"));
    server.work_off(10).await;
    assert_eq!(socket.next_change().await, of_order(2, "PROCESSING"));
    assert_eq!(socket.next_change().await, of_order(3, "PROCESSED"));
    assert_eq!(socket.is_heard().await, [] as [Value; 0]);
}

#[tokio::test]
async fn unsubscribing_an_order_lets_all_of_its_names_go() {
    let server = Server::streaming(|_, _| {}).await;
    let in_capitals = UNKNOWN.to_uppercase();
    let mut socket = all_names_said(&server, [UNKNOWN, &in_capitals, "1001"]).await;
    let target = format!(r#"{{"order_ids":["{UNKNOWN}"]}}"#);
    socket.say(&format!(r#"{{"unsubscribe":{target}}}"#)).await;
    assert!(socket.is_heard().await.is_empty());
    assert_eq!(server.hub.watched_topics(), 0);
    server.work_off(10).await;
    assert_eq!(socket.is_heard().await, [] as [Value; 0], "it was let go");
    // Who asks late is answered, under the name of now alone.
    socket.say("1001").await;
    let told = json!({"order_id": "1001", "status": "PROCESSED"});
    assert_eq!(socket.next().await, told);
    assert!(socket.is_heard().await.is_empty());
}

/// A client that waits for an order and watches all is told where to resume, however often it named the order.
#[tokio::test]
async fn a_stopping_server_tells_where_to_resume_who_watches_beside_what_it_waits_for() {
    let mut server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await.to_string();
    let mut socket = server.separate_socket().await;
    socket.say(&id).await;
    socket.say(&id.to_uppercase()).await;
    socket.say(r#"{"subscribe":{"all":true}}"#).await;
    assert!(socket.next().await["subscribed"].is_object());
    server.stop().await;
    let (texts, _) = socket.closed().await;
    let last = texts.last().expect("it says goodbye");
    assert!(last["reconnect"]["cursor"].is_string(), "{texts:?}");
}

#[tokio::test]
async fn an_order_s_names_have_the_bound_of_topics() {
    let server = Server::streaming(|edge, _| edge.tuning.live.max_topics = 3).await;
    let mut socket = server.separate_socket().await;
    for name in [
        UNKNOWN,
        &UNKNOWN.to_uppercase(),
        UNKNOWN,
        &UNKNOWN.replace('a', "A"),
    ] {
        socket.say(name).await;
    }
    assert!(socket.is_heard().await.is_empty(), "three names, one twice");
    socket.say(&UNKNOWN.replace('b', "B")).await;
    assert_eq!(socket.close_code().await, 1008);
}
