//! How requests without a usable name are named, and how the trace that they belong to is read. Edges call it, so that
//! a request looks the same in logs and events on every interface.

use std::sync::Arc;

use domain::{RequestId, Trace};

use crate::ports::Ids;

/// A name for a request that brought none: 16 characters of Crockford's base 32: 80 random bits.
#[must_use]
pub fn fresh(ids: &dyn Ids) -> RequestId {
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

/// The ids of a W3C `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 hexadecimal digits.
    pub trace_id: Arc<str>,
    /// 16 hexadecimal digits: the caller's span.
    pub span_id: Arc<str>,
}

impl TraceContext {
    /// The trace of a request with this id, in this context if there is one.
    #[must_use]
    pub fn trace(context: Option<Self>, request_id: RequestId) -> Trace {
        let (trace_id, span_id) = context
            .map(|context| (context.trace_id, context.span_id))
            .unzip();
        Trace {
            request_id: Some(request_id),
            trace_id,
            span_id,
        }
    }
}

/// Reads a W3C `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`; later versions may append more.
#[must_use]
pub fn trace_context(traceparent: &str) -> Option<TraceContext> {
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
    is_valid.then(|| TraceContext {
        trace_id: Arc::from(trace_id),
        span_id: Arc::from(parent),
    })
}

#[cfg(test)]
mod tests {
    use super::trace_context;

    #[test]
    fn only_a_valid_traceparent_gives_a_trace_id() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = trace_context(good).unwrap();
        assert_eq!(&*context.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(&*context.span_id, "00f067aa0ba902b7");
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(trace_context(bad), None, "{bad}");
        }
    }
}
