//! orderSystem: `POST /orders` of a user and an amount, `GET /orders/{id}`, and what its WebSocket port says of an
//! order that is over; the rest of that port is `live::websocket`'s.
//!
//! `router` mounts its route; `orders`, which has read the body, and the WebSocket port call the rest.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;

use application::{Caller, NamedOrder, Placed};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::{Currency, Given, Order, OrderDraft, PlaceOrder, Status};
use order_json::write_text;

use super::amounts::write_short_amount;
use super::orders_body::{Fields, incomplete, malformed, refused};
use super::placing::checked;
use crate::answer::{self, Answer};
use crate::error_format::ErrorFormat;
use crate::openapi::parameters::OrderNameParameter;
use crate::openapi::refusals::{STORE, refusals};
use crate::openapi::schemas::dialect::NumberedOrder;
use crate::openapi::{examples, tags};
use crate::problem::{Code, Problem};
use crate::request::RequestCaller;
use crate::state::{Edge, EdgeState};

refusals!(GetNumberedOrderRefusals in ErrorFormat::PlainText => STORE, [
    Code::DialectConflict,
    Code::OrderNotFound,
]);

pub(super) fn command(fields: Fields<'_>, currency: Currency) -> Result<PlaceOrder, Problem> {
    let user_id = fields.user_id.text().map_err(|_| malformed())?;
    let amount = fields.amount.number().map_err(|_| malformed())?;
    let (Some(user_id), Some(amount)) = (user_id.filter(|user| !user.is_empty()), amount) else {
        return Err(incomplete());
    };
    let draft = OrderDraft {
        user_id: Given::Value(user_id),
        amount: Given::Value(Cow::Borrowed(amount)),
        ..OrderDraft::default()
    };
    checked(draft, currency, &[], refused)
}

pub(super) fn created(placed: &Placed) -> Answer {
    let (Placed::Created(order) | Placed::Replayed(order) | Placed::Existing(order)) = placed;
    answer(StatusCode::CREATED, order, &order.id.to_string())
}

/// `{"order_id", "user_id", "amount", "status", "created_at"}`, under the number that the client knows it by.
fn answer(status: StatusCode, order: &Order, order_id: &str) -> Answer {
    let mut body = Vec::with_capacity(256);
    body.extend_from_slice(b"{\"order_id\":");
    write_text(order_id, &mut body);
    body.extend_from_slice(b",\"user_id\":");
    write_text(order.user_id.as_str(), &mut body);
    body.extend_from_slice(b",\"amount\":");
    write_short_amount(order.amount.minor(), order.amount.currency(), &mut body);
    // Writing into a Vec cannot fail.
    let _ = writeln!(
        body,
        r#","status":"{}","created_at":"{}"}}"#,
        status_word(order.status),
        order.created_at
    );
    answer::json(status, body)
}

/// Our words are its words.
const fn status_word(status: Status) -> &'static str {
    status.as_str()
}

/// Whether its clients get a message about an order with this status: it no longer changes by itself.
pub(crate) const fn is_over(status: Status) -> bool {
    status.is_final() || matches!(status, Status::Failed)
}

/// `{"order_id", "status"}`: what its WebSocket says once an order is over.
pub(crate) fn write_over(order_id: &str, status: Status, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"order_id\":");
    write_text(order_id, out);
    let _ = write!(out, r#","status":"{}"}}"#, status_word(status));
}

/// Read an order (orderSystem)
///
/// By our id, or by the client's own number; 409 if two users have the same one.
#[utoipa::path(
    get,
    path = "/orders/{id}",
    operation_id = "getNumberedOrder",
    tag = tags::DIALECTS,
    params(OrderNameParameter),
    responses(
        (
            status = 200,
            description = "The order as it is now.",
            headers(("Cache-Control")),
            body = NumberedOrder,
            example = json!(examples::numbered_order()),
        ),
        GetNumberedOrderRefusals,
    ),
)]
pub(crate) async fn get_numbered_order(
    State(edge): State<Edge>,
    id: Result<Path<String>, PathRejection>,
    RequestCaller(caller): RequestCaller,
) -> Result<Answer, Problem> {
    // A name that is no UTF-8 is no order's.
    let Path(id) = id.map_err(|_| Problem::order_not_found())?;
    let order = named(&edge, &caller, &id).await?;
    let order = order.ok_or_else(Problem::order_not_found)?;
    Ok(answer(StatusCode::OK, &order, &id))
}

/// The order that a client of this dialect means: by our id, or, where that is not ours, by the number that the order
/// had before it came to us.
pub(crate) async fn named(
    edge: &EdgeState,
    caller: &Caller,
    name: &str,
) -> Result<Option<Arc<Order>>, Problem> {
    match edge.orders.find_by_name(caller, name).await? {
        NamedOrder::Unknown => Ok(None),
        NamedOrder::Order(order) => Ok(Some(order)),
        NamedOrder::Several => Err(Problem::in_words(
            Code::DialectConflict,
            "several users have an order of this number; read it by its id, or at /v1/orders with its user",
        )),
    }
}
