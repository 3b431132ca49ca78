//! `GET /ws`: the opening handshake. What follows it is `connection`.

mod command;
mod connection;
mod frame;
mod one_shot;
mod peer;
mod upgraded;

use application::watch::Watcher;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::uri::{Authority, Uri};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Trace;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::openapi::refusals::refusals;
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::RequestTrace;
use crate::state::{Edge, EdgeState};

use connection::Connection;

refusals!(SocketRefusals: [
    Code::ForeignOrigin,
    Code::InvalidHeader,
    Code::Stopping,
    Code::TooManyStreams,
    Code::UpgradeRequired,
]);

/// Watch orders over a WebSocket
///
/// After the handshake (RFC 6455, version 13) a text frame that is a `Subscribe`, or an order id, subscribes; an
/// `Unsubscribe` unsubscribes. Every text frame of the server is a `StatusChange`, a `SubscribedFrame`, a `ResyncFrame`, a
/// `ReconnectFrame` or an `ErrorFrame`. Close codes: 1003 binary frame, 1007 not UTF-8, 1008 too many subscriptions, 1009 frame too large, 1012 the server stops, 1013 too slow: connect again with the last cursor. This
/// address is for pages of its own host, and for programs; the separate WebSocket port answers any Origin.
#[utoipa::path(
    get,
    path = "/ws",
    operation_id = "openSocket",
    tag = tags::LIVE,
    responses(
        (
            status = 101,
            description = "The connection speaks WebSocket now.",
            headers(("Connection"), ("Upgrade"), ("Sec-WebSocket-Accept")),
        ),
        SocketRefusals,
    ),
)]
pub(crate) async fn open_socket(
    State(edge): State<Edge>,
    trace: RequestTrace,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    if !comes_from_same_host(&request) {
        return Err(Problem::foreign_origin());
    }
    open(&edge, trace, request, |edge, watcher, _| {
        Connection::new(edge, watcher)
    })
}

/// `/ws` of the separate port: any page, and clients of orderSystem.
pub(crate) async fn open_socket_from_anywhere(
    State(edge): State<Edge>,
    trace: RequestTrace,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    open(&edge, trace, request, Connection::with_one_shots)
}

fn open(
    edge: &EdgeState,
    RequestTrace(trace): RequestTrace,
    mut request: Request<Body>,
    connect: impl FnOnce(&EdgeState, Watcher, Trace) -> Connection,
) -> Result<Response<Body>, Problem> {
    let headers = request.headers();
    let is_upgrade = request.method() == Method::GET
        && lists(headers, &CONNECTION, "upgrade")
        && lists(headers, &UPGRADE, "websocket")
        && headers
            .get(SEC_WEBSOCKET_VERSION)
            .map(HeaderValue::as_bytes)
            == Some(b"13");
    if !is_upgrade {
        return Err(Problem::upgrade_required());
    }
    let accept = accept_key(headers).ok_or_else(|| {
        Problem::invalid_header("sec-websocket-key", "must be 16 bytes in base64, once")
    })?;
    if edge.soft.is_cancelled() {
        return Err(Problem::stopping());
    }
    let watcher = edge.hub.watcher(&edge.caller(trace.clone()))?;
    let upgrade = hyper::upgrade::on(&mut request);
    let connection = connect(edge, watcher, trace);
    let hard = edge.hard.clone();
    let give_up = edge.settings.tuning.live.write_timeout;
    let tasks = edge.tasks.clone();
    edge.tasks.spawn(async move {
        match tokio::time::timeout(give_up, upgrade).await {
            Ok(Ok(upgraded)) => {
                let live = upgraded::serve(connection, upgraded).await;
                // A task of its own: this one keeps room for all that led here.
                tasks.spawn(hard.run_until_cancelled_owned(live));
            }
            Ok(Err(error)) => tracing::debug!(%error, "a WebSocket was gone before it began"),
            Err(_) => tracing::debug!("a WebSocket did not begin in time"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Whether a comma-separated header has `token`.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|given| given.trim().eq_ignore_ascii_case(token))
}

fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (key, None) = (keys.next()?, keys.next()) else {
        return None;
    };
    let is_valid = STANDARD
        .decode(key.as_bytes())
        .is_ok_and(|bytes| bytes.len() == 16);
    let accept = derive_accept_key(key.as_bytes());
    is_valid.then(|| HeaderValue::try_from(accept).ok())?
}

/// Whether the page that asks, if it is a page, was served under the name that it asks for. Another page in the same
/// browser may reach this server too, but must not read from it.
fn comes_from_same_host<B>(request: &Request<B>) -> bool {
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return true,
        (Some(origin), None) => origin
            .to_str()
            .ok()
            .and_then(|text| text.parse::<Uri>().ok()),
        (Some(_), Some(_)) => None,
    };
    let asked = request.uri().authority().cloned().or_else(|| {
        let host = request.headers().get(HOST)?;
        host.to_str().ok()?.parse::<Authority>().ok()
    });
    let (Some(origin), Some(asked)) = (origin, asked) else {
        return false;
    };
    let Some(from) = origin.authority() else {
        return false;
    };
    let default_port = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    from.host().eq_ignore_ascii_case(asked.host()) && port(from) == port(&asked)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::comes_from_same_host;

    #[test]
    fn only_pages_of_the_host_that_they_ask_are_let_in() {
        for (host, origin, expected) in [
            ("localhost:8080", "http://localhost:8080", true),
            ("orders.example", "https://orders.example", true),
            ("orders.example", "https://orders.example:443", true),
            ("Orders.Example:443", "https://orders.example", true),
            ("[::1]:8080", "http://[::1]:8080", true),
            ("localhost:8080", "http://localhost:3000", false),
            ("localhost:8080", "http://127.0.0.1:8080", false),
            ("orders.example", "https://evil.example", false),
            (
                "orders.example",
                "https://orders.example.evil.example",
                false,
            ),
            ("orders.example", "null", false),
            ("orders.example", "file://", false),
            ("orders.example", "", false),
            ("", "https://orders.example", false),
        ] {
            let request = Request::get("/ws")
                .header("host", host)
                .header("origin", origin)
                .body(())
                .unwrap();
            assert_eq!(comes_from_same_host(&request), expected, "{host} {origin}");
        }
        assert!(comes_from_same_host(&Request::get("/ws").body(()).unwrap()));
    }
}
