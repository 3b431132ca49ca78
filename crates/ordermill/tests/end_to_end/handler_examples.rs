//! The endpoints in examples/, each as a process of its own behind a real server; and that docs/HANDLER.md and the OpenAPI
//! document say of the call what is really sent and recorded.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use adapter_webhook::{FailureCode, HttpHandler, HttpHandlerSettings};
use application::ports::{Clock, OrderHandler as _, Outcome};
use application::system::{ManualClock, SystemClock};
use domain::{
    Cause, Currency, Failure, Money, Order, OrderId, PlaceOrder, ReceiptLocation, ReceiptTemplate,
    Source, Timestamp, UserId,
};
use outbound_http::Proxies;
use serde_json::Value;

use crate::server::{Server, repository, wait_until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// One of the examples.
#[derive(Debug, Clone, Copy)]
struct Example {
    interpreter: &'static str,
    package: &'static str,
    file: &'static str,
}

const EXAMPLES: [Example; 2] = [
    Example {
        interpreter: "python3",
        package: "python3",
        file: "examples/handler-python/handler.py",
    },
    Example {
        interpreter: "node",
        package: "nodejs",
        file: "examples/handler-node/handler.mjs",
    },
];

/// A running example. Killed when it is dropped.
struct Running {
    child: Child,
    url: String,
}

impl Example {
    /// Starts it over the files in `folder`, with the secret that it knows.
    fn start(self, folder: &Path, secret: &str) -> Running {
        let mut child = Command::new(self.interpreter)
            .arg(repository(self.file))
            .env("HANDLER_SECRET", secret)
            .env("HANDLER_DATABASE", folder.join("handler.sqlite3"))
            .env("HANDLER_FILE", folder.join("handler.ndjson"))
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                let (program, package) = (self.interpreter, self.package);
                panic!("{program}: {error}: run 'scripts/parts install' (Debian package {package})")
            });
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let url = url.unwrap_or_else(|| panic!("{self:?} does not listen: {line:?}"));
        Running { child, url }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that sends its orders to this URL, signed by these secrets.
fn serve(folder: &Path, url: &str, secrets: &str) -> Server {
    let url = format!("handler.url={url}");
    let secrets = format!("handler.secret={secrets}");
    let flags = [
        ["--http-addr", "127.0.0.1:0"],
        ["--ws-addr", ""],
        ["--set", "handler.kind=http"],
        ["--set", &url],
        ["--set", &secrets],
        ["--set", "worker.backoff_first=10ms"],
    ];
    Server::start_with(folder, flags.as_flattened())
}

/// Places an order of one line; its id.
fn place(server: &Server, user: &str, sku: &str) -> String {
    let line = format!("[{sku}] Keyboard:1:9.99");
    let placed = server.ok(&["place", "--user", user, "--line", &line, "--json"]);
    let order: Value = serde_json::from_str(&placed).unwrap();
    order["id"].as_str().unwrap().to_owned()
}

fn order(server: &Server, id: &str) -> Value {
    server.json(&format!("/v1/orders/{id}"))
}

#[test]
fn an_order_is_processed_by_the_example_and_gets_its_result() {
    for example in EXAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = example.start(folder.path(), SECRET);
        // In the middle of a rotation: the example knows the old secret alone.
        let secrets = format!("{OTHER_SECRET},{SECRET}");
        let server = serve(&folder.path().join("data"), &endpoint.url, &secrets);
        let id = place(&server, "alice", "KB-1");
        let status = |id: &str| order(&server, id)["status"].clone();
        wait_until("the order's end", || status(&id) == "PROCESSED");
        let processed = order(&server, &id);
        assert_eq!(processed["result"]["shipment"], "S-1", "{processed}");
        let refused = place(&server, "bob", "OUT-OF-STOCK");
        wait_until("the order's failure", || status(&refused) == "FAILED");
        let failure = &order(&server, &refused)["failure"];
        assert_eq!(failure["code"], "handler_rejected", "{failure}");
        let message = failure["message"].as_str().unwrap();
        assert!(
            message.starts_with("422 Unprocessable Entity: "),
            "{message}"
        );
        assert!(message.ends_with("is out of stock"), "{message}");
        let next = place(&server, "carol", "KB-1");
        wait_until("the next order's end", || status(&next) == "PROCESSED");
        assert_eq!(order(&server, &next)["result"]["shipment"], "S-2");
    }
}

#[test]
fn the_example_refuses_a_call_that_is_signed_by_another_secret() {
    for example in EXAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = example.start(folder.path(), SECRET);
        let server = serve(&folder.path().join("data"), &endpoint.url, OTHER_SECRET);
        let id = place(&server, "alice", "KB-1");
        let failure = || order(&server, &id)["failure"].clone();
        wait_until("the first refusal", || failure().is_object());
        let failure = failure();
        assert_eq!(failure["code"], "endpoint_misconfigured", "{failure}");
        let message = failure["message"].as_str().unwrap();
        assert!(
            message.starts_with("401 Unauthorized: the signature is wrong"),
            "{message}"
        );
        assert_eq!(order(&server, &id)["result"], Value::Null);
    }
}

/// An order that was claimed for its first attempt.
fn claimed(user: &str, random: u64) -> Order {
    let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
    let command = PlaceOrder {
        user_id: UserId::new(user).unwrap(),
        external_id: None,
        source: Source::Api,
        amount: Money::new(999, Currency::USD).unwrap(),
        lines: Arc::from([]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
    };
    let id = OrderId::new(now, &command.user_id, random);
    let placed = Order::place(
        command,
        id,
        now,
        Cause::default(),
        ReceiptLocation::Rendered,
    );
    let claimed = placed.order.claim(now).unwrap();
    Order::clone(&claimed.order)
}

fn handler(url: &str, clock: Arc<dyn Clock>) -> HttpHandler {
    let settings = HttpHandlerSettings {
        url: url.to_owned(),
        secrets: vec![SECRET.to_owned()],
        headers: Vec::new(),
        ca_file: None,
        client_certificate: None,
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(30),
        idle_connections: 4,
        proxies: Proxies::default(),
    };
    HttpHandler::new(&settings, clock).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[tokio::test]
async fn a_repeated_call_does_the_work_once_also_after_a_restart_of_the_example() {
    let shipment = |number: u32| {
        let result = format!(r#"{{"shipment":"S-{number}"}}"#);
        Outcome::Done {
            result: Some(Arc::from(result)),
        }
    };
    for example in EXAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (claimed("alice", 4), claimed("alice", 8));
        {
            let endpoint = example.start(folder.path(), SECRET);
            let handler = handler(&endpoint.url, Arc::new(SystemClock::new()));
            assert_eq!(handler.handle(&first).await, shipment(1), "{example:?}");
            assert_eq!(handler.handle(&first).await, shipment(1), "{example:?}");
            assert_eq!(handler.handle(&second).await, shipment(2), "{example:?}");
            // At the same time: once done, or told to come again.
            let third = claimed("alice", 12);
            let (one, other) = tokio::join!(handler.handle(&third), handler.handle(&third));
            for outcome in [one, other] {
                match outcome {
                    Outcome::Retry { failure, .. } => {
                        assert_eq!(&*failure.code, "still_processing")
                    }
                    done => assert_eq!(done, shipment(3), "{example:?}"),
                }
            }
        }
        let endpoint = example.start(folder.path(), SECRET);
        let handler = handler(&endpoint.url, Arc::new(SystemClock::new()));
        assert_eq!(handler.handle(&first).await, shipment(1), "{example:?}");
        let fourth = claimed("alice", 16);
        assert_eq!(handler.handle(&fourth).await, shipment(4), "{example:?}");
    }
}

#[tokio::test]
async fn the_example_refuses_a_call_that_was_recorded_long_ago() {
    for example in EXAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = example.start(folder.path(), SECRET);
        let now = SystemClock::new().now().as_millis();
        for (minutes, is_refused) in [(6, true), (4, false)] {
            let then = Timestamp::from_millis(now - minutes * 60 * 1000).unwrap();
            let handler = handler(&endpoint.url, Arc::new(ManualClock::at(then)));
            let outcome = handler.handle(&claimed("alice", minutes * 4)).await;
            match outcome {
                Outcome::Retry { failure, .. } => {
                    assert!(is_refused, "{example:?}: {failure:?}");
                    assert!(failure.message.starts_with("401 "), "{failure:?}");
                }
                other => assert!(!is_refused, "{example:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_headers_of_a_real_call_are_those_of_the_openapi_document() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/orders", listener.local_addr().unwrap());
    let (requests, received) = sync_channel(1);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        // One small order comes in one or two pieces, its body last.
        while !request.ends_with(b"}") {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).unwrap();
            request.extend_from_slice(&piece[..count]);
        }
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).unwrap();
        requests.send(String::from_utf8(request).unwrap()).unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path(), &url, SECRET);
    place(&server, "alice", "KB-1");
    let request = received.recv_timeout(Duration::from_secs(60)).unwrap();
    let head = request.split("\r\n\r\n").next().unwrap();
    let sent: BTreeSet<String> = head
        .lines()
        .skip(1)
        .map(|line| line.split(':').next().unwrap().to_lowercase())
        .collect();
    let document = server.json("/openapi.json");
    let parameters = &document["webhooks"]["order"]["post"]["parameters"];
    let mut described: BTreeSet<String> = parameters
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap().to_lowercase())
        .collect();
    // OpenAPI has these outside of parameters, or leaves them to HTTP.
    let of_http = [
        "accept",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    ];
    described.extend(of_http.map(str::to_owned));
    assert_eq!(sent, described);
}

/// The failure codes that are written out in the sources of a crate, outside its tests.
fn codes_in(folder: &Path, out: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        if path.is_dir() {
            codes_in(&path, out);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        for call in shipped.split("Failure::new(").skip(1) {
            if let Some(rest) = call.trim_start().strip_prefix('"') {
                out.insert(rest.split('"').next().unwrap().to_owned());
            }
        }
    }
}

#[test]
fn the_list_of_failure_codes_is_complete_and_closed() {
    let mut codes: BTreeSet<String> = FailureCode::ALL
        .iter()
        .map(|code| code.as_str().to_owned())
        .collect();
    codes.insert(Failure::LEASE_LOST.to_owned());
    for source in ["crates/worker/src", "crates/adapter-webhook/src"] {
        codes_in(&repository(source), &mut codes);
    }
    let document = fs::read_to_string(repository("docs/HANDLER.md")).unwrap();
    let listed: BTreeSet<String> = document
        .lines()
        .skip_while(|line| !line.starts_with("| code |"))
        .skip(2)
        .map_while(|line| line.strip_prefix("| `"))
        .map(|row| row.split('`').next().unwrap().to_owned())
        .collect();
    assert_eq!(listed, codes);
}

#[test]
fn a_start_says_what_becomes_of_orders() {
    let said = |flags: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = crate::server::ordermill();
        command
            .arg("serve")
            .arg("--data-dir")
            .arg(folder.path().join("data"));
        command.args(["--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
        command.args(flags).stderr(fs::File::create(&log).unwrap());
        let mut server = Server::start_as(&mut command);
        assert_eq!(server.terminate(), Some(0));
        let text = fs::read_to_string(&log).unwrap();
        let line = text.lines().find(|line| line.contains("handler: "));
        line.map(|line| line.split("handler: ").nth(1).unwrap().to_owned())
    };
    let none = said(&[]).unwrap();
    assert!(
        none.contains("orders count as processed without calling anybody"),
        "{none}"
    );
    assert!(none.contains("handler.kind = \"http\""), "{none}");
    let url = "handler.url=https://user:s3cret@shop.example:8443/s3cret?s3cret";
    let secret = format!("handler.secret={SECRET},{OTHER_SECRET}");
    let http = said(&["--set", "handler.kind=http", "--set", url, "--set", &secret]).unwrap();
    assert!(
        http.contains("https://shop.example:8443 (through the proxy "),
        "{http}"
    );
    assert!(http.contains("signed by 2 secrets"), "{http}");
    assert!(!http.contains("s3cret"), "{http}");
    assert_eq!(said(&["--set", "worker.enabled=false"]), None);
}
