//! `/`: what is here, for somebody who opens the address in a browser.

use axum::http::StatusCode;

use super::no_query;
use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::request::Incomer;

const PAGE: &str = "\
ordermill takes orders, keeps every one of them, and works each off with one effect.

POST /v1/orders                     take an order: {\"user_id\": \"alice\", \"amount\": 9.99}
GET  /v1/orders/{id}                read it
GET  /v1/orders?user_id=alice       list, newest first
POST /v1/orders/batch               take up to 10,000 (JSON array or NDJSON)
POST /v1/orders/{id}/cancel         also hold, release
GET  /v1/orders/{id}/events         what happened to it
GET  /v1/orders/{id}/receipt        its receipt, once it is PROCESSED
GET  /v1/orders/{id}/stream         watch it (server-sent events)
GET  /v1/stream                     watch all, or ?user_id=
GET  /ws                            watch over a WebSocket: send an order id
GET  /v1/dead-letters               what failed; POST .../{id}/replay or /discard
GET  /v1/stats                      how many orders stand where
GET  /docs/errors/{code}            what an error means and what to do about it
GET  /livez /readyz /health         how the server is
";

pub(super) fn show(incomer: &Incomer) -> Result<Answer, Problem> {
    no_query(incomer)?;
    Ok(answer::text(StatusCode::OK, PAGE))
}
