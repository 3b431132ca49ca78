//! How the dialects place an order: read the body, check the draft, and refuse in the dialect's own words.

use std::borrow::Cow;

use application::{Caller, PlaceError, Placed};
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use bytes::Bytes;
use domain::{CheckRules, Currency, Fault, IdempotencyKey, OrderDraft, PlaceOrder};

use crate::openapi::refusals::STORE;
use crate::problem::{Code, Problem};
use crate::request::{OptionalKey, RequestCaller, WholeBody};
use crate::state::Edge;

/// What placing an order is refused for, in any dialect.
pub(super) const PLACING: [Code; 15] = [
    Code::BodyBroken,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    // A dialect has words of its own for what it does not understand.
    Code::DialectRefused,
    Code::ForeignOrigin,
    Code::IdempotencyKeyInFlight,
    Code::IdempotencyKeyReused,
    Code::InvalidHeader,
    Code::ReceiptStoreUnavailable,
    Code::UnsupportedEncoding,
    STORE[0],
    STORE[1],
    STORE[2],
    STORE[3],
    STORE[4],
];

/// A request that places an order. None of the systems had keys; a key that a client or a proxy sends is honoured.
pub(crate) struct Placing {
    caller: Caller,
    key: Option<IdempotencyKey>,
    body: Bytes,
}

impl FromRequest<Edge> for Placing {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let OptionalKey(key) = OptionalKey::from_request_parts(&mut parts, edge).await?;
        let RequestCaller(caller) = RequestCaller::from_request_parts(&mut parts, edge)
            .await
            .unwrap_or_else(|never| match never {});
        let request = Request::from_parts(parts, body);
        let WholeBody(body) = WholeBody::from_request(request, edge).await?;
        Ok(Self { caller, key, body })
    }
}

impl Placing {
    /// Places the order that `read` finds in the body; what `read` returns with it is for making the answer.
    pub(super) async fn place<T>(
        self,
        edge: &Edge,
        read: impl FnOnce(&[u8], Currency) -> Result<(PlaceOrder, T), Problem>,
    ) -> Result<(Result<Placed, PlaceError>, T), Problem> {
        let (command, with) = read(&self.body, edge.settings.default_currency)?;
        drop(self.body);
        let placed = edge.orders.place(&self.caller, command, self.key).await;
        Ok((placed, with))
    }
}

/// The command of a draft; or its faults in the form of `refusal`, with the dialect's own `names` of the fields.
pub(super) fn checked(
    draft: OrderDraft<'_>,
    currency: Currency,
    names: &[(&str, &'static str)],
    refusal: impl FnOnce(String) -> Problem,
) -> Result<PlaceOrder, Problem> {
    let mut faults = Vec::new();
    PlaceOrder::check(draft, CheckRules::new_orders(currency), &mut faults)
        .ok_or_else(|| refusal(sentence(&faults, names)))
}

/// The faults as one sentence.
fn sentence(faults: &[Fault], names: &[(&str, &'static str)]) -> String {
    let words: Vec<String> = faults
        .iter()
        .map(|fault| {
            let known = names.iter().find(|(pointer, _)| *pointer == fault.pointer);
            let name = known.map_or(fault.pointer.trim_start_matches('/'), |(_, name)| name);
            format!("{name} {}", fault.detail)
        })
        .collect();
    words.join("; ")
}

/// A request that the dialect refuses in its own words.
pub(super) fn bad_request(words: impl Into<Cow<'static, str>>) -> Problem {
    Problem::in_words(Code::DialectRefused, words)
}
