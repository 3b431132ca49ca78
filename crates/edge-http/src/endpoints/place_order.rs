//! `POST /v1/orders`: takes one order. 201 once it is durable; 200 if its external id was known with the same body; a
//! known `Idempotency-Key` gets its first answer again.

use application::Placed;
use axum::http::StatusCode;
use domain::{CheckRules, PlaceOrder};
use order_json::{OrderForm, Reader, read_order};

use super::no_query;
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::{Incomer, JSON, key, media_type, read_body};
use crate::state::EdgeState;

pub(crate) async fn place_order(edge: &EdgeState, incomer: Incomer<'_>) -> Result<Answer, Problem> {
    no_query(&incomer)?;
    let settings = &edge.settings;
    let trace = incomer.trace();
    let headers = &incomer.parts.headers;
    let key = key(headers)?;
    media_type(headers, JSON)?;
    let bytes = read_body(
        edge,
        headers,
        incomer.body,
        incomer.began,
        settings.max_body_bytes,
    )
    .await?;
    let command = read_command(&bytes, CheckRules::new_orders(settings.default_currency))?;
    drop(bytes);
    let caller = edge.caller(trace);
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
