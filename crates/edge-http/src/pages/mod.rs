//! The files of pages, as a browser gets them. The dashboard's: `/` for somebody who asks for a page, and `/dashboard/...` for what
//! the page is made of. `endpoints` calls it. It never reads an order, and nothing of it is made at run time.
//!
//! A release carries the files within the binary; a debug build reads them from the repository at each request, so that
//! a reload of the page shows an edit.

pub(crate) mod docs;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::answer::Answer;
use crate::problem::Problem;
use crate::request::{MediaType, asks_for};

#[derive(RustEmbed)]
#[folder = "../../dashboard/page"]
struct Files;

/// The page itself.
const INDEX: &str = "index.html";

/// Nothing but what this server sends, and nothing inline: a text of an order that got past the escaping could still
/// run nothing, send nothing and load nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// An address of the page can hold a user's name: no other site learns it from a link.
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// Kept, but asked for again each time: the files of one version must not meet those of another.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// Whether the client is a browser that opens a page, rather than a tool that would show HTML as it is.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    asks_for(headers, MediaType::Html)
}

/// The dashboard.
pub(crate) fn page(headers: &HeaderMap) -> Result<Answer, Problem> {
    let mut response = file(headers, INDEX)?;
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// One of the dashboard's files, by its path below `/dashboard/`.
pub(crate) fn file(headers: &HeaderMap, path: &str) -> Result<Answer, Problem> {
    let unknown = || Problem::no_such_route(None);
    let content_type = content_type(path).ok_or_else(unknown)?;
    let EmbeddedFile { data, metadata } = Files::get(path).ok_or_else(unknown)?;
    let tag = entity_tag(&metadata.sha256_hash());
    let is_known = has_already(headers, &tag);
    let mut response = Response::new(if is_known {
        Body::empty()
    } else {
        Body::from(data)
    });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    write_policy(headers);
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are visible ASCII");
    headers.insert(ETAG, tag);
    Ok(response)
}

/// What keeps a page of ours to itself.
fn write_policy(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, NO_REFERRER);
    headers.insert(
        CROSS_ORIGIN_OPENER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(CACHE_CONTROL, ASK_AGAIN);
}

/// Whether the client has the file of this tag.
fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag)
}

/// `None` for what is no part of the page.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "html" => Some("text/html; charset=utf-8"),
        "js" | "mjs" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "json" => Some("application/json"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

/// The first half of the content's SHA-256 is plenty to tell versions apart.
fn entity_tag(sha256: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in &sha256[..16] {
        write!(tag, "{byte:02x}").expect("a String takes every write");
    }
    tag.push('"');
    tag
}
