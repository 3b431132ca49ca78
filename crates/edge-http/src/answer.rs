//! Making answers: bytes, type, and the headers of an order. Handlers call it; the layers add what all answers have.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use domain::{Order, Version};
use order_json::write_order;

/// An answer on its way out.
pub(crate) type Answer = Response<Body>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// A page elsewhere in the same browser must not find an order in a shared cache, nor an old one in its own.
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// The headers of a new order's answer. Their map has room for six, then for twelve.
const HEADERS: usize = 6;

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Answer {
    json_with_room(status, body, HEADERS)
}

/// A JSON answer that will have so many headers.
pub(crate) fn json_with_room(status: StatusCode, body: Vec<u8>, headers_to_come: usize) -> Answer {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(headers_to_come);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NOT_KEPT);
    response
}

/// A text answer.
pub(crate) fn text(status: StatusCode, body: impl Into<Body>) -> Answer {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(CACHE_CONTROL, NOT_KEPT);
    response
}

/// One order, with its version as ETag.
pub(crate) fn order(status: StatusCode, order: &Order) -> Answer {
    let mut body = Vec::with_capacity(640);
    write_order(order, &mut body);
    let mut response = json(status, body);
    response
        .headers_mut()
        .insert(ETAG, entity_tag(order.version));
    response
}

/// A new order: 201 with its address; `is_replay` marks the first answer of a key given again.
pub(crate) fn created(created: &Order, is_replay: bool) -> Answer {
    let mut response = order(StatusCode::CREATED, created);
    let mut location = [0; 47];
    location[..11].copy_from_slice(b"/v1/orders/");
    created
        .id
        .as_uuid()
        .as_hyphenated()
        .encode_lower(&mut location[11..]);
    let location = HeaderValue::from_bytes(&location).expect("an order's address is visible ASCII");
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    if is_replay {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The order is as the client knows it.
pub(crate) fn not_modified(version: Version) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(ETAG, entity_tag(version));
    response
}

fn entity_tag(version: Version) -> HeaderValue {
    if version == Version::FIRST {
        return HeaderValue::from_static("\"1\"");
    }
    HeaderValue::try_from(format!("\"{version}\"")).expect("a quoted number is a header value")
}
