//! `GET /v1/orders` and `GET /v1/dead-letters`: pages of orders, newest first.

use application::order_json::write_order;
use application::ports::{ListFilter, ListQuery};
use axum::http::StatusCode;
use domain::{OrderId, Status};

use super::read;
use crate::answer::{self, Answer};
use crate::json::write_page_end;
use crate::problem::Problem;
use crate::request::{Cursor, Incomer, Query};
use crate::state::EdgeState;

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

pub(super) async fn list_orders(edge: &EdgeState, incomer: Incomer) -> Result<Answer, Problem> {
    let mut query = Query::read(incomer.parts.uri.query(), &ORDERS);
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
    let cursor = Cursor::of("orders", query.conditions(&ORDERS_FILTER));
    page(edge, query, filter, &cursor).await
}

pub(super) async fn list_dead_letters(
    edge: &EdgeState,
    incomer: Incomer,
) -> Result<Answer, Problem> {
    let mut query = Query::read(incomer.parts.uri.query(), &DEAD_LETTERS);
    let filter = ListFilter {
        user_id: query.user_id(),
        status: Some(Status::Failed),
        failure_code: query.short_text("code"),
        ..ListFilter::default()
    };
    let cursor = Cursor::of("dead-letters", query.conditions(&DEAD_LETTERS_FILTER));
    page(edge, query, filter, &cursor).await
}

async fn page(
    edge: &EdgeState,
    mut query: Query<'_>,
    filter: ListFilter,
    cursor: &Cursor,
) -> Result<Answer, Problem> {
    let limit = query.limit();
    let before = query.cursor(cursor).map(OrderId::from_bytes);
    query.finish()?;
    let query = ListQuery {
        filter,
        before,
        limit,
        look_at_most: edge.application.settings().look_at_most,
    };
    let page = read(edge.deadline(), edge.application.list_orders(&query)).await?;
    let mut body = Vec::with_capacity(64 + page.orders.len() * 512);
    body.extend_from_slice(b"{\"data\":[");
    for (index, order) in page.orders.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        write_order(order, &mut body);
    }
    let next = page.next_before.map(|id| cursor.write(id.as_bytes()));
    write_page_end(next.as_deref(), &mut body);
    Ok(answer::json(StatusCode::OK, body))
}
