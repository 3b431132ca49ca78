//! How a request is named: `X-Request-Id`, the client's where it is usable, and the trace id of `traceparent`.

use std::sync::Arc;

use application::ports::Ids;
use axum::http::{HeaderMap, HeaderName};
use domain::{RequestId, Trace};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The client's own name for the request, if it is 1-128 visible ASCII characters and comes once; else a fresh one.
pub(crate) fn name_of(headers: &HeaderMap, ids: &dyn Ids) -> RequestId {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(name), None) => name
            .to_str()
            .ok()
            .and_then(|name| RequestId::new(name).ok())
            .unwrap_or_else(|| fresh(ids)),
        _ => fresh(ids),
    }
}

/// 16 characters of Crockford's base 32: 80 random bits.
fn fresh(ids: &dyn Ids) -> RequestId {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let random = (u128::from(ids.random()) << 64) | u128::from(ids.random());
    let mut text = [0; 16];
    for (place, character) in text.iter_mut().enumerate() {
        let digit = usize::try_from((random >> (place * 5)) & 31).unwrap_or_default();
        *character = DIGITS[digit];
    }
    let text = std::str::from_utf8(&text).expect("the digits are ASCII");
    RequestId::new(text).expect("16 digits are a request id")
}

/// The request's name with the trace that it belongs to, where it says so.
pub(crate) fn trace_of(headers: &HeaderMap, request_id: RequestId) -> Trace {
    let trace_id = headers
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok())
        .and_then(trace_id);
    Trace {
        request_id: Some(request_id),
        trace_id,
    }
}

/// The trace id of a W3C `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`, where later versions may append more.
fn trace_id(traceparent: &str) -> Option<Arc<str>> {
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_zero = |text: &str| text.bytes().all(|b| b == b'0');
    let mut fields = traceparent.split('-');
    let (version, trace_id, parent, flags) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let is_valid = is_hex(version, 2)
        && version != "ff"
        && (version != "00" || fields.next().is_none())
        && is_hex(trace_id, 32)
        && !is_zero(trace_id)
        && is_hex(parent, 16)
        && !is_zero(parent)
        && is_hex(flags, 2);
    is_valid.then(|| Arc::from(trace_id))
}

#[cfg(test)]
mod tests {
    use super::trace_id;

    #[test]
    fn only_a_valid_traceparent_gives_a_trace_id() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            trace_id(good).as_deref(),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }
}
