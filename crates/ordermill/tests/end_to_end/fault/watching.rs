//! Watchers of everything that happens, over server-sent events and over WebSockets: what each saw, and where it goes on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use super::readback::ReadBack;
use crate::server::http_client;

/// What a watcher has seen: the versions of each order, and where to go on.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) versions: BTreeMap<String, Vec<u64>>,
    pub(super) cursor: Option<String>,
    pub(super) was_resynced: bool,
}

/// One watcher, over as many connections as it needs. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Watcher(Arc<Mutex<Seen>>);

impl Watcher {
    /// One that goes on from a cursor.
    pub(super) fn from(cursor: String) -> Self {
        let watcher = Self::default();
        watcher.seen().cursor = Some(cursor);
        watcher
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("nobody panics with it")
    }

    fn note(&self, change: &Value) {
        let mut seen = self.seen();
        seen.was_resynced |= !change["resync"].is_null();
        if let Some(cursor) = cursor_in(change) {
            seen.cursor = Some(cursor);
        }
        let id = change["order_id"].as_str();
        if let (Some(id), Some(version)) = (id, change["version"].as_u64()) {
            seen.versions
                .entry(id.to_owned())
                .or_default()
                .push(version);
        }
    }

    /// Reads a stream of server-sent events to its end.
    pub(super) async fn watch_events(self, address: SocketAddr) {
        let client = http_client();
        let mut request = client.get(format!("http://{address}/v1/stream"));
        if let Some(cursor) = self.seen().cursor.clone() {
            request = request.header("last-event-id", cursor);
        }
        let answer = request.send().await.expect("the stream opens");
        let mut stream = answer.bytes_stream();
        let mut bytes = Vec::new();
        while let Some(Ok(chunk)) = stream.next().await {
            bytes.extend_from_slice(&chunk);
            while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = bytes.drain(..end + 2).collect();
                self.note_event(&String::from_utf8_lossy(&event));
            }
        }
    }

    fn note_event(&self, event: &str) {
        for line in event.lines() {
            if let Some(id) = line.strip_prefix("id:") {
                self.seen().cursor = Some(id.trim().to_owned());
            } else if line.trim() == "event: resync" {
                self.seen().was_resynced = true;
            } else if let Some(data) = line.strip_prefix("data:") {
                self.note(&serde_json::from_str(data.trim()).unwrap_or_default());
            }
        }
    }

    /// Reads a WebSocket to its end; its close code.
    pub(super) async fn watch_socket(self, address: SocketAddr) -> Option<u16> {
        let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/ws"))
            .await
            .expect("the WebSocket opens");
        let all = match self.seen().cursor.clone() {
            Some(cursor) => json!({"subscribe": {"all": true, "cursor": cursor}}),
            None => json!({"subscribe": {"all": true}}),
        };
        let command = Message::text(all.to_string());
        socket.send(command).await.expect("a command can be sent");
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(text) => {
                    self.note(&serde_json::from_str(&text).expect("frames are JSON"));
                }
                Message::Close(frame) => return frame.map(|frame| frame.code.into()),
                _ => {}
            }
        }
        None
    }

    /// Waits until it has seen every version of every order, each once, whatever broke in between.
    pub(super) async fn assert_saw_everything(&self, readback: &ReadBack) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.missing(readback).is_some() && Instant::now() < deadline {
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.missing(readback), None);
        assert!(
            !self.seen().was_resynced,
            "nothing was too old to be resumed"
        );
    }

    fn missing(&self, readback: &ReadBack) -> Option<String> {
        let seen = self.seen();
        readback.kept.iter().find_map(|(id, kept)| {
            let expected: Vec<u64> = (1..=kept.order.version).collect();
            let versions = seen.versions.get(id).cloned().unwrap_or_default();
            (versions != expected).then(|| format!("of {id} it saw {versions:?}, not {expected:?}"))
        })
    }
}

/// Where a frame says that its reader goes on.
fn cursor_in(frame: &Value) -> Option<String> {
    let cursor = [
        &frame["cursor"],
        &frame["subscribed"]["cursor"],
        &frame["resync"]["cursor"],
    ];
    cursor
        .into_iter()
        .find_map(Value::as_str)
        .map(str::to_owned)
}

/// The cursor of now: whoever goes on from it sees everything that comes.
pub(super) async fn present_cursor(address: SocketAddr) -> String {
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/ws"))
        .await
        .expect("the WebSocket opens");
    let all = Message::text(r#"{"subscribe":{"all":true}}"#);
    socket.send(all).await.expect("a command can be sent");
    loop {
        let frame = socket
            .next()
            .await
            .expect("it stays open")
            .expect("it stays open");
        let Message::Text(text) = frame else { continue };
        let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
        if let Some(cursor) = cursor_in(&frame) {
            return cursor;
        }
    }
}
