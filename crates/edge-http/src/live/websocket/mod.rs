//! `GET /ws`: the opening handshake. What follows it is `connection`. Which pages may open it is decided in `browser`, before
//! the handshake gets here.

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
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
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
/// `ReconnectFrame` or an `ErrorFrame`. Close codes: 1003 binary frame, 1007 not UTF-8, 1008 too many subscriptions, 1009 frame too large, 1012 the server stops, 1013 too slow: connect again with the last cursor.
/// This address is for programs, for the server's own pages, and for pages whose origin is in `http.cors_origins`.
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
    open(&edge, trace, request, |edge, watcher, _| {
        Connection::new(edge, watcher)
    })
}

/// `/ws` of the separate port, which orderSystem's clients use, too.
pub(crate) async fn open_socket_with_one_shots(
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
