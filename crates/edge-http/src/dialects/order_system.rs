//! Order System: `POST /orders` with a number of the client's, the `order_id`, which is our external id. It is
//! answered 202 with that number alone; the same number with the same body is the same order.
//!
//! Called by `orders`, which has read the body.

use std::borrow::Cow;
use std::collections::BTreeMap;

use application::Placed;
use axum::http::StatusCode;
use domain::{Currency, ExternalId, Given, OrderDraft, PlaceOrder, Source};
use order_json::write_text;

use super::amounts::is_above_zero;
use super::fields::{self, Field, WrongType};
use super::orders_body::{Fields, incomplete, malformed, refused};
use super::placing::checked;
use crate::answer::{self, Answer};
use crate::problem::Problem;

const NAMES: [(&str, &str); 1] = [("/external_id", "order_id")];

pub(super) fn command(fields: Fields<'_>, currency: Currency) -> Result<PlaceOrder, Problem> {
    let source = fields.source.text().map_err(wrong_type)?;
    let given_currency = fields.currency.text().map_err(wrong_type)?;
    let mut metadata = metadata(fields.metadata)?;
    let order_id = filled(fields.order_id.text().map_err(wrong_type)?);
    let user_id = filled(fields.user_id.text().map_err(wrong_type)?);
    let amount = fields.amount.number().map_err(wrong_type)?;
    let is_an_amount = amount.is_some_and(is_above_zero);
    let (Some(order_id), Some(user_id), Some(amount), true) =
        (order_id, user_id, amount, is_an_amount)
    else {
        return Err(incomplete());
    };
    let source = filled(source).filter(|name| {
        let is_ours = Source::from_name(name).is_some();
        if !is_ours {
            // It accepted any text; one that is not a source of ours is kept in the metadata.
            metadata
                .entry("source".to_owned())
                .or_insert_with(|| name.to_string());
        }
        is_ours
    });
    let draft = OrderDraft {
        user_id: Given::Value(user_id),
        external_id: Given::Value(order_id),
        source: source.into(),
        currency: filled(given_currency).map(in_capitals).into(),
        amount: Given::Value(Cow::Borrowed(amount)),
        metadata: Given::Value(metadata),
        ..OrderDraft::default()
    };
    checked(draft, currency, &NAMES, refused)
}

fn wrong_type(_: WrongType) -> Problem {
    malformed()
}

/// An empty text is the same as none.
fn filled(text: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    text.filter(|text| !text.is_empty())
}

fn in_capitals(code: Cow<'_, str>) -> Cow<'_, str> {
    if code.bytes().any(|b| b.is_ascii_lowercase()) {
        Cow::Owned(code.to_ascii_uppercase())
    } else {
        code
    }
}

fn metadata(field: Field<'_>) -> Result<BTreeMap<String, String>, Problem> {
    match field {
        Field::Missing => Ok(BTreeMap::new()),
        Field::Other(json) => fields::pairs(json)
            .map(|pairs| pairs.into_iter().collect())
            .ok_or_else(malformed),
        Field::Text(_) | Field::Number(_) => Err(malformed()),
    }
}

/// 202, whether the order is new or existed.
pub(super) fn accepted(placed: &Placed) -> Answer {
    let (Placed::Created(order) | Placed::Replayed(order) | Placed::Existing(order)) = placed;
    let order_id = order.external_id.as_ref().map_or("", ExternalId::as_str);
    let mut body = Vec::with_capacity(64 + order_id.len());
    body.extend_from_slice(b"{\"orderId\":");
    write_text(order_id, &mut body);
    body.extend_from_slice(b",\"status\":\"order accepted\"}\n");
    answer::json(StatusCode::ACCEPTED, body)
}
