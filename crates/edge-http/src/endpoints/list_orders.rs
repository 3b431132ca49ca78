//! `GET /v1/orders` and `GET /v1/dead-letters`: pages of orders, newest first.

use application::ports::{ListFilter, OrderPage};
use application::{Caller, ListCursor, ListRequest};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use domain::{OrderId, Status};
use order_json::write_order;

use super::page_end::write_page_end;
use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::parameters::{
    CreatedFromParameter, CreatedToParameter, CursorParameter, ExternalIdParameter,
    FailureCodeParameter, LimitParameter, SourceParameter, StatusParameter, TextPrefixParameter,
    UserIdParameter,
};
use crate::openapi::refusals::{REQUEST, STORE, refusals};
use crate::openapi::schemas::order::OrderPage as OrderPageSchema;
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{Query, RequestCaller};
use crate::state::{Edge, EdgeState};

refusals!(ListRefusals: REQUEST, STORE, [Code::InvalidQuery]);

const ORDERS: [&str; 9] = [
    "user_id",
    "external_id",
    "status",
    "source",
    "created_from",
    "created_to",
    "q",
    "limit",
    "cursor",
];
/// What a cursor of the list is bound to: everything but the page.
const ORDERS_FILTER: [&str; 7] = [
    "user_id",
    "external_id",
    "status",
    "source",
    "created_from",
    "created_to",
    "q",
];
const DEAD_LETTERS: [&str; 4] = ["user_id", "code", "limit", "cursor"];
const DEAD_LETTERS_FILTER: [&str; 2] = ["user_id", "code"];

/// List orders, newest first
///
/// Filters narrow the list together. A page looks at a bounded number of orders: it may be short, or empty, with
/// `has_more: true`; follow `next_cursor`.
#[utoipa::path(
    get,
    path = "/v1/orders",
    operation_id = "listOrders",
    tag = tags::ORDERS,
    params(
        UserIdParameter,
        ExternalIdParameter,
        StatusParameter,
        SourceParameter,
        CreatedFromParameter,
        CreatedToParameter,
        TextPrefixParameter,
        LimitParameter,
        CursorParameter,
    ),
    responses(
        (
            status = 200,
            description = "A page.",
            headers(("Cache-Control")),
            body = OrderPageSchema,
            example = json!(examples::page(examples::order("PROCESSED", 3))),
        ),
        ListRefusals,
    ),
)]
pub(crate) async fn list_orders(
    State(edge): State<Edge>,
    RawQuery(query): RawQuery,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    let mut query = Query::read(query.as_deref(), &ORDERS);
    let filter = ListFilter {
        user_id: query.user_id(),
        external_id: query.external_id(),
        status: query.status(),
        source: query.source(),
        created_from: query.time("created_from"),
        created_to: query.time("created_to"),
        text_prefix: query.short_text("q"),
        failure_code: None,
    };
    if filter.created_from > filter.created_to && filter.created_to.is_some() {
        query.fault(
            "created_from",
            "out_of_range",
            "must not be after created_to",
        );
    }
    let cursor = ListCursor::of("orders", query.conditions(&ORDERS_FILTER));
    page(&edge, &caller, query, filter, &cursor).await
}

/// List dead letters, newest first
///
/// Filters narrow the list together. A page looks at a bounded number of orders: it may be short, or empty, with
/// `has_more: true`; follow `next_cursor`.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    operation_id = "listDeadLetters",
    tag = tags::DEAD_LETTERS,
    params(UserIdParameter, FailureCodeParameter, LimitParameter, CursorParameter),
    responses(
        (
            status = 200,
            description = "A page.",
            headers(("Cache-Control")),
            body = OrderPageSchema,
            example = json!(examples::page(examples::order("FAILED", 3))),
        ),
        ListRefusals,
    ),
)]
pub(crate) async fn list_dead_letters(
    State(edge): State<Edge>,
    RawQuery(query): RawQuery,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    let mut query = Query::read(query.as_deref(), &DEAD_LETTERS);
    let filter = ListFilter {
        user_id: query.user_id(),
        status: Some(Status::Failed),
        failure_code: query.short_text("code"),
        ..ListFilter::default()
    };
    let cursor = ListCursor::of("dead-letters", query.conditions(&DEAD_LETTERS_FILTER));
    page(&edge, &caller, query, filter, &cursor).await
}

async fn page(
    edge: &EdgeState,
    caller: &Caller,
    mut query: Query<'_>,
    filter: ListFilter,
    cursor: &ListCursor,
) -> Result<Answer, Problem> {
    let limit = query.limit();
    let before = query.cursor(cursor).map(OrderId::from_bytes);
    query.finish()?;
    let mut page = Page::default();
    let mut before = before;
    loop {
        let limit_of_read = (limit - page.orders).min(ORDERS_AT_A_TIME);
        let request = ListRequest {
            filter: filter.clone(),
            before,
            limit: limit_of_read,
        };
        let found = edge.orders.list(caller, request).await?;
        // A short answer means that as many orders were looked at as one read may.
        let is_short = found.orders.len() < limit_of_read;
        before = page.add(&found);
        if before.is_none() || is_short || page.orders == limit || page.is_full() {
            break;
        }
    }
    let next = before.map(|id| cursor.write(id.as_bytes()));
    Ok(answer::json(StatusCode::OK, page.finish(next.as_deref())))
}

/// The most orders in memory at a time, because each may be as large as a request.
const ORDERS_AT_A_TIME: usize = 200;
/// A page that has grown to this size ends, and goes on with its cursor: an answer that its client does not take holds no
/// more memory than this and one order.
pub(super) const FULL_PAGE_BYTES: usize = 1024 * 1024;

/// A page as it grows.
#[derive(Debug, Default)]
struct Page {
    data: Vec<u8>,
    orders: usize,
}

impl Page {
    /// Adds orders until it is full; returns where the list continues.
    fn add(&mut self, found: &OrderPage) -> Option<OrderId> {
        for (index, order) in found.orders.iter().enumerate() {
            self.data.extend_from_slice(if self.orders > 0 {
                b","
            } else {
                b"{\"data\":["
            });
            write_order(order, &mut self.data);
            self.orders += 1;
            if self.is_full() && index + 1 < found.orders.len() {
                return Some(order.id);
            }
        }
        found.next_before
    }

    fn is_full(&self) -> bool {
        self.data.len() >= FULL_PAGE_BYTES
    }

    fn finish(mut self, next_cursor: Option<&str>) -> Vec<u8> {
        if self.orders == 0 {
            self.data.extend_from_slice(b"{\"data\":[");
        }
        write_page_end(next_cursor, &mut self.data);
        self.data
    }
}
