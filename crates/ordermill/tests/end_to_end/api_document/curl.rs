//! The lines for HTTP: each gets the status that stands above it; and every address of the interface has one.

use std::process::Command;

use serde_json::Value;

use super::{Line, asked_of, lines_of, order_that_is, start};
use crate::endpoint::Endpoint;
use crate::server::Server;

/// Servers in which orders stand where the lines need them.
struct Servers {
    _folder: tempfile::TempDir,
    /// Works nothing off: orders are PENDING.
    resting: Server,
    /// Works everything off: orders are PROCESSED.
    working: Server,
    /// Fails everything: orders are dead letters.
    failing: Server,
}

impl Servers {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = |name, settings: &[&str]| start(folder.path(), name, settings);
        let refusing = Endpoint::answering(("422 Unprocessable Content", ""));
        let url = format!("handler.url={}", refusing.url);
        let failing = ["handler.kind=http", &url];
        Self {
            resting: start("resting", &["worker.enabled=false"]),
            working: start("working", &[]),
            failing: start("failing", &failing),
            _folder: folder,
        }
    }

    /// Where a line is tried, and the status that its order has to have.
    fn of(&self, line: &str) -> (&Server, &'static str) {
        if line.contains("/dead-letters") {
            (&self.failing, "FAILED")
        } else if line.contains("/receipt") {
            (&self.working, "PROCESSED")
        } else {
            (&self.resting, "PENDING")
        }
    }
}

/// Runs a line in a shell, as a reader would; the status that came.
fn paste(line: &str) -> u16 {
    let line = line
        .replace("curl ", "curl -o /dev/null -w '%{http_code}' ")
        // A stream is listened to for a moment.
        .replace("curl -o /dev/null -w '%{http_code}' -N", "curl -o /dev/null -w '%{http_code}' -N --max-time 1");
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{line}: {said} {}", String::from_utf8_lossy(&output.stderr)))
}

impl Line {
    /// The status that stands above it.
    fn status(&self) -> u16 {
        let status = self.above.get(..3).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no status stands above: {}", self.text))
    }
}

#[test]
fn every_line_that_can_be_pasted_gets_the_status_that_the_document_says() {
    let servers = Servers::start();
    let lines = lines_of("curl");
    assert!(lines.len() > 20, "{}", lines.len());
    for line in lines {
        let (status, line) = (line.status(), line.text);
        let (server, stands) = servers.of(&line);
        let mut asked = asked_of(server, &line);
        if line.contains("/ID") {
            let id = order_that_is(server, stands);
            if line.contains("/release") {
                assert_eq!(
                    paste(&format!("curl -X POST {}/v1/orders/{id}/hold", server.url)),
                    200
                );
            }
            asked = asked.replace("/ID", &format!("/{id}"));
        }
        assert_eq!(paste(&asked), status, "{line}");
    }
}

#[test]
fn every_address_of_the_interface_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let document: Value = server.json("/openapi.json");
    let lines = lines_of("curl");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let group = operation["tags"][0].as_str().unwrap();
            // Dialects have a document of their own; the dashboard's files are a page's, and a socket is no curl's.
            if group == "Dialects"
                || path == "/ws"
                || path.ends_with('/')
                || path.contains("{file}")
                || path.contains("{path}")
            {
                continue;
            }
            let asked = path
                .replace("{id}", "ID")
                .replace("{code}", "order_not_found");
            let is_there = lines.iter().any(|line| {
                let address = line.text.split("localhost:8080").nth(1).unwrap_or_default();
                let address = address.split(['?', '\'', ' ']).next().unwrap_or_default();
                let posts = line.text.contains(" -d ")
                    || line.text.contains("POST")
                    || line.text.contains("--data");
                address == asked && posts == (method == "post")
            });
            assert!(
                is_there || method == "options",
                "docs/API.md has no curl line for {method} {path}"
            );
        }
    }
}
