//! `GET /v1/orders/{id}/stream` and `GET /v1/stream[?user_id=]`: what is asked for, and where it begins. What follows
//! is `feed`.

mod event;
mod feed;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use application::Caller;
use application::watch::{Cursor, Start, Topic};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use crate::openapi::examples;
use crate::openapi::parameters::{
    LastEventIdParameter, OrderIdParameter, StreamCursorParameter, UserIdParameter,
};
use crate::openapi::refusals::refusals;
use crate::openapi::schemas::live::EventStream;
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{MediaType, OrderIdInPath, Query, RequestCaller, accepts};
use crate::state::{Edge, EdgeState};

use feed::Feed;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to pass every event on at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Chunks between a feed and its connection. Few: what waits longer waits in the watcher's queue, which is bounded.
const WAITING_CHUNKS: usize = 2;

/// The refusals of a stream, which waits for the store before it begins.
const STREAM: [Code; 9] = [
    Code::DeadlinePassed,
    Code::OutcomeUnknown,
    Code::InvalidHeader,
    Code::InvalidQuery,
    Code::NotAcceptable,
    Code::Stopping,
    Code::StoreUnavailable,
    Code::TooManyResuming,
    Code::TooManyStreams,
];
refusals!(StreamRefusals: STREAM);
refusals!(OrderStreamRefusals: STREAM, [Code::InvalidId, Code::OrderNotFound]);

/// Watch all orders, or a user's (server-sent events)
#[utoipa::path(
    get,
    path = "/v1/stream",
    operation_id = "streamOrders",
    tag = tags::LIVE,
    params(UserIdParameter, StreamCursorParameter, LastEventIdParameter),
    responses(
        (
            status = 200,
            description = "The stream. `event: status` carries a `StatusChange`; `event: resync` a `Resync`, if a gap cannot be \
                           filled. Ids are cursors.",
            headers(("Cache-Control"), ("X-Accel-Buffering")),
            body = EventStream,
            content_type = "text/event-stream",
            example = json!(examples::event_stream()),
        ),
        StreamRefusals,
    ),
)]
pub(crate) async fn stream_orders(
    State(edge): State<Edge>,
    RequestCaller(caller): RequestCaller,
    parts: Parts,
) -> Result<Response<Body>, Problem> {
    let mut query = Query::read(parts.uri.query(), &["user_id", "cursor"]);
    let user = query.user_id();
    let cursor = cursor(&mut query, &parts.headers);
    query.finish()?;
    let topic = user.map_or(Topic::Everything, Topic::User);
    let cursor = cursor?;
    open(&edge, &caller, &parts, topic, start(cursor)).await
}

/// Watch an order (server-sent events)
///
/// Its present status comes first; the stream ends with its final status, or when the order is erased.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}/stream",
    operation_id = "streamOrder",
    tag = tags::LIVE,
    params(OrderIdParameter, StreamCursorParameter, LastEventIdParameter),
    responses(
        (
            status = 200,
            description = "The stream. `event: status` carries a `StatusChange`; `event: resync` a `Resync`, if a gap cannot be \
                           filled. Ids are cursors.",
            headers(("Cache-Control"), ("X-Accel-Buffering")),
            body = EventStream,
            content_type = "text/event-stream",
            example = json!(examples::event_stream()),
        ),
        (
            status = 204,
            description = "The order is final, and its last change was seen: nothing more will come.",
        ),
        OrderStreamRefusals,
    ),
)]
pub(crate) async fn stream_order(
    State(edge): State<Edge>,
    OrderIdInPath(id): OrderIdInPath,
    RequestCaller(caller): RequestCaller,
    parts: Parts,
) -> Result<Response<Body>, Problem> {
    let mut query = Query::read(parts.uri.query(), &["cursor"]);
    let cursor = cursor(&mut query, &parts.headers);
    query.finish()?;
    let cursor = cursor?;
    let order = edge.orders.get(&caller, id).await?;
    let order = order.ok_or_else(Problem::order_not_found)?;
    if let Some(cursor) = &cursor
        && order.status.is_final()
        && edge.orders.has_seen_all(&caller, id, cursor).await?
    {
        // The one answer after which an EventSource does not come back.
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    open(&edge, &caller, &parts, Topic::Order(id), start(cursor)).await
}

/// Where the client was: what its last event said, or else what it asks for. Two answers: what the query's fault is
/// belongs to the query.
fn cursor(query: &mut Query<'_>, headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let asked = match query.text("cursor").map(Cursor::parse) {
        Some(Ok(cursor)) => Some(cursor),
        Some(Err(error)) => {
            query.fault("cursor", "invalid", error.to_string());
            None
        }
        None => None,
    };
    let mut given = headers.get_all(LAST_EVENT_ID).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(asked),
        // A client that has not seen an event yet says nothing by it.
        (Some(id), None) if id.is_empty() => Ok(asked),
        (Some(id), None) => id
            .to_str()
            .ok()
            .and_then(|id| Cursor::parse(id).ok())
            .map(Some)
            .ok_or_else(|| {
                Problem::invalid_header("Last-Event-ID", "is not an id that this server gave out")
            }),
        (Some(_), Some(_)) => Err(Problem::invalid_header("Last-Event-ID", "comes twice")),
    }
}

fn start(cursor: Option<Cursor>) -> Start {
    cursor.map_or(Start::Now, Start::After)
}

async fn open(
    edge: &EdgeState,
    caller: &Caller,
    parts: &Parts,
    topic: Topic,
    start: Start,
) -> Result<Response<Body>, Problem> {
    if !accepts(&parts.headers, MediaType::EventStream) {
        return Err(Problem::not_acceptable(MediaType::EventStream.name()));
    }
    if edge.soft.is_cancelled() {
        return Err(Problem::stopping());
    }
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    if parts.method == Method::HEAD {
        return Ok(response);
    }
    let watcher = edge.hub.watcher(caller)?;
    let (chunks, mut received) = mpsc::channel(WAITING_CHUNKS);
    let (begun, has_begun) = oneshot::channel();
    let last_words = chunks.clone();
    let feed = Feed::new(edge, watcher, chunks, topic, start);
    let (hard, settings) = (edge.hard.clone(), Arc::clone(&edge.settings));
    edge.tasks.spawn(async move {
        let running = AssertUnwindSafe(feed.run(begun)).catch_unwind();
        if let Some(Err(_)) = hard.run_until_cancelled_owned(running).await {
            tracing::error!("an event stream was ended by a panic");
            let close = feed::broken_off(&settings.tuning.live);
            // A client that has left, or takes nothing any more, does not get it.
            let _ = last_words
                .send_timeout(close, settings.tuning.live.close_timeout)
                .await;
        }
    });
    // A stream that cannot begin is refused with a status, not with silence.
    has_begun
        .await
        .map_err(|_| {
            if edge.hard.is_cancelled() {
                Problem::stopping()
            } else {
                Problem::internal("the event stream broke off before it began")
            }
        })?
        .map_err(Problem::from)?;
    let chunks = futures_util::stream::poll_fn(move |context| {
        received
            .poll_recv(context)
            .map(|chunk| chunk.map(Ok::<_, Infallible>))
    });
    *response.body_mut() = Body::from_stream(chunks);
    Ok(response)
}
