//! What an endpoint's answer means: the outcome table of the `http` handler. Pure; the worker acts on the outcome.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{FaultScope, Outcome};
use domain::order::MAX_RESULT_BYTES;
use domain::{Failure, OrderId};
use reqwest::StatusCode;
use serde_json::Value;

/// Deeper results are dropped, so that whoever reads an order with its result can.
const MAX_RESULT_DEPTH: usize = 64;
/// How much of a body that is no JSON is quoted in a failure.
const MAX_QUOTED_CHARS: usize = 300;

/// An answer whose body, up to a bound, has arrived.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
    /// The body was longer; `body` holds its beginning.
    pub(crate) is_cut: bool,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// The outcome of the attempt that was answered so.
    pub(crate) fn outcome(self, order: OrderId) -> Outcome {
        let status = self.status;
        let retry = |code: &str, scope: FaultScope| Outcome::Retry {
            failure: Failure::new(code, &self.message()),
            after: self.retry_after,
            scope,
        };
        match status.as_u16() {
            200..=299 => Outcome::Done {
                result: self.result(order),
            },
            // Wrongly set up, on either side: moved away, locked, or not there. No order is to scope.
            300..=399 | 401 | 403 | 404 | 405 => {
                retry("endpoint_misconfigured", FaultScope::Endpoint)
            }
            425 | 429 => retry("endpoint_busy", FaultScope::Order),
            408 => retry("endpoint_busy", FaultScope::Unclear),
            400..=499 => Outcome::Rejected(Failure::new("handler_rejected", &self.message())),
            // A gateway speaks for an endpoint that is away; any other 5xx may be this order's doing.
            502..=504 => retry("endpoint_unavailable", FaultScope::Endpoint),
            _ => retry("endpoint_failed", FaultScope::Unclear),
        }
    }

    /// A JSON body, on one line. Objects and arrays are taken whatever their content type is called.
    fn result(&self, order_id: OrderId) -> Option<Arc<str>> {
        let is_json = self.content_type.contains("json");
        let looks_like_json = matches!(self.body.trim_ascii_start().first(), Some(b'{' | b'['));
        if !(is_json || looks_like_json) || self.body.trim_ascii().is_empty() {
            return None;
        }
        let dropped = |reason: &str| {
            tracing::warn!(%order_id, reason, "the endpoint's result is dropped, the order is done all the same");
            None
        };
        if self.is_cut {
            return dropped("it is larger than 64 KiB");
        }
        // Checked as a value and kept as a text: numbers keep their digits.
        if serde_json::from_slice::<Value>(&self.body).is_err() {
            return if is_json {
                dropped("it is no valid JSON")
            } else {
                None
            };
        }
        let Some(text) = compact(&self.body) else {
            return dropped("it is nested too deep");
        };
        if text.len() > MAX_RESULT_BYTES {
            return dropped("it is larger than 8 KiB");
        }
        Some(Arc::from(text))
    }

    /// The status, and what the body says of it.
    fn message(&self) -> String {
        let mut message = self.status.as_u16().to_string();
        if let Some(reason) = self.status.canonical_reason() {
            message.push(' ');
            message.push_str(reason);
        }
        if let Some(words) = self.words() {
            message.push_str(": ");
            message.push_str(&words);
        }
        message
    }

    fn words(&self) -> Option<String> {
        if let Ok(body) = serde_json::from_slice::<Value>(&self.body) {
            return words_of(&body).map(|words| quoted(&words));
        }
        if self.content_type.contains("html") {
            return None;
        }
        let text = String::from_utf8_lossy(&self.body);
        Some(quoted(text.trim())).filter(|words| !words.is_empty())
    }
}

/// The sentence in a JSON error, in the shapes that are common: problem+json, `{"message"}`, `{"error": ...}`.
fn words_of(body: &Value) -> Option<String> {
    if let Some(text) = body.as_str() {
        return Some(text.to_owned()).filter(|text| !text.trim().is_empty());
    }
    let field = |name: &str| body.get(name).filter(|value| !value.is_null());
    for name in ["detail", "message", "error_description", "title"] {
        if let Some(text) = field(name).and_then(Value::as_str) {
            return Some(text.to_owned());
        }
    }
    match field("error") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(nested @ Value::Object(_)) => nested
            .get("message")
            .and_then(Value::as_str)
            .map(str::to_owned),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED_CHARS).collect()
}

/// Valid JSON without its white space; nothing where it is nested too deep.
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
    use super::{Answer, compact};
    use application::ports::{FaultScope, Outcome};
    use domain::OrderId;
    use reqwest::StatusCode;

    fn outcome(status: u16, content_type: &str, body: &str) -> Outcome {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: content_type.to_owned(),
            body: body.as_bytes().to_vec(),
            is_cut: false,
            retry_after: None,
        };
        answer.outcome(OrderId::from_bytes([1; 16]))
    }

    fn result(content_type: &str, body: &str) -> Option<String> {
        match outcome(200, content_type, body) {
            Outcome::Done { result } => result.map(|text| text.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_status_has_the_outcome_of_the_table() {
        for status in 200..300 {
            assert!(
                matches!(outcome(status, "", ""), Outcome::Done { result: None }),
                "{status}"
            );
        }
        for status in 300..1000 {
            let expected = match status {
                300..=399 | 401 | 403 | 404 | 405 | 502..=504 => Some(FaultScope::Endpoint),
                425 | 429 => Some(FaultScope::Order),
                408 | 500.. => Some(FaultScope::Unclear),
                _ => None,
            };
            match (outcome(status, "", ""), expected) {
                (Outcome::Retry { scope, .. }, Some(expected)) => {
                    assert_eq!(scope, expected, "{status}")
                }
                (Outcome::Rejected(failure), None) => {
                    assert_eq!(&*failure.code, "handler_rejected")
                }
                (other, _) => panic!("{status}: {other:?}"),
            }
        }
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
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let large = format!("\"{}\"", "x".repeat(9000));
        for body in [
            "{",
            "{\"a\":1}}",
            "\"\\ud800\"",
            "[1e999]",
            "{'a':1}",
            &deep,
            &large,
            "",
            "  ",
        ] {
            assert_eq!(result("application/json", body), None, "{body:.40}");
        }
        assert_eq!(compact(br#""]]]]{{{{""#).as_deref(), Some(r#""]]]]{{{{""#));
    }

    #[test]
    fn a_rejection_carries_the_words_of_the_body() {
        for (content_type, body, words) in [
            (
                "application/problem+json",
                r#"{"title":"t","detail":"no stock"}"#,
                ": no stock",
            ),
            (
                "application/json",
                r#"{"error":{"message":"no stock"}}"#,
                ": no stock",
            ),
            ("application/json", r#"{"error":"no stock"}"#, ": no stock"),
            ("application/json", r#""no stock""#, ": no stock"),
            ("text/plain", " no\nstock ", ": no stock"),
            ("text/html", "<h1>no stock</h1>", ""),
            ("application/json", "{\"error\":null}", ""),
            ("", "", ""),
        ] {
            let Outcome::Rejected(failure) = outcome(422, content_type, body) else {
                panic!("{body}");
            };
            assert_eq!(*failure.message, format!("422 Unprocessable Entity{words}"));
        }
    }
}
