//! What pages in a browser may do, over a socket: what they change, open and read, from this server, from this machine and from
//! elsewhere.

use application::ports::OrderReader as _;
use domain::OrderId;
use edge_http::{CorsOrigin, HostName};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::answer::{Answer, send};
use crate::raw::say;
use crate::server::Server;

const ORDER: &str = r#"{"user_id":"alice","amount":1}"#;
const API_ORDER: &str = r#"{"user_id":"alice","product_name":"Mug","quantity":1,"price":5}"#;
/// A page on this machine, but not of this server.
const NEIGHBOUR: &str = "http://localhost:3000";
const EVIL: &str = "https://evil.example";

/// Asks in the name of a page.
async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if method == "POST" {
        let body = if path == "/api/orders" {
            API_ORDER
        } else {
            ORDER
        };
        request = request.header("content-type", "application/json");
        request = request.body(body);
    }
    send(request).await
}

fn reader(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

/// The status of a handshake from a page.
async fn handshake(address: std::net::SocketAddr, name: &'static str, value: &str) -> u16 {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert(name, value.parse().unwrap());
    match connect_async(request).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_foreign_page_neither_places_cancels_nor_reads_orders() {
    let server = Server::with(|settings| settings.orderflow_health = true).await;
    let placed = server.place(ORDER).await;
    let id = placed["id"].as_str().unwrap();
    let cancel = format!("/v1/orders/{id}/cancel");
    let foreign: [&[(&str, &str)]; 4] = [
        &[("origin", EVIL)],
        &[("origin", "null")],
        &[("origin", EVIL), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "cross-site")],
    ];
    for headers in foreign {
        for path in ["/v1/orders", "/v1/orders/batch", &cancel] {
            let answer = ask(&server, "POST", path, headers).await;
            assert_eq!((answer.status, &*answer.code()), (403, "foreign_origin"));
            assert!(answer.text.contains("http.cors_origins"), "{}", answer.text);
            assert_eq!(reader(&answer), "", "{path} {headers:?}");
        }
        for path in ["/orders", "/api/orders"] {
            let answer = ask(&server, "POST", path, headers).await;
            assert_eq!(answer.status, 403, "{path} {headers:?}");
            assert!(answer.text.contains("http.cors_origins"), "{}", answer.text);
        }
        // Whatever type the body says it has.
        let plain = server.request("POST", "/orders").body(ORDER);
        let plain = headers.iter().fold(plain, |request, (name, value)| {
            request.header(*name, *value)
        });
        assert_eq!(send(plain).await.status, 403);
    }
    for path in [
        "/v1/orders",
        "/v1/stats",
        "/api/orders",
        "/health",
        "/livez",
    ] {
        for method in ["GET", "OPTIONS"] {
            let headers = [("origin", EVIL), ("access-control-request-method", "POST")];
            let answer = ask(&server, method, path, &headers).await;
            let names = answer.headers.keys().map(|name| name.as_str());
            let cors: Vec<&str> = names
                .filter(|name| name.starts_with("access-control"))
                .collect();
            assert!(cors.is_empty(), "{method} {path}: {cors:?}");
            assert_eq!(answer.header("vary"), "Origin", "{method} {path}");
        }
    }
    let id = OrderId::parse(id).unwrap();
    let order = server.store.get(id).await.unwrap().unwrap();
    assert_eq!(order.status, domain::Status::Pending);
    assert_eq!(server.get("/v1/stats").await.json()["accepted"], 1);
}

#[tokio::test]
async fn pages_of_this_server_and_programs_do_everything() {
    let server = Server::start().await;
    let own = format!("http://{}", server.address);
    for headers in [
        &[("origin", own.as_str()), ("sec-fetch-site", "same-origin")][..],
        &[("sec-fetch-site", "same-origin")],
        &[],
    ] {
        for path in ["/v1/orders", "/api/orders", "/orders"] {
            let answer = ask(&server, "POST", path, headers).await;
            assert_eq!(answer.status, 201, "{path} {headers:?}: {}", answer.text);
        }
        assert_eq!(ask(&server, "GET", "/v1/orders", headers).await.status, 200);
    }
    for address in [server.address, server.ws_address] {
        let own = format!("http://{address}");
        assert_eq!(handshake(address, "origin", &own).await, 101);
        assert_eq!(handshake(address, "user-agent", "a program").await, 101);
    }
}

#[tokio::test]
async fn by_default_pages_of_this_machine_use_the_dialects_and_the_websocket_port() {
    let server = Server::with(|settings| settings.orderflow_health = true).await;
    let page = [("origin", NEIGHBOUR)];
    for path in ["/api/orders", "/orders"] {
        let placed = ask(&server, "POST", path, &page).await;
        assert_eq!((placed.status, reader(&placed)), (201, NEIGHBOUR), "{path}");
        let preflight = [page[0], ("access-control-request-method", "POST")];
        let preflight = ask(&server, "OPTIONS", path, &preflight).await;
        assert_eq!((preflight.status, reader(&preflight)), (204, NEIGHBOUR));
        let types = preflight.header("access-control-allow-headers");
        assert!(types.contains("Content-Type"), "{path}: {types}");
    }
    for path in ["/api/orders", "/health"] {
        let read = ask(&server, "GET", path, &page).await;
        assert_eq!((read.status, reader(&read)), (200, NEIGHBOUR), "{path}");
        assert_eq!(read.header("vary"), "Origin");
    }
    // Refusals can be read, too.
    let missing = ask(&server, "GET", "/orders/none", &page).await;
    assert_eq!((missing.status, reader(&missing)), (404, NEIGHBOUR));
    let placed = ask(&server, "POST", "/v1/orders", &page).await;
    assert_eq!((placed.status, reader(&placed)), (403, ""));
    let read = ask(&server, "GET", "/v1/orders", &page).await;
    assert_eq!((read.status, reader(&read)), (200, ""));
    assert_eq!(handshake(server.ws_address, "origin", NEIGHBOUR).await, 101);
    assert_eq!(handshake(server.address, "origin", NEIGHBOUR).await, 403);
}

#[tokio::test]
async fn a_foreign_page_opens_no_websocket_on_either_port() {
    let server = Server::start().await;
    for address in [server.address, server.ws_address] {
        for origin in [EVIL, "null", "file://", "http://localhost.evil.example"] {
            assert_eq!(handshake(address, "origin", origin).await, 403, "{origin}");
        }
        assert_eq!(
            handshake(address, "sec-fetch-site", "cross-site").await,
            403
        );
    }
}

#[tokio::test]
async fn a_listed_origin_may_send_json_to_every_address() {
    const SHOP: &str = "https://shop.example";
    let server = Server::with(|settings| {
        settings.cors_origins = ["null", SHOP]
            .map(|text| CorsOrigin::parse(text).unwrap())
            .into();
    })
    .await;
    for origin in [SHOP, "null"] {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "content-type,idempotency-key",
            ),
        ];
        let preflight = ask(&server, "OPTIONS", "/v1/orders", &preflight).await;
        assert_eq!((preflight.status, reader(&preflight)), (204, origin));
        let headers = preflight.header("access-control-allow-headers");
        assert!(headers.contains("Content-Type") && headers.contains("Idempotency-Key"));
        assert!(
            preflight
                .header("access-control-allow-methods")
                .contains("POST")
        );
        let placed = ask(&server, "POST", "/v1/orders", &[("origin", origin)]).await;
        assert_eq!((placed.status, reader(&placed)), (201, origin));
        let read = ask(&server, "GET", "/v1/orders", &[("origin", origin)]).await;
        assert_eq!((read.status, reader(&read)), (200, origin));
        for address in [server.address, server.ws_address] {
            assert_eq!(handshake(address, "origin", origin).await, 101, "{origin}");
        }
    }
    // Loopback is an item like any other, and is not listed here.
    let placed = ask(&server, "POST", "/api/orders", &[("origin", NEIGHBOUR)]).await;
    assert_eq!(placed.status, 403);
}

#[tokio::test]
async fn a_proxy_on_this_machine_may_pass_its_own_name_on() {
    let names = ["mill.example"].map(|name| HostName::parse(name).unwrap());
    let server = Server::with(|settings| settings.allowed_hosts = names.into()).await;
    for (host, origin, expected) in [
        ("mill.example", "https://mill.example", 201),
        ("mill.example", EVIL, 403),
        ("evil.example", EVIL, 421),
        ("localhost", "https://mill.example", 201),
    ] {
        let request = format!(
            "POST /v1/orders HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{ORDER}",
            ORDER.len()
        );
        let heard = say(server.address, &request).await;
        assert_eq!(heard.status(), expected, "{host} {origin}: {}", heard.text);
        let named = expected != 421 || heard.text.contains("http.allowed_hosts");
        assert!(named, "{}", heard.text);
    }
}
