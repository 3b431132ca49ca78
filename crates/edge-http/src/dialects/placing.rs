//! How the dialects place an order: read the body, check the draft, and refuse in the dialect's own words.

use std::borrow::Cow;

use application::{PlaceError, Placed};
use domain::{CheckRules, Currency, Fault, OrderDraft, PlaceOrder};

use crate::problem::{Code, Problem};
use crate::request::{RequestContext, key, read_body};
use crate::state::EdgeState;

/// Places the order that `read` finds in the body; what `read` returns with it is for making the answer.
pub(super) async fn place<T>(
    edge: &EdgeState,
    context: RequestContext<'_>,
    read: impl FnOnce(&[u8], Currency) -> Result<(PlaceOrder, T), Problem>,
) -> Result<(Result<Placed, PlaceError>, T), Problem> {
    let settings = &edge.settings;
    let trace = context.trace();
    let headers = &context.parts.headers;
    // None of the systems had keys; a key that a client or a proxy sends is honoured.
    let key = key(headers)?;
    let limit = settings.max_body_bytes;
    let bytes = read_body(edge, headers, context.body, context.began, limit).await?;
    let (command, with) = read(bytes.as_sent(), settings.default_currency)?;
    drop(bytes);
    let caller = edge.caller(trace);
    let placed = edge.orders.place(&caller, command, key).await;
    Ok((placed, with))
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
