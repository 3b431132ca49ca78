//! `GET /v1/orders/{id}/events`: what happened to an order, oldest first, one event a version.

use application::{ListCursor, OrderEvents};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use domain::Version;
use order_json::write_event;

use super::list_orders::FULL_PAGE_BYTES;
use super::page_end::write_page_end;
use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::parameters::{CursorParameter, LimitParameter, OrderIdParameter};
use crate::openapi::refusals::{REQUEST, STORE, refusals};
use crate::openapi::schemas::order::EventPage;
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{OrderIdInPath, Query, RequestCaller};
use crate::state::Edge;

refusals!(ListEventsRefusals: REQUEST, STORE, [
    Code::InvalidId,
    Code::InvalidQuery,
    Code::OrderNotFound,
]);

/// What happened to an order, oldest first
///
/// One event for each version, without gaps.
#[utoipa::path(
    get,
    path = "/v1/orders/{id}/events",
    operation_id = "listEvents",
    tag = tags::ORDERS,
    params(OrderIdParameter, LimitParameter, CursorParameter),
    responses(
        (
            status = 200,
            description = "A page.",
            headers(("Cache-Control")),
            body = EventPage,
            example = json!(examples::events()),
        ),
        ListEventsRefusals,
    ),
)]
pub(crate) async fn list_events(
    State(edge): State<Edge>,
    OrderIdInPath(id): OrderIdInPath,
    RawQuery(query): RawQuery,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    let name = id.to_string();
    let cursor = ListCursor::of("events", [("order_id", name.as_str())].into_iter());
    let mut query = Query::read(query.as_deref(), &["limit", "cursor"]);
    let limit = query.limit();
    let after = query
        .cursor(&cursor)
        .and_then(|version| Version::from_number(u32::from_be_bytes(version)));
    query.finish()?;
    // One more than asked for tells whether there is a next page.
    let found = edge.orders.events(&caller, id, after, limit + 1).await?;
    let OrderEvents { order, mut events } = found.ok_or_else(Problem::order_not_found)?;
    let mut has_more = events.len() > limit;
    events.truncate(limit);
    let mut shown = 0;
    let mut body = Vec::with_capacity(64 + events.len().min(1_000) * 640);
    body.extend_from_slice(b"{\"data\":[");
    for (index, sequenced) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        write_event(&sequenced.event, &order, &mut body);
        shown += 1;
        // Every event carries its order's lines: many of a large order fill a page early.
        if body.len() >= FULL_PAGE_BYTES && shown < events.len() {
            has_more = true;
            break;
        }
    }
    let next = events[..shown]
        .last()
        .filter(|_| has_more)
        .map(|last| cursor.write(&last.event.version.get().to_be_bytes()));
    write_page_end(next.as_deref(), &mut body);
    Ok(answer::json(StatusCode::OK, body))
}
