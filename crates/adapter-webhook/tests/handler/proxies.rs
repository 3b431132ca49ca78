//! Proxies of the environment: used for endpoints elsewhere, never for loopback, and named in every failure.

use adapter_webhook::HttpHandlerSettings;
use application::ports::{OrderHandler as _, Outcome};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use outbound_http::Proxies;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::servers::{
    code_and_scope, message, order, read_request, serve, serve_connections, settings, with,
};

fn through(proxy: &str, url: &str) -> HttpHandlerSettings {
    let proxy = proxy.to_owned();
    HttpHandlerSettings {
        proxies: Proxies::from_variables(move |name| {
            ["HTTP_PROXY", "HTTPS_PROXY"]
                .contains(&name)
                .then(|| proxy.clone())
        }),
        ..settings(url.to_owned())
    }
}

/// A URL on which nothing listens.
async fn dead() -> String {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    unused.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn an_endpoint_on_loopback_is_called_directly_even_if_the_proxy_is_dead() {
    let (url, _server) = serve(Router::new().route("/", any(|| async {}))).await;
    let port = url.rsplit(':').next().unwrap();
    for url in [url.clone(), format!("http://localhost:{port}/")] {
        let settings = through(&format!("http://{}", dead().await), &url);
        let outcome = with(&settings).handle(&order()).await;
        assert_eq!(outcome, Outcome::Done { result: None }, "{url}");
    }
}

#[tokio::test]
async fn an_endpoint_elsewhere_is_called_through_the_proxy() {
    let (heads, mut received) = mpsc::channel(1);
    let (proxy, _server) = serve_connections(move |mut stream| {
        let heads = heads.clone();
        async move {
            let (head, _) = read_request(&mut stream).await.unwrap();
            heads.send(head).await.unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    let proxy = proxy.replace("http://", "http://user:s3cret@");
    let settings = through(&proxy, "http://orders.example/work");
    let outcome = with(&settings).handle(&order()).await;
    assert_eq!(outcome, Outcome::Done { result: None });
    let head = received.recv().await.unwrap();
    assert!(
        head.starts_with("POST http://orders.example/work HTTP/1.1"),
        "{head}"
    );
    assert!(head.contains("proxy-authorization: Basic "), "{head}");
}

#[tokio::test]
async fn a_failure_through_a_proxy_names_the_proxy_without_its_password() {
    let dead = dead().await;
    for url in ["http://orders.example/work", "https://orders.example/work"] {
        let settings = through(&format!("http://user:s3cret@{dead}"), url);
        let outcome = with(&settings).handle(&order()).await;
        assert_eq!(code_and_scope(outcome.clone()).0, "endpoint_unreachable");
        let message = message(outcome);
        let variable = if url.starts_with("https") {
            "HTTPS_PROXY"
        } else {
            "HTTP_PROXY"
        };
        let named = format!("(through the proxy http://{dead}, set by {variable})");
        assert!(message.contains(&named), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
    let refuse = || async { (StatusCode::PROXY_AUTHENTICATION_REQUIRED, "who are you?") };
    let (proxy, _server) = serve(Router::new().fallback(refuse)).await;
    let settings = through(&proxy, "http://orders.example/work");
    let outcome = with(&settings).handle(&order()).await;
    assert_eq!(code_and_scope(outcome.clone()).0, "endpoint_misconfigured");
    let expected = format!(
        "407 Proxy Authentication Required: who are you? (through the proxy {proxy}, set by HTTP_PROXY)"
    );
    assert_eq!(message(outcome), expected);
}
