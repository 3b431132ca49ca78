//! A real server process with a data folder of its own. Killed when it is dropped.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use outbound_http::Proxies;
use serde_json::Value;

/// The program under test.
pub const ORDERMILL: &str = env!("CARGO_BIN_EXE_ordermill");

/// The program, in an environment whose proxies are dead: every test runs it so, because proxies never apply to loopback.
pub fn ordermill() -> Command {
    let mut command = Command::new(ORDERMILL);
    with_dead_proxies(&mut command);
    command
}

/// Gives a command an environment whose proxies are dead.
pub fn with_dead_proxies(command: &mut Command) {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, DEAD_PROXY);
        command.env(name.to_lowercase(), DEAD_PROXY);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
}

/// Nothing listens there.
const DEAD_PROXY: &str = "http://127.0.0.1:1";

/// An HTTP client of the tests' own. It follows the rule of the program: whatever proxies the environment names, they do not
/// apply to loopback.
pub fn http_client_builder() -> reqwest::ClientBuilder {
    let loopback = reqwest::Url::parse("http://127.0.0.1/").unwrap();
    let route = Proxies::from_environment().route(&loopback).unwrap();
    route.apply(reqwest::Client::builder())
}

/// [`http_client_builder`]'s, as it is.
pub fn http_client() -> reqwest::Client {
    http_client_builder().build().unwrap()
}

/// A running server.
pub struct Server {
    child: Child,
    /// Where it answers.
    pub url: String,
    /// Where WebSocket has a port of its own.
    pub ws_url: Option<String>,
    /// Host and port of gRPC, where it is served.
    pub grpc_addr: Option<String>,
}

impl Server {
    /// Starts one on a free port.
    pub fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &["--http-addr", "127.0.0.1:0", "--ws-addr", ""])
    }

    /// Starts one with these flags, and waits until it is ready.
    pub fn start_with(data_dir: &Path, flags: &[&str]) -> Self {
        let mut command = ordermill();
        command.arg("serve").arg("--data-dir").arg(data_dir);
        command.args(flags);
        Self::start_as(&mut command)
    }

    /// Starts one by this command, and waits until it is ready.
    pub fn start_as(command: &mut Command) -> Self {
        // Whoever says nothing about gRPC gets it on a free port, too: several servers run at a time.
        command.env("ORDERMILL__GRPC__ADDR", "127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (mut ws_url, mut grpc_addr) = (None, None);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines
                .next()
                .expect("the server ends before it is ready")
                .unwrap();
            if let Some(url) = line.strip_prefix("websocket: listening on ") {
                ws_url = Some(url.to_owned());
            }
            if let Some(addr) = line.strip_prefix("grpc: listening on grpc://") {
                grpc_addr = Some(addr.to_owned());
            }
            if let Some(url) = line.strip_prefix("http: listening on ") {
                break url.to_owned();
            }
        };
        Self {
            child,
            url,
            ws_url,
            grpc_addr,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap().code()
    }

    /// Runs a client command against it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run(&[arguments, &["--url", &self.url]].concat())
    }

    /// Runs a client command that must succeed; what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Places an order of a user; its id.
    pub fn place(&self, user: &str) -> String {
        let placed = self.ok(&["place", "--user", user, "--amount", "1", "--json"]);
        let order: Value = serde_json::from_str(&placed).unwrap();
        order["id"].as_str().unwrap().to_owned()
    }

    /// The JSON at an address.
    pub fn json(&self, path: &str) -> Value {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        let a_minute = Some(Duration::from_secs(60));
        stream.set_read_timeout(a_minute).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        serde_json::from_str(body.unwrap_or_default())
            .unwrap_or_else(|error| panic!("{path}: {error}, {answer}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    ordermill()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A port that is free now, for a server that has to come back on the same one.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Waits until something holds; panics with `what` after a minute.
#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{what} did not come"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
