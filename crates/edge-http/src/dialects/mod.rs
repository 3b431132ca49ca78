//! The dialects: the interfaces of three other order systems, on addresses of their own. Each system has one file, which
//! translates to the use cases that `/v1` uses: [`orderflow`], [`ordersystem`] (the one that calls itself orderSystem)
//! and [`order_system`] (Order System). The last two share an address: [`orders`].
//!
//! `router` mounts their routes, each with the layer that renders refusals in the dialect's
//! [`ErrorFormat`](crate::error_format::ErrorFormat). The rules of
//! `/v1` (Accept, Content-Type, unknown fields, problem+json) do not apply here; the rules that do, and the intended
//! differences from those systems, are in docs/DIALECTS.md.

mod amounts;
mod fields;
mod order_system;
pub(crate) mod orderflow;
pub(crate) mod orders;
mod orders_body;
pub(crate) mod ordersystem;
mod placing;
