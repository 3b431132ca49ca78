//! The dialects: the interfaces of three other order systems, on addresses of their own. Each system has one file, which
//! translates to the use cases that `/v1` uses: [`orderflow`], [`ordersystem`] (the one that calls itself orderSystem)
//! and [`order_system`] (Order System). The last two share an address: [`orders`].
//!
//! `router` finds the addresses, `endpoints` calls [`call`], `dispatch` renders refusals in the dialect's [`ErrorFormat`].
//! The rules of `/v1` (Accept, Content-Type, unknown fields, problem+json) do not apply here; the rules that do, and the
//! intended differences from those systems, are in docs/DIALECTS.md.

mod amounts;
mod error_format;
mod fields;
mod order_system;
mod orderflow;
mod orders;
mod orders_body;
pub(crate) mod ordersystem;
mod placing;

use axum::http::Method;

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::RequestContext;
use crate::state::EdgeState;

pub(crate) use error_format::ErrorFormat;

/// An address of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'p> {
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

impl<'p> Route<'p> {
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
    pub(crate) const fn error_format(self) -> ErrorFormat {
        match self {
            Self::ApiOrders | Self::Health => ErrorFormat::Orderflow,
            Self::Orders | Self::Order(_) => ErrorFormat::PlainText,
        }
    }
}

/// Answers a request.
pub(crate) async fn call(
    call: Call<'_>,
    edge: &EdgeState,
    context: RequestContext<'_>,
) -> Result<Answer, Problem> {
    match call {
        Call::PlaceApiOrder => orderflow::place(edge, context).await,
        Call::PlaceOrder => orders::place(edge, context).await,
        Call::GetOrder(id) => Box::pin(ordersystem::get(edge, context, id)).await,
        Call::ListApiOrders => Box::pin(orderflow::list(edge, context)).await,
        Call::SayHealth => Box::pin(orderflow::say_health(edge, context.trace())).await,
        Call::AllowOrigins => Ok(orderflow::allow_origins()),
    }
}
