//! Proxies of the environment, as the command line and a server meet them: never on the way to loopback, and named in every
//! error of a call that went through one.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

use crate::endpoint::{DONE, Endpoint};
use crate::server::{ORDERMILL, Server, wait_until};

const VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// The program with every proxy variable set to this, and without exceptions.
fn behind(proxy: &str) -> Command {
    let mut command = Command::new(ORDERMILL);
    for variable in VARIABLES {
        command.env(variable, proxy);
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A proxy that refuses every request with this answer, and its address.
fn refusing_proxy(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // One small request without a body comes in one piece.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn a_server_and_an_endpoint_on_loopback_are_reached_whatever_the_proxies_are() {
    for proxy in [
        "http://127.0.0.1:1",
        "socks5://127.0.0.1:1",
        "no proxy at all",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::answering(DONE);
        let mut serve = behind(proxy);
        serve.arg("serve").arg("--data-dir").arg(folder.path());
        serve.args(["--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
        serve.args(endpoint.settings());
        let server = Server::start_as(&mut serve);
        let by_name = server.url.replace("127.0.0.1", "localhost");
        for url in [&server.url, &by_name] {
            let place = ["place", "--user", "alice", "--amount", "1", "--url", url];
            let placed = behind(proxy).args(place).output().unwrap();
            assert!(
                placed.status.success(),
                "{proxy} {url}: {}",
                stderr(&placed)
            );
        }
        wait_until("the work's end", || {
            server.json("/v1/stats")["processed"] == 2
        });
    }
}

#[test]
fn an_error_of_the_command_line_through_a_proxy_names_the_proxy_without_its_password() {
    let list = |proxy: &str, url: &str| {
        let output = behind(proxy).args(["list", "--url", url]).output().unwrap();
        assert!(!output.status.success());
        let error = stderr(&output);
        assert!(!error.contains("s3cret"), "{error}");
        error
    };
    let dead = "http://user:s3cret@127.0.0.1:1";
    for (url, variable) in [
        ("http://orders.example:8080/", "HTTP_PROXY"),
        ("https://orders.example/", "HTTPS_PROXY"),
    ] {
        let error = list(dead, url);
        let expected = format!(
            "cannot reach {url} (through the proxy http://127.0.0.1:1, set by {variable}): "
        );
        assert!(error.contains(&expected), "{error}");
    }
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope";
    let proxy = refusing_proxy(answer);
    let error = list(
        &format!("http://user:s3cret@{proxy}"),
        "http://orders.example/",
    );
    let expected = format!(
        "the answer is not from an ordermill server (through the proxy http://{proxy}, set by HTTP_PROXY) (403)"
    );
    assert!(error.contains(&expected), "{error}");
    let error = list("s3cret s3cret", "http://orders.example/");
    assert!(
        error.contains("HTTP_PROXY is not the URL of a proxy"),
        "{error}"
    );
}

#[test]
fn an_order_that_fails_on_the_way_through_a_proxy_names_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = behind("http://user:s3cret@127.0.0.1:1");
    serve.arg("serve").arg("--data-dir").arg(folder.path());
    serve.args(["--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
    serve.args(["--set", "handler.kind=http"]);
    serve.args(["--set", "handler.url=http://orders.example/work"]);
    let server = Server::start_as(&mut serve);
    let id = server.place("alice");
    let failure = || server.json(&format!("/v1/orders/{id}"))["failure"].clone();
    wait_until("the first failure", || failure().is_object());
    let failure = failure();
    assert_eq!(failure["code"], "endpoint_unreachable", "{failure}");
    let message = failure["message"].as_str().unwrap();
    let named = "(through the proxy http://127.0.0.1:1, set by HTTP_PROXY)";
    assert!(message.contains(named), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
}
