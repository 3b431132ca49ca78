//! `/`: the dashboard for a browser, and what is here in plain text for everything else; `/dashboard/...`: what the
//! dashboard is made of.

use axum::http::header::VARY;
use axum::http::{HeaderValue, StatusCode};

use super::no_query;
use crate::answer::{self, Answer};
use crate::pages;
use crate::problem::Problem;
use crate::request::RequestContext;

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
GET  /v1/dead-letters/reasons       how many failed, by reason
GET  /v1/stats                      how many orders have each status, and how their processing goes
GET  /                              the dashboard, in a browser
GET  /docs                          all of it in a browser; /openapi.json for programs
GET  /docs/errors/{code}            what an error means and what to do about it
GET  /livez /readyz /health         whether it runs, takes orders, and how it is
";

pub(crate) fn show(context: &RequestContext<'_>) -> Result<Answer, Problem> {
    no_query(context)?;
    let headers = &context.parts.headers;
    if pages::wants_page(headers) {
        return pages::page(headers);
    }
    let mut response = answer::text(StatusCode::OK, PAGE);
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

pub(crate) fn show_file(context: &RequestContext<'_>, path: &str) -> Result<Answer, Problem> {
    no_query(context)?;
    pages::file(&context.parts.headers, path)
}

pub(crate) fn show_docs(context: &RequestContext<'_>) -> Result<Answer, Problem> {
    no_query(context)?;
    pages::docs::page(&context.parts.headers)
}

pub(crate) fn show_docs_file(context: &RequestContext<'_>, file: &str) -> Result<Answer, Problem> {
    no_query(context)?;
    pages::docs::file(&context.parts.headers, file)
}
