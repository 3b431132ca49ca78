//! The dialects: the interfaces of three other order systems, on addresses of their own. Each system has one file, which
//! translates to the use cases that `/v1` uses: [`orderflow`], [`ordersystem`] (the one that calls itself orderSystem)
//! and [`order_system`] (Order System). The last two share an address: [`orders`].
//!
//! `router` finds the addresses, `endpoints` calls [`call`], `dispatch` renders refusals in the dialect's [`Voice`].
//! The rules of `/v1` (Accept, Content-Type, unknown fields, problem+json) do not apply here; the rules that do, and the
//! intended differences from those systems, are in docs/DIALECTS.md.

mod fields;
mod order_system;
mod orderflow;
mod orders;
mod orders_body;
pub(crate) mod ordersystem;
mod voice;

use std::borrow::Cow;

use application::{PlaceError, Placed};
use axum::http::Method;
use domain::{CheckRules, Currency, Fault, OrderDraft, PlaceOrder};

use crate::answer::Answer;
use crate::problem::{Code, Problem};
use crate::request::{Incomer, key, read_body};
use crate::state::EdgeState;

pub(crate) use voice::Voice;

/// An address of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'p> {
    /// `/api/orders` of orderflow.
    ApiOrders,
    /// `/health` of orderflow, with ours in it.
    Health,
    /// `/orders`, which orderSystem and Order System share.
    Orders,
    /// `/orders/{id}` of orderSystem.
    Order(&'p str),
}

/// A request at such an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call<'p> {
    AllowOrigins,
    SayHealth,
    PlaceApiOrder,
    ListApiOrders,
    PlaceOrder,
    GetOrder(&'p str),
}

impl<'p> Place<'p> {
    /// The dialect's address with these segments.
    pub(crate) fn of(first: &str, second: Option<&'p str>) -> Option<Self> {
        match (first, second) {
            ("api", Some("orders")) => Some(Self::ApiOrders),
            ("orders", None) => Some(Self::Orders),
            // A trailing slash names no order.
            ("orders", Some(id)) if !id.is_empty() => Some(Self::Order(id)),
            _ => None,
        }
    }

    /// What `method` does here.
    pub(crate) fn call(self, method: &Method) -> Result<Call<'p>, Problem> {
        match (self, method) {
            (Self::ApiOrders | Self::Health, &Method::OPTIONS) => Ok(Call::AllowOrigins),
            (Self::Health, _) => Ok(Call::SayHealth),
            (Self::ApiOrders, &Method::POST) => Ok(Call::PlaceApiOrder),
            (Self::ApiOrders, &Method::GET) => Ok(Call::ListApiOrders),
            (Self::ApiOrders, _) => Err(Problem::method_not_allowed("GET, POST, OPTIONS")),
            (Self::Orders, &Method::POST) => Ok(Call::PlaceOrder),
            (Self::Orders, _) => Err(Problem::method_not_allowed("POST")),
            (Self::Order(id), &Method::GET | &Method::HEAD) => Ok(Call::GetOrder(id)),
            (Self::Order(_), _) => Err(Problem::method_not_allowed("GET, HEAD")),
        }
    }

    /// The address without the clients' data in it: safe to log.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::ApiOrders => "/api/orders",
            Self::Health => "/health",
            Self::Orders => "/orders",
            Self::Order(_) => "/orders/{id}",
        }
    }

    /// The form of refusals here.
    pub(crate) const fn voice(self) -> Voice {
        match self {
            Self::ApiOrders | Self::Health => Voice::Orderflow,
            Self::Orders | Self::Order(_) => Voice::PlainText,
        }
    }
}

/// Answers a request.
pub(crate) async fn call(
    call: Call<'_>,
    edge: &EdgeState,
    incomer: Incomer<'_>,
) -> Result<Answer, Problem> {
    match call {
        Call::PlaceApiOrder => orderflow::place(edge, incomer).await,
        Call::PlaceOrder => orders::place(edge, incomer).await,
        Call::GetOrder(id) => Box::pin(ordersystem::get(edge, incomer, id)).await,
        Call::ListApiOrders => Box::pin(orderflow::list(edge, incomer)).await,
        Call::SayHealth => Box::pin(orderflow::say_health(edge, incomer.trace())).await,
        Call::AllowOrigins => Ok(orderflow::allow_origins()),
    }
}

/// Places the order that `read` finds in the body; what `read` returns with it is for making the answer.
async fn place<T>(
    edge: &EdgeState,
    incomer: Incomer<'_>,
    read: impl FnOnce(&[u8], Currency) -> Result<(PlaceOrder, T), Problem>,
) -> Result<(Result<Placed, PlaceError>, T), Problem> {
    let settings = &edge.settings;
    let trace = incomer.trace();
    let headers = &incomer.parts.headers;
    // None of the systems had keys; a key that a client or a proxy sends is honoured.
    let key = key(headers)?;
    let limit = settings.max_body_bytes;
    let bytes = read_body(edge, headers, incomer.body, incomer.began, limit).await?;
    let (command, with) = read(bytes.as_sent(), settings.default_currency)?;
    drop(bytes);
    let caller = edge.caller(trace);
    let placed = edge.orders.place(&caller, command, key).await;
    Ok((placed, with))
}

/// The command of a draft; or its faults in the form of `refusal`, with the dialect's own `names` of the fields.
fn checked(
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
fn bad_request(words: impl Into<Cow<'static, str>>) -> Problem {
    Problem::in_words(Code::DialectRefused, words)
}

/// Whether the text of a number is above zero, decided by its digits alone.
fn is_above_zero(number: &str) -> bool {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    !number.starts_with('-') && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'))
}

/// Appends an amount as those systems print it: as a number without trailing zeros.
fn write_short_amount(minor: u64, currency: Currency, out: &mut Vec<u8>) {
    let amount = domain::Money::new(minor, currency)
        .map_or_else(|_| minor.to_string(), |money| money.to_string());
    let short = if amount.contains('.') {
        amount.trim_end_matches('0').trim_end_matches('.')
    } else {
        &amount
    };
    out.extend_from_slice(short.as_bytes());
}
