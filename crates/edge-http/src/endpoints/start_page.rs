//! `/`: the dashboard for a browser, and what is here in plain text for everything else; `/dashboard/...`: what the
//! dashboard is made of.

use axum::extract::Path;
use axum::http::header::VARY;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::openapi::parameters::{FileNameParameter, FilePathParameter, IfNoneMatchParameter};
use crate::openapi::refusals::{REQUEST, refusals};
use crate::openapi::tags;
use crate::pages;
use crate::problem::{Code, Problem};
use crate::request::{MediaType, NoQuery, accepts};

refusals!(StartRefusals: REQUEST, [Code::InvalidQuery]);
refusals!(PageRefusals: [Code::InvalidQuery, Code::Overloaded]);
refusals!(FileRefusals: [Code::InvalidQuery, Code::NoSuchRoute, Code::Overloaded]);
refusals!(DocsFileRefusals: REQUEST, [Code::InvalidQuery, Code::NoSuchRoute]);

/// An example of a file of JSON.
fn any_json() -> Value {
    json!({})
}

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

/// The dashboard, or what is here
///
/// A page for a browser, which asks for `text/html`; a text for everything else.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "getStart",
    tag = tags::PAGES,
    params(IfNoneMatchParameter),
    responses(
        (
            status = 200,
            description = "The page, or the text.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"), ("Vary"),
            ),
            content(
                (String = "text/html", example = "<!doctype html>...\n"),
                (String = "text/plain", example = "ordermill takes orders, ...\n"),
            ),
        ),
        (
            status = 304,
            description = "The page has not changed.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"), ("Vary"),
            ),
        ),
        StartRefusals,
    ),
)]
pub(crate) async fn show_start(_: NoQuery, headers: HeaderMap) -> Result<Answer, Problem> {
    if pages::wants_page(&headers) {
        return pages::page(&headers);
    }
    if !accepts(&headers, MediaType::Text) {
        return Err(Problem::not_acceptable(MediaType::Text.name()));
    }
    let mut response = answer::text(StatusCode::OK, PAGE);
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// A file of the dashboard
#[utoipa::path(
    get,
    path = "/dashboard/{*path}",
    operation_id = "getDashboardFile",
    tag = tags::PAGES,
    params(FilePathParameter, IfNoneMatchParameter),
    responses(
        (
            status = 200,
            description = "The file.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"),
            ),
            content(
                (String = "text/javascript", example = "export {};\n"),
                (String = "text/css", example = "body {}\n"),
                (String = "text/html", example = "<!doctype html>...\n"),
                (String = "text/plain", example = "Third-party notices\n"),
                (String = "image/svg+xml", example = "<svg/>\n"),
                (Value = "application/json", example = json!(any_json())),
            ),
        ),
        (
            status = 304,
            description = "The file has not changed.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"),
            ),
        ),
        FileRefusals,
    ),
)]
pub(crate) async fn show_dashboard_file(
    _: NoQuery,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    pages::file(&headers, &path)
}

/// This document as a page
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "getDocs",
    tag = tags::PAGES,
    params(IfNoneMatchParameter),
    responses(
        (
            status = 200,
            description = "The page.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"),
            ),
            body = String,
            content_type = "text/html",
            example = "<!doctype html>...\n",
        ),
        (
            status = 304,
            description = "The page has not changed.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"),
            ),
        ),
        PageRefusals,
    ),
)]
pub(crate) async fn show_docs(_: NoQuery, headers: HeaderMap) -> Result<Answer, Problem> {
    pages::docs::page(&headers)
}

/// What the page at /docs is made of
///
/// The large files are compressed with gzip; a client that does not take that is refused.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "getDocsFile",
    tag = tags::PAGES,
    params(FileNameParameter, IfNoneMatchParameter),
    responses(
        (
            status = 200,
            description = "The file.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"), ("Content-Encoding"), ("Vary"),
            ),
            content(
                (String = "text/javascript", example = "\"use strict\";\n"),
                (String = "text/css", example = "body {}\n"),
                (String = "text/plain", example = "Third-party notices\n"),
            ),
        ),
        (
            status = 304,
            description = "The file has not changed.",
            headers(
                ("Cache-Control"), ("Content-Security-Policy"), ("Cross-Origin-Opener-Policy"), ("ETag"),
                ("Referrer-Policy"), ("Content-Encoding"), ("Vary"),
            ),
        ),
        DocsFileRefusals,
    ),
)]
pub(crate) async fn show_docs_file(
    _: NoQuery,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    pages::docs::file(&headers, &file)
}
