//! Server-sent events: shape, resuming, ends, refusals.

use std::time::Duration;

use domain::{OrderCommand, Seq};
use futures_util::{Stream, StreamExt};
use port_conformance::faulty::FaultMode;
use serde_json::Value;

use crate::contract::Contract;
use crate::server::Server;
use crate::server::client;

/// An event as a client reads it.
#[derive(Debug, Default, Clone, PartialEq)]
struct Event {
    id: Option<String>,
    name: String,
    data: Value,
}

struct Events {
    response: std::pin::Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
    /// Everything that came, for looking at comments and the like.
    all: String,
    last_id: Option<String>,
}

async fn request(server: &Server, path: &str, last_id: Option<&str>) -> reqwest::Response {
    let client = client();
    let mut request = client.get(format!("http://{}{path}", server.address));
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    request.send().await.unwrap()
}

async fn open(server: &Server, path: &str, last_id: Option<&str>) -> Events {
    let response = request(server, path, last_id).await;
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("text/event-stream"));
    Events {
        response: Box::pin(response.bytes_stream()),
        text: String::new(),
        all: String::new(),
        last_id: None,
    }
}

impl Events {
    /// The next event with data; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = self.read(block);
                self.text = rest.to_owned();
                if let Some(id) = &event.id {
                    self.last_id = Some(id.clone());
                }
                if !event.data.is_null() {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.next())
                .await
                .expect("something comes")?;
            let chunk = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
            self.all.push_str(&chunk);
            self.text.push_str(&chunk);
        }
    }

    fn read(&self, block: &str) -> Event {
        let mut event = Event::default();
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => event.id = Some(id.to_owned()),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                Some(("retry", ms)) => assert!(ms.parse::<u64>().is_ok()),
                Some(("", _)) => {}
                other => panic!("{other:?} in {block:?}"),
            }
        }
        if !event.data.is_null() {
            let kind = if event.name == "resync" {
                "Resync"
            } else {
                "StatusChange"
            };
            Contract::get().validate_as(kind, &event.data);
        }
        event
    }

    /// The next change's version.
    async fn version(&mut self) -> u64 {
        let event = self.next().await.expect("the stream goes on");
        assert_eq!(event.name, "status", "{event:?}");
        assert_eq!(event.id.as_deref(), event.data["cursor"].as_str());
        event.data["version"].as_u64().unwrap()
    }

    /// Reads until the text holds `what`.
    async fn until(&mut self, what: &str) {
        while !self.all.contains(what) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.next());
            let chunk = chunk.await.unwrap().unwrap().unwrap();
            let chunk = String::from_utf8(chunk.to_vec()).unwrap();
            self.all.push_str(&chunk);
            self.text.push_str(&chunk);
        }
    }
}

#[tokio::test]
async fn an_order_is_followed_to_its_end_and_not_asked_for_again() {
    let server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await;
    let path = format!("/v1/orders/{id}/stream");
    let mut events = open(&server, &path, None).await;
    let first = events.next().await.unwrap();
    assert_eq!(first.name, "status");
    assert_eq!(first.data["order_id"], id.to_string());
    assert_eq!(first.data["status"], "PENDING");
    assert!(events.all.starts_with("retry: 2000\n\n"), "{}", events.all);
    server.work_off(1).await;
    assert_eq!(events.version().await, 2);
    assert_eq!(events.version().await, 3);
    assert_eq!(events.next().await, None);

    let mut again = open(&server, &path, first.id.as_deref()).await;
    assert_eq!(again.version().await, 2);
    assert_eq!(again.version().await, 3);
    assert_eq!(again.next().await, None);
    let last_id = again.last_id.unwrap();
    let nothing_follows = request(&server, &path, Some(&last_id)).await;
    assert_eq!(nothing_follows.status(), 204);
    let mut late = open(&server, &path, None).await;
    assert_eq!(late.version().await, 3);
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn all_and_a_users_changes_are_resumed_where_the_client_was() {
    let server = Server::streaming(|_, _| {}).await;
    let mut all = open(&server, "/v1/stream", None).await;
    all.until("id: ").await;
    let begin = all.all.split("id: ").nth(1).unwrap();
    let begin = begin.lines().next().unwrap().to_owned();
    let id = server.place_of("alice").await;
    server.place_of("bob").await;
    server.apply(id, &[OrderCommand::Hold]).await;
    for version in [1, 1, 2] {
        assert_eq!(all.version().await, version);
    }
    let end = all.last_id.clone().unwrap();
    server.apply(id, &[OrderCommand::Release]).await;

    let mut from_begin = open(&server, "/v1/stream", Some(&begin)).await;
    for version in [1, 1, 2, 3] {
        assert_eq!(from_begin.version().await, version);
    }
    let mut from_end = open(&server, &format!("/v1/stream?cursor={end}"), None).await;
    assert_eq!(from_end.version().await, 3);
    let path = format!("/v1/stream?user_id=alice&cursor={end}");
    // What the client saw last goes before what its address says.
    let mut of_alice = open(&server, &path, Some(&begin)).await;
    for version in [1, 2, 3] {
        assert_eq!(of_alice.version().await, version);
    }
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_is_an_event() {
    let server = Server::streaming(|_, watch| watch.tuning.resumed_events = 10).await;
    let mut all = open(&server, "/v1/stream", None).await;
    server.place_of("alice").await;
    all.version().await;
    let old = all.last_id.clone().unwrap();
    server.place_many("alice", 11).await;
    let mut late = open(&server, "/v1/stream", Some(&old)).await;
    let resync = late.next().await.unwrap();
    assert_eq!(resync.name, "resync");
    assert_eq!(resync.data["reason"], "too_far_behind");
    assert_eq!(resync.id.as_deref(), resync.data["cursor"].as_str());
    server.place_of("alice").await;
    assert_eq!(late.version().await, 1);
}

#[tokio::test]
async fn a_silent_stream_shows_that_it_lives() {
    let server = Server::streaming(|edge, _| {
        edge.tuning.live.heartbeat = Duration::from_millis(50);
    })
    .await;
    let id = server.place_of("alice").await;
    let mut events = open(&server, &format!("/v1/orders/{id}/stream"), None).await;
    events.until(": heartbeat\nid: ").await;
}

#[tokio::test]
async fn bad_requests_are_refused_as_everywhere() {
    let server = Server::streaming(|_, _| {}).await;
    let id = server.place_of("alice").await;
    let unknown = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";
    for (path, last_id, status) in [
        (format!("/v1/orders/{unknown}/stream"), None, 404),
        ("/v1/orders/x/stream".to_owned(), None, 400),
        (format!("/v1/orders/{id}/stream?user_id=a"), None, 400),
        (format!("/v1/orders/{id}/stream"), Some("x"), 400),
        ("/v1/stream?cursor=x".to_owned(), None, 400),
        ("/v1/stream?user_id=".to_owned(), None, 400),
        ("/v1/stream?user_id=a&user_id=b".to_owned(), None, 400),
        ("/v1/stream?what=1".to_owned(), None, 400),
    ] {
        let response = request(&server, &path, last_id).await;
        assert_eq!(response.status(), status, "{path}");
        let content_type = response.headers()["content-type"].clone();
        assert_eq!(content_type, "application/problem+json", "{path}");
    }
    let client = client();
    let url = format!("http://{}/v1/stream", server.address);
    let json = client.get(&url).header("accept", "application/json");
    assert_eq!(json.send().await.unwrap().status(), 406);
    let posted = client.post(&url).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    assert!(posted.headers()["allow"].to_str().unwrap().contains("GET"));
    assert_eq!(client.head(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn streams_are_bounded() {
    let server = Server::streaming(|_, watch| watch.max_watchers = 1).await;
    let _first = open(&server, "/v1/stream", None).await;
    let refused = request(&server, "/v1/stream", None).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_stopping_server_ends_its_streams() {
    let mut server = Server::streaming(|_, _| {}).await;
    let mut events = open(&server, "/v1/stream", None).await;
    events.until("id: ").await;
    let reports = tokio::time::timeout(Duration::from_secs(8), server.stop())
        .await
        .unwrap();
    assert_eq!(events.next().await, None);
    assert!(events.all.ends_with("nothing is skipped\nretry: 2000\n\n"));
    assert!(reports.iter().all(|report| report.cut_off == 0));
}

#[tokio::test]
async fn a_panic_is_a_500_before_a_stream_began_and_a_word_after_and_the_server_goes_on() {
    let server = Server::streaming(|_, watch| watch.tuning.page_events = 1).await;
    server.place_many("alice", 5).await;
    let cursors = [
        server.cursor_at(0).await,
        server.cursor_at(1).await,
        server.cursor_at(2).await,
    ];
    let stream = |seq: usize| {
        client()
            .get(format!("http://{}/v1/stream", server.address))
            .header("last-event-id", &cursors[seq])
    };
    // The place in the log that breaks who comes to it.
    server.store.set_mode(FaultMode::ReadingOnAfter(
        Seq(2),
        Box::new(FaultMode::Panicking),
    ));
    let before = stream(2).send().await.unwrap();
    assert_eq!(before.status(), 500);
    let after = stream(0).send().await.unwrap();
    assert_eq!(after.status(), 200);
    let told = tokio::time::timeout(Duration::from_secs(20), after.text());
    let told = told.await.expect("it ends").unwrap();
    assert_eq!(told.matches("event: status").count(), 2, "{told}");
    assert!(
        told.contains("something went wrong on the server"),
        "{told}"
    );
    server.store.set_mode(FaultMode::Well);
    assert_eq!(stream(2).send().await.unwrap().status(), 200);
}
