//! `POST /v1/orders`: takes one order. 201 once it is durable; 200 if its external id was known with the same body; a
//! known `Idempotency-Key` gets its first answer again.

use application::Placed;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{CheckRules, PlaceOrder};
use order_json::{OrderForm, Reader, read_order};

use crate::answer::{self, Answer};
use crate::openapi::examples;
use crate::openapi::parameters::IdempotencyKeyParameter;
use crate::openapi::refusals::{BODY, REQUEST, STORE, refusals};
use crate::openapi::schemas::order::{Order, OrderRequest};
use crate::openapi::tags;
use crate::problem::{Code, Problem};
use crate::request::{JsonBody, NoQuery, OptionalKey, RequestCaller};
use crate::state::Edge;

refusals!(PlaceOrderRefusals: REQUEST, BODY, STORE, [
    Code::ExternalIdTaken,
    Code::IdempotencyKeyInFlight,
    Code::IdempotencyKeyReused,
    Code::InvalidHeader,
    Code::InvalidQuery,
    Code::ReceiptStoreUnavailable,
    Code::RefusedByStore,
    Code::UnsupportedMediaType,
]);

/// Place an order
///
/// The answer comes once the order is durable. With an `Idempotency-Key` the request can be sent again safely, however
/// it ended: the first answer comes again, with `Idempotent-Replayed: true`.
#[utoipa::path(
    post,
    path = "/v1/orders",
    operation_id = "placeOrder",
    tag = tags::ORDERS,
    params(IdempotencyKeyParameter),
    request_body(content = OrderRequest, examples(
        ("of lines" = (value = json!(examples::new_order()))),
        ("of totals and adjustments" = (value = json!(examples::new_order_with_totals()))),
        ("of an amount" = (value = json!(examples::order_of_an_amount()))),
    )),
    responses(
        (
            status = 201,
            description = "A new order, durable. The first answer again if the key was used before.",
            headers(("Location"), ("ETag"), ("Cache-Control"), ("Idempotent-Replayed")),
            links(
                ("read" = (operation_id = "getOrder", parameters(("id" = "$response.body#/id")))),
                ("events" = (operation_id = "listEvents", parameters(("id" = "$response.body#/id")))),
                ("cancel" = (operation_id = "cancelOrder", parameters(("id" = "$response.body#/id")))),
                ("hold" = (operation_id = "holdOrder", parameters(("id" = "$response.body#/id")))),
            ),
            body = Order,
            example = json!(examples::order("PENDING", 1)),
        ),
        (
            status = 200,
            description = "The user's order of this `external_id`, as it is now: the same content made it.",
            headers(("ETag"), ("Cache-Control")),
            body = Order,
            example = json!(examples::order("PENDING", 1)),
        ),
        PlaceOrderRefusals,
    ),
)]
pub(crate) async fn place_order(
    State(edge): State<Edge>,
    _: NoQuery,
    OptionalKey(key): OptionalKey,
    RequestCaller(caller): RequestCaller,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let rules = CheckRules::new_orders(edge.settings.default_currency);
    let command = read_command(&body, rules)?;
    drop(body);
    let placed = edge.orders.place(&caller, command, key).await?;
    Ok(match &placed {
        Placed::Created(order) => answer::created(order, false),
        Placed::Replayed(order) => answer::created(order, true),
        Placed::Existing(order) => answer::order(StatusCode::OK, order),
    })
}

/// The fields that only rows of a batch have are named with where they belong here.
const SINGLE: OrderForm = OrderForm::Single {
    key_belongs: "belongs in the Idempotency-Key header; only rows of a batch carry it",
    history_belongs: "belongs to rows of a batch: POST /v1/orders/batch",
};

fn read_command(bytes: &[u8], rules: CheckRules) -> Result<PlaceOrder, Problem> {
    let mut faults = Vec::new();
    let mut reader = Reader::new(bytes)?;
    let input = read_order(&mut reader, SINGLE, &mut faults)?;
    reader.finish()?;
    PlaceOrder::check(input.draft, rules, &mut faults).ok_or_else(|| Problem::invalid_body(faults))
}
