//! What a call carries: the order, its key, signatures by every secret, and the operator's own headers; and which settings
//! are refused.

use std::path::PathBuf;
use std::sync::Arc;

use adapter_webhook::{ClientCertificate, HttpHandler, HttpHandlerSettings};
use application::ports::OrderHandler as _;
use application::system::SystemClock;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use outbound_http::Proxies;
use standardwebhooks::Webhook;
use tokio::sync::mpsc;

use crate::servers::{SECRET, order, serve, settings, with};

const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The headers and the body of one call by these settings, whose URL is replaced.
async fn sent(settings: HttpHandlerSettings) -> (HeaderMap, Bytes) {
    let (requests, mut received) = mpsc::channel(1);
    let keep = move |headers: HeaderMap, body: Bytes| async move {
        requests.send((headers, body)).await.unwrap();
        StatusCode::NO_CONTENT
    };
    let (url, _server) = serve(Router::new().route("/orders", post(keep))).await;
    let url = format!("{url}/orders");
    with(&HttpHandlerSettings { url, ..settings })
        .handle(&order())
        .await;
    received.recv().await.unwrap()
}

#[tokio::test]
async fn the_call_carries_the_order_its_key_and_a_signature_that_verifies() {
    let (headers, body) = sent(HttpHandlerSettings {
        secrets: vec![SECRET.to_owned()],
        ..settings(String::new())
    })
    .await;
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let order = order();
    assert_eq!(header("idempotency-key"), order.id.to_string());
    assert_eq!(header("webhook-id"), order.id.to_string());
    assert_eq!(header("ordermill-attempt"), "1");
    assert_eq!(header("content-type"), "application/json");
    let verifier = Webhook::new(SECRET).unwrap();
    verifier.verify(&body, &headers).unwrap();
    assert!(verifier.verify(b"{}", &headers).is_err());
    let mut expected = Vec::new();
    order_json::write_order(&order, &mut expected);
    assert_eq!(body, expected);
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["user_id"], order.user_id.as_str());
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.contains(r#""amount":299.98,"#), "{text}");
}

#[tokio::test]
async fn during_a_rotation_the_call_verifies_with_each_of_the_secrets() {
    let (headers, body) = sent(HttpHandlerSettings {
        secrets: vec![SECRET.to_owned(), NEXT_SECRET.to_owned()],
        ..settings(String::new())
    })
    .await;
    for secret in [SECRET, NEXT_SECRET] {
        Webhook::new(secret)
            .unwrap()
            .verify(&body, &headers)
            .unwrap();
    }
    let stranger = Webhook::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    assert!(stranger.verify(&body, &headers).is_err());
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let (headers, _) = sent(settings(String::new())).await;
    assert!(!headers.contains_key("webhook-signature"));
    assert!(headers.contains_key("webhook-id"));
}

#[tokio::test]
async fn own_headers_are_sent_with_every_call() {
    let (headers, _) = sent(HttpHandlerSettings {
        headers: [
            "Authorization: Bearer t0ken",
            "User-Agent: shop",
            "X-A: b, c",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..settings(String::new())
    })
    .await;
    assert_eq!(headers["authorization"], "Bearer t0ken");
    assert_eq!(headers["user-agent"], "shop");
    assert_eq!(headers["x-a"], "b, c");
    assert_eq!(headers["content-type"], "application/json");
}

#[test]
fn every_setting_that_cannot_be_used_is_named_at_once_and_no_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let missing = |name: &str| folder.path().join(name);
    let proxies =
        Proxies::from_variables(|name| (name == "HTTPS_PROXY").then(|| "ftp://s3cret".to_owned()));
    let settings = HttpHandlerSettings {
        secrets: vec!["s3cret".to_owned()],
        headers: vec!["host: s3cret".to_owned()],
        ca_file: Some(missing("ca.pem")),
        client_certificate: Some(ClientCertificate {
            certificate_file: missing("client.pem"),
            key_file: missing("client.key"),
        }),
        proxies,
        ..settings("https://example.com/s3cret".to_owned())
    };
    let Err(errors) = HttpHandler::new(&settings, Arc::new(SystemClock::new())) else {
        panic!("such settings were taken");
    };
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 5, "{texts:#?}");
    for part in [
        "HTTPS_PROXY",
        "whsec_",
        "holds host",
        "ca.pem",
        "client.pem",
    ] {
        let named = texts.iter().filter(|text| text.contains(part));
        assert_eq!(named.count(), 1, "{part}: {texts:#?}");
    }
    let all = format!("{texts:?}{settings:?}");
    assert!(!all.contains("s3cret"), "{all}");
}

#[test]
fn only_absolute_http_urls_are_taken() {
    for url in [
        "",
        "/orders",
        "example.com/orders",
        "ftp://example.com",
        "http://",
        "mailto:a@example.com",
    ] {
        let made = HttpHandler::new(&settings(url.to_owned()), Arc::new(SystemClock::new()));
        let errors = made.err().unwrap_or_default();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 1, "{url:?}");
        assert!(texts[0].contains("absolute http or https URL"), "{texts:?}");
    }
    with(&settings("https://example.com/orders?x=1".to_owned()));
}

#[test]
fn a_file_without_what_it_should_hold_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n", broken] {
        let settings = HttpHandlerSettings {
            ca_file: Some(write("some-ca.pem", text)),
            ..settings("https://example.com".to_owned())
        };
        let made = HttpHandler::new(&settings, Arc::new(SystemClock::new()));
        let errors = made.err().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{text:?}");
        let error = errors[0].to_string();
        assert!(error.contains("some-ca.pem"), "{text:?}: {error}");
    }
}
