//! The servers that the tests call, an order, and a handler of a URL.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapter_webhook::{HttpHandler, HttpHandlerSettings};
use application::ports::{FaultScope, Outcome};
use application::system::SystemClock;
use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::routing::any;
use domain::order::Line;
use domain::text::{ExternalId, ProductName, Sku};
use domain::{
    Cause, Currency, Money, Order, OrderId, PlaceOrder, Quantity, ReceiptLocation, ReceiptTemplate,
    Source, Timestamp, UserId,
};
use outbound_http::Proxies;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The secret of docs/HANDLER.md.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The order of docs/HANDLER.md, claimed for its first attempt.
pub(crate) fn order() -> Order {
    let now = Timestamp::parse("2026-01-31T12:00:00.000Z").unwrap();
    let user_id = UserId::new("alice").unwrap();
    let id = OrderId::new(now, &user_id, 0x1f5a_0d6f_0a9b_3c11);
    let line = Line {
        sku: Some(Sku::new("KB-1").unwrap()),
        product_name: ProductName::new("Mechanical Keyboard é").unwrap(),
        quantity: Quantity::whole(2).unwrap(),
        unit_price_minor: Some(14_999),
        total_minor: 29_998,
    };
    let command = PlaceOrder {
        user_id,
        external_id: Some(ExternalId::new("A-1").unwrap()),
        source: Source::Api,
        amount: Money::new(29_998, Currency::USD).unwrap(),
        lines: Arc::from([line]),
        adjustments: Arc::from([]),
        metadata: Arc::default(),
        process_after: None,
        receipt_template: ReceiptTemplate::Standard,
    };
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

/// Settings for a URL that is called without a signature and without proxies.
pub(crate) fn settings(url: String) -> HttpHandlerSettings {
    HttpHandlerSettings {
        url,
        secrets: Vec::new(),
        headers: Vec::new(),
        ca_file: None,
        client_certificate: None,
        // Longer than a busy machine takes; tests of time-outs set their own.
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(30),
        idle_connections: 64,
        proxies: Proxies::default(),
    }
}

/// A handler with settings that can be used.
pub(crate) fn with(settings: &HttpHandlerSettings) -> HttpHandler {
    HttpHandler::new(settings, Arc::new(SystemClock::new())).unwrap_or_else(|errors| {
        panic!("{errors:?}");
    })
}

/// A handler of a URL, with a secret.
pub(crate) fn handler(url: String) -> HttpHandler {
    with(&HttpHandlerSettings {
        secrets: vec![SECRET.to_owned()],
        ..settings(url)
    })
}

/// A server that lives as long as the returned set.
pub(crate) async fn serve(router: Router) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, server)
}

/// What a [`serve_next`] endpoint answers next.
#[derive(Clone)]
pub(crate) struct Next(Arc<Mutex<(u16, Option<&'static str>)>>);

impl Next {
    /// From now on this status, with this `Retry-After`.
    pub(crate) fn is(&self, status: u16, retry_after: Option<&'static str>) {
        *self.0.lock().unwrap() = (status, retry_after);
    }
}

/// An endpoint that answers as it was last told, with a JSON body.
pub(crate) async fn serve_next() -> (String, Next, JoinSet<()>) {
    let next = Next(Arc::new(Mutex::new((200, None))));
    let asked = next.clone();
    let answer = move || {
        let (status, retry_after) = *asked.0.lock().unwrap();
        async move {
            let mut response = Response::new(Body::from(r#"{"message":"as the test wants"}"#));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if let Some(text) = retry_after {
                let headers = response.headers_mut();
                headers.insert("retry-after", text.parse().unwrap());
            }
            response
        }
    };
    let (url, server) = serve(Router::new().route("/", any(answer))).await;
    (url, next, server)
}

/// A server that does `with` to each connection, of which nothing has been read yet.
pub(crate) async fn serve_connections<F>(
    with: impl Fn(TcpStream) -> F + Send + 'static,
) -> (String, JoinSet<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(with(stream));
        }
    });
    (url, server)
}

/// One whole request: its head and its body. `None` if the client has closed the connection instead.
pub(crate) async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() == length {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
    }
}

/// Code and scope of an attempt that is to be retried.
pub(crate) fn code_and_scope(outcome: Outcome) -> (String, FaultScope) {
    match outcome {
        Outcome::Retry { failure, scope, .. } => (failure.code.to_string(), scope),
        other => panic!("{other:?}"),
    }
}

/// The message of an attempt that failed.
pub(crate) fn message(outcome: Outcome) -> String {
    match outcome {
        Outcome::Retry { failure, .. } | Outcome::Rejected(failure) => failure.message.to_string(),
        Outcome::Done { .. } => panic!("it is done"),
    }
}
