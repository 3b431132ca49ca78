//! `watch`: status changes live, over server-sent events. When the connection breaks it comes back with the last
//! cursor, so that nothing is missed; a gap that the server cannot fill is reported.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use serde::Deserialize;

use crate::client::{Server, ServerFlags};
use crate::exit::one_line;

/// The longest line of a stream; a longer one is no server of ours.
const MAX_LINE_BYTES: usize = 1024 * 1024;
/// A connection that delivers no byte for this long is closed; servers send a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(90);

/// Flags of `watch`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill watch\n\
         Example: ordermill watch --user alice --json\n\
         Example: ordermill watch 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b --until-final")]
pub struct WatchFlags {
    /// One order's id; without it, all orders
    #[arg(conflicts_with = "user")]
    id: Option<String>,
    /// The orders of one user
    #[arg(long)]
    user: Option<String>,
    /// Stop when the order is PROCESSED or CANCELLED
    #[arg(long, requires = "id")]
    until_final: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// What the server sends for each change.
#[derive(Debug, Deserialize)]
struct Change {
    order_id: String,
    status: String,
    version: u64,
    #[serde(default)]
    user_id: String,
    #[serde(default)]
    occurred_at: String,
}

/// Prints changes until it is interrupted.
pub async fn run(flags: WatchFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let mut last_id: Option<String> = None;
    let mut wait = Duration::from_millis(250);
    let mut has_connected = false;
    loop {
        let (path, query) = match (&flags.id, &flags.user) {
            (Some(id), _) => (vec!["v1", "orders", id.as_str(), "stream"], vec![]),
            (None, Some(user)) => (vec!["v1", "stream"], vec![("user_id", user.clone())]),
            (None, None) => (vec!["v1", "stream"], vec![]),
        };
        match server.stream(&path, &query, last_id.as_deref()).await {
            // The order is final, and its last change was seen.
            Ok(response) if response.status() == reqwest::StatusCode::NO_CONTENT => {
                return Ok(ExitCode::SUCCESS);
            }
            Ok(response) => {
                has_connected = true;
                wait = Duration::from_millis(250);
                if follow(response, &flags, &mut last_id).await? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            // An error of the first connection is one of the command: it is not retried.
            Err(error) if !has_connected || !error.is_temporary() => return Err(error.into()),
            Err(error) => eprintln!("ordermill: {}; trying again", one_line(&error.to_string())),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(10));
    }
}

/// Reads one connection to its end; returns true if nothing more is to be watched.
async fn follow(
    response: reqwest::Response,
    flags: &WatchFlags,
    last_id: &mut Option<String>,
) -> anyhow::Result<bool> {
    let mut bytes = response.bytes_stream();
    let mut events = EventReader::default();
    loop {
        let Ok(Some(Ok(chunk))) = tokio::time::timeout(SILENCE, bytes.next()).await else {
            return Ok(false);
        };
        for event in events.push(&chunk)? {
            if let Some(id) = &event.id {
                *last_id = Some(id.clone());
            }
            if event.name == "resync" {
                eprintln!(
                    "ordermill: some changes were missed; `ordermill list` shows how things stand"
                );
                continue;
            }
            if print(&event.data, flags)? {
                return Ok(true);
            }
        }
    }
}

/// Prints one change; returns true if the watched order is final.
fn print(data: &str, flags: &WatchFlags) -> anyhow::Result<bool> {
    let Ok(change) = serde_json::from_str::<Change>(data) else {
        // Not a change: the notice of a stopping server, or an event of a newer server.
        return Ok(false);
    };
    let mut out = std::io::stdout().lock();
    if flags.json {
        writeln!(out, "{data}")?;
    } else {
        let line = format!(
            "{}  {}  {:10}  v{}  {}",
            change.occurred_at, change.order_id, change.status, change.version, change.user_id
        );
        writeln!(out, "{}", one_line(&line))?;
    }
    out.flush()?;
    let is_final = domain::Status::from_name(&change.status).is_some_and(domain::Status::is_final);
    Ok(flags.until_final && is_final)
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
struct SentEvent {
    id: Option<String>,
    name: String,
    data: String,
}

/// Puts events together out of chunks (WHATWG HTML, section 9.2).
#[derive(Debug, Default)]
struct EventReader {
    rest: Vec<u8>,
    event: SentEvent,
}

impl EventReader {
    fn push(&mut self, chunk: &[u8]) -> anyhow::Result<Vec<SentEvent>> {
        self.rest.extend_from_slice(chunk);
        let mut done = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = std::str::from_utf8(&line).context("the stream is not UTF-8")?;
            self.line(line.trim_end_matches(['\r', '\n']), &mut done);
        }
        anyhow::ensure!(
            self.rest.len() <= MAX_LINE_BYTES,
            "the stream holds a line that never ends"
        );
        Ok(done)
    }

    fn line(&mut self, line: &str, done: &mut Vec<SentEvent>) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if !event.data.is_empty() || event.id.is_some() || !event.name.is_empty() {
                done.push(event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EventReader, SentEvent};

    #[test]
    fn events_are_whole_however_they_are_cut_into_chunks() {
        let text = ": hello\n\nid: 7\nevent: status\ndata: {\"a\":1}\r\n\r\ndata: x\ndata: y\n\n";
        let expected = vec![
            SentEvent {
                id: Some("7".to_owned()),
                name: "status".to_owned(),
                data: "{\"a\":1}".to_owned(),
            },
            SentEvent {
                id: None,
                name: String::new(),
                data: "x\ny".to_owned(),
            },
        ];
        for size in 1..text.len() {
            let mut reader = EventReader::default();
            let events: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| reader.push(chunk).unwrap())
                .collect();
            assert_eq!(events, expected, "chunks of {size}");
        }
    }
}
