//! The result of an order: the JSON body of a 2xx answer, on one line, if readers of the order can take it. A body that they
//! cannot take is dropped with a warning; the order is done all the same.

use std::sync::Arc;

use domain::OrderId;
use domain::order::MAX_RESULT_BYTES;
use serde_json::Value;

use crate::answer::Answer;

/// The most levels of nesting, so that every reader of an order can read it with its result.
const MAX_RESULT_DEPTH: usize = 64;

/// A JSON body. Objects and arrays are taken whatever their content type is called.
pub(crate) fn of(answer: &Answer, order_id: OrderId) -> Option<Arc<str>> {
    let is_json = answer.content_type.contains("json");
    let looks_like_json = matches!(answer.body.trim_ascii_start().first(), Some(b'{' | b'['));
    if !(is_json || looks_like_json) || answer.body.trim_ascii().is_empty() {
        return None;
    }
    let dropped = |reason: &str| {
        tracing::warn!(%order_id, reason, "the endpoint's result is dropped; the order is done");
        None
    };
    if answer.is_cut {
        return dropped("it is larger than 64 KiB");
    }
    // Checked as a value and kept as a text: numbers keep their digits.
    if serde_json::from_slice::<Value>(&answer.body).is_err() {
        return if is_json {
            dropped("it is not valid JSON, or nested too deep")
        } else {
            None
        };
    }
    let Some(text) = compact(&answer.body) else {
        return dropped("it is nested too deep");
    };
    if text.len() > MAX_RESULT_BYTES {
        return dropped("it is larger than 8 KiB");
    }
    Some(Arc::from(text))
}

/// Valid JSON without its white space; `None` if it is nested too deep.
fn compact(json: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped, mut depth) = (false, false, 0_usize);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_RESULT_DEPTH {
                    return None;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        out.push(*byte);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use domain::OrderId;
    use reqwest::StatusCode;

    use super::{Answer, compact, of};

    fn result(content_type: &str, body: &str) -> Option<String> {
        let answer = Answer {
            status: StatusCode::OK,
            content_type: content_type.to_owned(),
            location: None,
            retry_after: None,
            body: body.as_bytes().to_vec(),
            is_cut: false,
        };
        of(&answer, OrderId::from_bytes([1; 16])).map(|text| text.to_string())
    }

    #[test]
    fn a_json_result_keeps_its_digits_and_loses_its_white_space() {
        let body =
            "{ \"amount\" : 10.10,\n \"id\": 12345678901234567890123, \"note\": \"a \\\" b\\\\\" }";
        let expected = r#"{"amount":10.10,"id":12345678901234567890123,"note":"a \" b\\"}"#;
        assert_eq!(result("application/json", body).as_deref(), Some(expected));
        assert_eq!(result("text/plain", "[1, 2]").as_deref(), Some("[1,2]"));
        assert_eq!(result("application/json", "7").as_deref(), Some("7"));
        assert_eq!(result("text/plain", "7"), None);
    }

    #[test]
    fn a_result_that_would_break_its_readers_is_dropped() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let text_of = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        for body in [
            "{",
            "{\"a\":1}}",
            "\"\\ud800\"",
            "[1e999]",
            "{'a':1}",
            &nested(65),
            &text_of(8 * 1024 + 1),
            "",
            "  ",
        ] {
            assert_eq!(result("application/json", body), None, "{body:.40}");
        }
        for body in [nested(64), text_of(8 * 1024)] {
            assert_eq!(result("application/json", &body).as_ref(), Some(&body));
        }
        assert_eq!(compact(br#""]]]]{{{{""#).as_deref(), Some(r#""]]]]{{{{""#));
    }
}
