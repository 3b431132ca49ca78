//! docs/API.md: every line that a reader can paste is pasted and gets what stands above it or beside it, and nothing of
//! the interfaces is left out. Here are the lines and the shell; what is right for a line is decided where it is tried.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod curl;
mod grpcurl;
mod shell;
mod websocat;

use std::path::Path;

use serde_json::Value;

use crate::server::{Server, repository, wait_until};

/// A line to paste, joined where it goes on.
struct Line {
    /// What stands above it, without its sign; empty where nothing does.
    above: String,
    /// What its block defines before it, such as `S=...`.
    defined: Vec<(String, String)>,
    text: String,
}

impl Line {
    /// The line with what it takes from its block.
    fn pasted(&self) -> String {
        let defined = self.defined.iter();
        let defined: String = defined.map(|(name, to)| format!("{name}={to}\n")).collect();
        defined + &self.text
    }

    /// The line with its variables' values, for reading it.
    fn spelled_out(&self) -> String {
        let put = |text: String, (name, value): &(String, String)| {
            text.replace(&format!("${name}"), value)
        };
        self.defined.iter().fold(self.text.clone(), put)
    }
}

/// The lines of the document's shell blocks that call `program`.
fn lines_of(program: &str) -> Vec<Line> {
    let document = std::fs::read_to_string(repository("docs/API.md")).unwrap();
    let mut found = Vec::new();
    let blocks = document.split("```sh\n").skip(1);
    for block in blocks.filter_map(|rest| rest.split("```").next()) {
        let (mut above, mut defined) = (String::new(), Vec::new());
        let joined = block.replace("\\\n", " ").replace("|\n", "| ");
        for text in joined.lines() {
            let first = text.split(' ').next().unwrap_or_default();
            if let Some(comment) = text.strip_prefix("# ") {
                above = comment.to_owned();
                continue;
            } else if let Some((name, value)) = first.split_once('=') {
                defined.push((name.to_owned(), value.to_owned()));
            } else if text.split_whitespace().any(|word| word == program) {
                found.push(Line {
                    above: above.clone(),
                    defined: defined.clone(),
                    text: text.to_owned(),
                });
            }
            above.clear();
        }
    }
    found
}

/// A server with a port for everything.
fn start(folder: &Path, name: &str, settings: &[&str]) -> Server {
    let mut flags = vec!["--http-addr", "127.0.0.1:0", "--ws-addr", "127.0.0.1:0"];
    flags.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    Server::start_with(&folder.join(name), &flags)
}

/// The line, asked of this server instead of one at the default addresses.
fn asked_of(server: &Server, line: &str) -> String {
    let http = server.url.trim_start_matches("http://");
    let socket = server.ws_url.as_deref().unwrap();
    let socket = socket.trim_start_matches("ws://").trim_end_matches("/ws");
    line.replace("localhost:8080", http)
        .replace("localhost:8081", socket)
        .replace("localhost:50051", server.grpc_addr.as_deref().unwrap())
}

/// A new order's id.
fn place(server: &Server, user: &str) -> String {
    let placed = server.ok(&["place", "--user", user, "--amount", "1", "--json"]);
    let order: Value = serde_json::from_str(&placed).unwrap();
    order["id"].as_str().unwrap().to_owned()
}

/// An order's id, once the order stands so.
fn order_that_is(server: &Server, status: &str) -> String {
    let id = place(server, "reader");
    wait_until("the order's status", || {
        server.json(&format!("/v1/orders/{id}"))["status"] == status
    });
    id
}
