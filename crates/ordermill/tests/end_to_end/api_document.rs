//! docs/API.md: every curl line that a reader can paste, pasted, gets the status that stands above it; and every address
//! of the interface has one.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::server::{Server, wait_until};

/// A line to paste, joined where it goes on, and the status above it.
struct Pasted {
    line: String,
    status: u16,
}

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
        let start = |name: &str, settings: &[&str]| {
            let data = folder.path().join(name);
            let mut flags = vec!["--http-addr", "127.0.0.1:0", "--ws-addr", ""];
            flags.extend(settings.iter().flat_map(|setting| ["--set", setting]));
            Server::start_with(&data, &flags)
        };
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

/// An order's id, once the order stands so.
fn order_that_is(server: &Server, status: &str) -> String {
    let placed = server.ok(&["place", "--user", "reader", "--amount", "1", "--json"]);
    let order: Value = serde_json::from_str(&placed).unwrap();
    let id = order["id"].as_str().unwrap().to_owned();
    wait_until("the order's status", || {
        let order: Value = serde_json::from_str(&server.ok(&["get", &id, "--json"])).unwrap();
        order["status"] == status
    });
    id
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

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/API.md");
    std::fs::read_to_string(path).unwrap()
}

/// The commands of the document's shell blocks that call curl.
fn pasted(document: &str) -> Vec<Pasted> {
    let mut found = Vec::new();
    let blocks = document.split("```sh\n").skip(1);
    for block in blocks.filter_map(|rest| rest.split("```").next()) {
        let mut status = None;
        let joined = block.replace("\\\n", " ").replace("|\n", "| ");
        for line in joined.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                status = comment.get(..3).and_then(|status| status.parse().ok());
            } else if line.contains("curl ") && !line.contains("grpcurl ") {
                let status = status
                    .take()
                    .unwrap_or_else(|| panic!("no status stands above: {line}"));
                let line = line.to_owned();
                found.push(Pasted { line, status });
            }
        }
    }
    found
}

#[test]
fn every_line_that_can_be_pasted_gets_the_status_that_the_document_says() {
    let servers = Servers::start();
    let lines = pasted(&document());
    assert!(lines.len() > 20, "{}", lines.len());
    for Pasted { line, status } in lines {
        let (server, stands) = servers.of(&line);
        let mut asked = line.replace("localhost:8080", server.url.trim_start_matches("http://"));
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
    let output = Command::new("curl")
        .args(["-s", &format!("{}/openapi.json", server.url)])
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = pasted(&self::document());
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
            let asked = path.replace("{id}", "ID").replace("{code}", "not_found");
            let is_there = lines.iter().any(|pasted| {
                let address = pasted
                    .line
                    .split("localhost:8080")
                    .nth(1)
                    .unwrap_or_default();
                let address = address.split(['?', '\'', ' ']).next().unwrap_or_default();
                let posts = pasted.line.contains(" -d ")
                    || pasted.line.contains("POST")
                    || pasted.line.contains("--data");
                address == asked && posts == (method == "post")
            });
            assert!(
                is_there || method == "options",
                "docs/API.md has no curl line for {method} {path}"
            );
        }
    }
}
