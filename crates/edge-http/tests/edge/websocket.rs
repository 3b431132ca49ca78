//! WebSocket: what is said is done, what is bad is answered, nothing is missed.

use std::time::Duration;

use domain::OrderCommand;
use edge_http::EdgeSettings;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};

use crate::server::Server;
use crate::server::client;
use crate::sockets::change;

#[tokio::test]
async fn an_id_bare_or_quoted_subscribes_and_tells_the_present_status_first() {
    let server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await;
    server.apply(id, &[OrderCommand::Hold]).await;
    for text in [id.to_string(), format!("\"{id}\"")] {
        let mut socket = server.subscribed(&text).await;
        let frame = socket.next().await;
        assert_eq!(
            change(&frame),
            Some((id.to_string(), 2, "ON_HOLD".to_owned()))
        );
        assert_eq!(frame["user_id"], "alice");
        assert!(frame["occurred_at"].is_string() && frame["cursor"].is_string());
        assert_eq!(frame.as_object().unwrap().len(), 6);
    }
    let mut socket = server.subscribed(&id.to_string()).await;
    socket.next().await;
    server.apply(id, &[OrderCommand::Release]).await;
    server.work_off(1).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(socket.next_change().await);
    }
    let expected = [(3, "PENDING"), (4, "PROCESSING"), (5, "PROCESSED")];
    assert_eq!(
        seen,
        expected.map(|(version, status)| (id.to_string(), version, status.to_owned()))
    );
}

#[tokio::test]
async fn users_and_everything_are_watched_and_unwatched() {
    let server = Server::streaming(|_, _| {}).await;
    let mut of_user = server
        .subscribed(r#"{"subscribe":{"user_id":"alice"}}"#)
        .await;
    let mut of_all = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    assert!(of_user.next().await["subscribed"]["cursor"].is_string());
    assert!(of_all.next().await["subscribed"]["cursor"].is_string());
    let bobs = server.place_of("bob").await;
    let alices = server.place_of("alice").await;
    assert_eq!(of_user.next_change().await.0, alices.to_string());
    assert_eq!(of_all.next_change().await.0, bobs.to_string());
    assert_eq!(of_all.next_change().await.0, alices.to_string());

    of_all.say(r#"{"unsubscribe":{"all":true}}"#).await;
    assert!(of_all.is_heard().await.is_empty());
    server.place_of("carol").await;
    of_all
        .say(&format!(
            r#"{{"subscribe":{{"order_ids":["{bobs}","{alices}"]}}}}"#
        ))
        .await;
    assert_eq!(of_all.next_change().await.0, bobs.to_string());
    assert_eq!(of_all.next_change().await.0, alices.to_string());
    assert_eq!(server.hub.watched_topics(), 3);
    drop((of_user, of_all));
    for _ in 0..100 {
        if server.hub.watchers() == 0 {
            assert_eq!(server.hub.watched_topics(), 0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} watchers are left", server.hub.watchers());
}

#[tokio::test]
async fn what_was_missed_is_resumed_from_a_version_and_from_a_cursor() {
    let server = Server::streaming(|_, _| {}).await;
    let mut first = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    let begin = first.next().await["subscribed"]["cursor"].clone();
    let id = server.place_of("alice").await;
    server.apply(id, &[OrderCommand::Hold]).await;
    let cursor = first.next().await["cursor"].clone();
    server.place_of("bob").await;
    server.apply(id, &[OrderCommand::Release]).await;

    let mut by_version = server
        .subscribed(&format!(
            r#"{{"subscribe":{{"order_ids":["{id}"],"from_version":1}}}}"#
        ))
        .await;
    assert_eq!(by_version.next_change().await.1, 2);
    assert_eq!(by_version.next_change().await.1, 3);

    for (from, expected) in [(&begin, vec![1, 2, 1, 3]), (&cursor, vec![2, 1, 3])] {
        let text = format!(r#"{{"subscribe":{{"all":true,"cursor":{from}}}}}"#);
        let mut socket = server.subscribed(&text).await;
        for version in expected {
            assert_eq!(socket.next_change().await.1, version);
        }
        assert!(socket.next().await["subscribed"].is_object());
    }
    let text = format!(r#"{{"subscribe":{{"user_id":"alice","cursor":{cursor}}}}}"#);
    let mut of_user = server.subscribed(&text).await;
    assert_eq!(of_user.next_change().await.1, 2);
    assert_eq!(of_user.next_change().await.1, 3);
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_is_told() {
    let server = Server::streaming(|_, watch| watch.tuning.resumed_events = 10).await;
    let mut first = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    let begin = first.next().await["subscribed"]["cursor"].clone();
    server.place_many("alice", 11).await;
    let text = format!(r#"{{"subscribe":{{"all":true,"cursor":{begin}}}}}"#);
    let mut socket = server.subscribed(&text).await;
    let resync = socket.next().await;
    assert_eq!(resync["resync"]["reason"], "too_far_behind");
    assert!(resync["resync"]["cursor"].is_string());
    socket.is_heard().await;
    let id = server.place_of("alice").await;
    assert_eq!(socket.next_change().await.0, id.to_string());
    let mut ahead = server
        .subscribed(&format!(
            r#"{{"subscribe":{{"order_ids":["{id}"],"from_version":9}}}}"#
        ))
        .await;
    assert_eq!(ahead.next().await["resync"]["reason"], "not_of_this_store");
    assert_eq!(ahead.next_change().await.1, 1);
}

#[tokio::test]
async fn a_bad_frame_gets_an_error_frame_and_the_socket_stays() {
    let server = Server::streaming(|_, _| {}).await;
    let mut socket = server.socket().await;
    for (text, code) in [
        ("hello", "unknown_frame"),
        ("", "unknown_frame"),
        ("{\"subscribe\":", "unknown_frame"),
        ("{\"say\":1}", "unknown_frame"),
        ("{\"subscribe\":{\"order_ids\":[\"x\"]}}", "invalid_command"),
        (
            "{\"subscribe\":{\"all\":true,\"cursor\":\"x\"}}",
            "invalid_cursor",
        ),
    ] {
        socket.say(text).await;
        let frame = socket.next().await;
        assert_eq!(frame["error"]["code"], code, "{text}");
        assert!(frame["error"]["detail"].is_string());
    }
    let id = server.place_of("alice").await;
    socket.say(&id.to_string()).await;
    assert_eq!(socket.next_change().await.1, 1);
}

#[tokio::test]
async fn the_separate_port_serves_websockets_alone() {
    let server = Server::streaming(|_, _| {}).await;
    let elsewhere = client()
        .get(format!("http://{}/v1/stats", server.ws_address))
        .send()
        .await;
    assert_eq!(elsewhere.unwrap().status(), 404);
}

/// Sends a handshake and returns the answer's head.
async fn handshake(server: &Server, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let count = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..count]).to_ascii_lowercase()
}

#[tokio::test]
async fn a_wrong_handshake_is_refused_with_what_is_right() {
    let server = Server::streaming(|_, _| {}).await;
    let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for version in ["Sec-WebSocket-Version: 8\r\n", ""] {
        let answer = handshake(&server, &format!("{upgrade}{key}{version}")).await;
        assert!(answer.starts_with("http/1.1 426"), "{answer}");
        assert!(answer.contains("sec-websocket-version: 13"), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    assert!(handshake(&server, "").await.starts_with("http/1.1 426"));
    let version = "Sec-WebSocket-Version: 13\r\n";
    for key in ["", "Sec-WebSocket-Key: x\r\n"] {
        let answer = handshake(&server, &format!("{upgrade}{key}{version}")).await;
        assert!(answer.starts_with("http/1.1 400"), "{answer}");
    }
    let answer = handshake(&server, &format!("{upgrade}{key}{version}")).await;
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    // The answer to the sample key of RFC 6455, section 1.3.
    assert!(answer.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
}

#[tokio::test]
async fn what_breaks_the_rules_is_closed_with_its_code() {
    let server = Server::streaming(|_, _| {}).await;
    let text =
        |payload: Vec<u8>| Message::Frame(Frame::message(payload, OpCode::Data(Data::Text), true));
    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), CloseCode::Unsupported),
        (text(vec![0xff, 0xfe]), CloseCode::Invalid),
        (text(vec![b'a'; 64 * 1024 + 1]), CloseCode::Size),
        (text(vec![b'a'; 5_000_000]), CloseCode::Size),
        (
            Message::Frame(Frame::message(
                vec![1],
                OpCode::Data(Data::Reserved(3)),
                true,
            )),
            CloseCode::Protocol,
        ),
    ] {
        let mut socket = server.socket().await;
        socket.stream.send(message).await.unwrap();
        assert_eq!(socket.close_code().await, u16::from(code));
    }
    let mut socket = server.socket().await;
    socket
        .stream
        .send(text(vec![b'a'; 64 * 1024]))
        .await
        .unwrap();
    assert_eq!(socket.next().await["error"]["code"], "unknown_frame");
}

#[tokio::test]
async fn fragments_are_one_message_and_bounded_together() {
    let server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await.to_string();
    let mut socket = server.socket().await;
    let part = |payload: &[u8], code, is_last| {
        Message::Frame(Frame::message(
            payload.to_vec(),
            OpCode::Data(code),
            is_last,
        ))
    };
    for message in [
        part(&id.as_bytes()[..10], Data::Text, false),
        Message::Ping("in between".into()),
        part(&id.as_bytes()[10..], Data::Continue, true),
    ] {
        socket.stream.send(message).await.unwrap();
    }
    assert_eq!(socket.next_change().await.0, id);
    let big = vec![b'a'; 40 * 1024];
    for message in [
        part(&big, Data::Text, false),
        part(&big, Data::Continue, true),
    ] {
        socket.stream.send(message).await.unwrap();
    }
    assert_eq!(socket.close_code().await, 1009);
}

#[tokio::test]
async fn too_many_subscriptions_are_closed_and_too_many_sockets_refused() {
    let server = Server::streaming(|edge, watch| {
        edge.tuning.live.max_topics = 3;
        watch.max_watchers = 2;
    })
    .await;
    let ids = server.place_many("alice", 4).await;
    let mut socket = server.socket().await;
    for id in &ids[..3] {
        socket.say(&id.to_string()).await;
        socket.next_change().await;
    }
    // Watching the same again is not one more.
    socket.say(&ids[0].to_string()).await;
    socket.next_change().await;
    let _other = server.socket().await;
    let refused = connect_async(format!("ws://{}/ws", server.address)).await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(response)) = refused else {
        panic!("the third socket was let in");
    };
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    socket.say(&ids[3].to_string()).await;
    assert_eq!(socket.close_code().await, 1008);
}

fn impatient(settings: &mut EdgeSettings) {
    settings.tuning.live.ping_after = Duration::from_millis(50);
    settings.tuning.live.idle_timeout = Duration::from_millis(300);
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_closed_if_it_does_not_answer() {
    let server = Server::streaming(|edge, _| impatient(edge)).await;
    let mut answers = server.socket().await;
    let ping = answers.stream.next().await.unwrap().unwrap();
    assert!(ping.is_ping());
    let read_on = tokio::time::timeout(Duration::from_millis(900), async {
        while let Some(Ok(message)) = answers.stream.next().await {
            assert!(message.is_ping(), "{message}");
        }
    });
    assert!(read_on.await.is_err(), "a client that answers pings stays");

    // A bare connection that has upgraded and says nothing more.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
    end.expect("the silent connection ends").unwrap();
    let close = u16::from(CloseCode::Away).to_be_bytes();
    assert!(all.windows(2).any(|bytes| bytes == close), "{all:?}");
}

#[tokio::test]
async fn a_stopping_server_tells_where_to_resume() {
    let mut server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await;
    let mut socket = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    socket.next().await;
    let mut other = server.subscribed(r#"{"subscribe":{"all":true}}"#).await;
    other.next().await;
    let _idle = server.socket().await;
    server.apply(id, &[OrderCommand::Hold]).await;
    // Both are handed it at once.
    other.next_change().await;
    let reports = tokio::time::timeout(Duration::from_secs(8), server.stop())
        .await
        .unwrap();
    let (texts, closing) = socket.closed().await;
    assert_eq!(
        closing.as_ref().map(|(code, _)| *code),
        Some(CloseCode::Restart),
        "{texts:?} {reports:?}"
    );
    let last = texts
        .last()
        .unwrap_or_else(|| panic!("no last frame: {closing:?} {reports:?}"));
    assert!(last["reconnect"]["cursor"].is_string(), "{texts:?}");
    assert_eq!(change(&texts[0]).unwrap().1, 2);
    assert_eq!(last["reconnect"]["cursor"], texts[0]["cursor"]);
    assert!(
        reports.iter().all(|report| report.cut_off == 0),
        "{reports:?}"
    );
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let server = Server::streaming(|_, _| {}).await;
    let mut socket = server.socket().await;
    socket.stream.close(None).await.unwrap();
    let (_, closing) = socket.closed().await;
    assert!(closing.is_none() || closing.unwrap().0 == CloseCode::Normal);
}
