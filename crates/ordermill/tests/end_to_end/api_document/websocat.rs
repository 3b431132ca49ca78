//! The lines for WebSockets: each gets the frames that it asks for, first those of before, then what changes; and each
//! command has one.

use std::process::Command;

use serde_json::{Value, json};

use super::shell::{Running, Shell};
use super::{asked_of, lines_of, order_that_is, place, start};
use crate::server::Server;

/// A frame, by what matters of it.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
    Subscribed,
    /// An order's id and version.
    Change(String, u64),
    Other(Value),
}

impl Frame {
    fn next_of(running: &Running) -> Self {
        let frame = running.next();
        if frame["subscribed"]["cursor"].is_string() {
            return Self::Subscribed;
        }
        match (frame["order_id"].as_str(), frame["version"].as_u64()) {
            (Some(id), Some(version)) => Self::Change(id.to_owned(), version),
            _ => Self::Other(frame),
        }
    }
}

fn steer(server: &Server, id: &str, how: &str) {
    let address = format!("{}/v1/orders/{id}/{how}", server.url);
    let output = Command::new("curl")
        .args(["-sS", "--fail", "-X", "POST", &address])
        .output()
        .unwrap();
    assert!(output.status.success(), "{address}: {output:?}");
}

/// Where a watcher of everything begins now.
fn cursor(shell: &Shell, server: &Server) -> String {
    let line = r#"echo '{"subscribe": {"all": true}}' | websocat -n ws://localhost:8080/ws"#;
    let frame = shell.paste(&asked_of(server, line)).next();
    frame["subscribed"]["cursor"].as_str().unwrap().to_owned()
}

/// What a line for the main port gets first of an order at version 3, whose version 2 was before the cursor; and whether
/// it watches everybody.
fn expected(line: &str, id: &str) -> (Vec<Frame>, bool) {
    let change = |version| Frame::Change(id.to_owned(), version);
    if line.contains("CURSOR") {
        (vec![change(3), Frame::Subscribed], true)
    } else if line.contains("from_version") {
        (vec![change(2), change(3)], false)
    } else if line.contains("unsubscribe") {
        (vec![Frame::Subscribed, change(3)], false)
    } else if line.contains("subscribe") {
        (vec![Frame::Subscribed], line.contains("\"all\""))
    } else {
        (vec![change(3)], false)
    }
}

/// Tries a line for the main port.
fn watch(shell: &Shell, server: &Server, line: &str) {
    let id = place(server, "alice");
    steer(server, &id, "hold");
    let begin = cursor(shell, server);
    steer(server, &id, "release");
    let (first, is_everybody) = expected(line, &id);
    let asked = asked_of(server, line)
        .replace("CURSOR", &begin)
        .replace("\"ID\"", &format!("\"{id}\""))
        .replace(" ID ", &format!(" {id} "));
    let mut running = shell.paste(&asked);
    if asked.starts_with("websocat ") {
        running.type_line(&id);
    }
    for frame in first {
        assert_eq!(Frame::next_of(&running), frame, "{line}");
    }
    let other = place(server, "bob");
    steer(server, &id, "hold");
    if is_everybody {
        assert_eq!(Frame::next_of(&running), Frame::Change(other, 1), "{line}");
    }
    assert_eq!(Frame::next_of(&running), Frame::Change(id, 4), "{line}");
}

#[test]
fn every_websocat_line_gets_what_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let resting = start(folder.path(), "resting", &["worker.enabled=false"]);
    let working = start(folder.path(), "working", &[]);
    let shell = Shell::open();
    let lines = lines_of("websocat");
    assert!(lines.len() >= 8, "{}", lines.len());
    for line in lines {
        let text = line.text;
        if text.contains("localhost:8081") {
            let id = order_that_is(&working, "PROCESSED");
            let asked = asked_of(&working, &text).replace(" ID ", &format!(" {id} "));
            let over = json!({"order_id": id, "status": "PROCESSED"});
            assert_eq!(shell.paste(&asked).until_it_ends(), [over], "{text}");
        } else {
            watch(&shell, &resting, &text);
        }
    }
}

#[test]
fn every_command_has_a_websocat_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "data", &[]);
    let document = server.json("/openapi.json");
    let lines = lines_of("websocat");
    let mut names = 0;
    for schema in ["Subscribe", "Subscription", "Unsubscribe"] {
        let properties = &document["components"]["schemas"][schema]["properties"];
        for name in properties.as_object().unwrap().keys() {
            let quoted = format!("\"{name}\"");
            assert!(
                lines.iter().any(|line| line.text.contains(&quoted)),
                "docs/API.md has no websocat line with {quoted}"
            );
            names += 1;
        }
    }
    assert!(names >= 7, "{names}");
    for port in ["localhost:8080/ws", "localhost:8081/ws"] {
        assert!(lines.iter().any(|line| line.text.contains(port)), "{port}");
    }
}
