//! The message of a failure: the status, where a redirect leads, and what the body says. Bounded; shows no user name and no
//! password of a URL. Called with each answer that is not 2xx.

use std::error::Error as _;

use serde_json::Value;

use crate::answer::Answer;

/// How much of a body's text is quoted.
const MAX_QUOTED_CHARS: usize = 300;
/// How much of a Location is quoted.
const MAX_LOCATION_CHARS: usize = 300;

/// Such as `422 Unprocessable Entity: no stock` or `307 Temporary Redirect to https://example.com/new`.
pub(crate) fn of(answer: &Answer) -> String {
    let mut message = answer.status.as_u16().to_string();
    if let Some(reason) = answer.status.canonical_reason() {
        message.push(' ');
        message.push_str(reason);
    }
    if answer.status.is_redirection()
        && let Some(location) = &answer.location
    {
        message.push_str(" to ");
        message.push_str(&shown(location));
    }
    if let Some(text) = text_of(answer) {
        message.push_str(": ");
        message.push_str(&text);
    }
    message
}

/// An error with its causes. The URL is left out: it may hold a secret, and the operator knows it.
pub(crate) fn of_error(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message.push_str(": ");
        message.push_str(&source.to_string());
        cause = source.source();
    }
    message
}

/// A URL, or a part of one, on one line and without a user name and password.
fn shown(location: &str) -> String {
    let printable: String = location.chars().filter(|c| !c.is_control()).collect();
    let without = match printable.find("//") {
        // The authority is what follows `//`, if nothing but a scheme is before it.
        Some(at) if !printable[..at].contains(['/', '?', '#']) => {
            let (scheme, rest) = printable.split_at(at + 2);
            let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}{}", &rest[host..])
        }
        _ => printable,
    };
    without.chars().take(MAX_LOCATION_CHARS).collect()
}

fn text_of(answer: &Answer) -> Option<String> {
    if let Ok(body) = serde_json::from_slice::<Value>(&answer.body) {
        return text_of_json(&body).map(|text| quoted(&text));
    }
    if answer.content_type.contains("html") {
        return None;
    }
    let text = String::from_utf8_lossy(&answer.body);
    Some(quoted(text.trim())).filter(|text| !text.is_empty())
}

/// The sentence in a JSON error, in the common shapes: problem+json, `{"message"}`, `{"error": ...}`.
fn text_of_json(body: &Value) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::{Answer, of};

    fn message(status: u16, location: Option<&str>, content_type: &str, body: &str) -> String {
        of(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: content_type.to_owned(),
            location: location.map(str::to_owned),
            retry_after: None,
            body: body.as_bytes().to_vec(),
            is_cut: false,
        })
    }

    #[test]
    fn a_rejection_carries_the_text_of_the_body() {
        for (content_type, body, text) in [
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
            ("text/plain", " no stock ", ": no stock"),
            ("text/html", "<h1>no stock</h1>", ""),
            ("application/json", "{\"error\":null}", ""),
            ("", "", ""),
        ] {
            let expected = format!("422 Unprocessable Entity{text}");
            assert_eq!(message(422, None, content_type, body), expected);
        }
        let long = message(422, None, "text/plain", &"x".repeat(1000));
        assert_eq!(long.chars().filter(|c| *c == 'x').count(), 300);
    }

    #[test]
    fn a_redirect_shows_where_it_leads_without_a_user_name_and_password() {
        for (location, shown) in [
            ("https://example.com/new?a=b", "https://example.com/new?a=b"),
            ("/login?next=//u:p@h/", "/login?next=//u:p@h/"),
            ("https://user:s3cret@example.com/x", "https://example.com/x"),
            ("//user:s3c@ret@example.com", "//example.com"),
            ("https://s3cret@example.com?x@y", "https://example.com?x@y"),
            ("new\u{1b}[31m", "new[31m"),
        ] {
            let message = message(308, Some(location), "text/html", "<h1>Moved</h1>");
            assert_eq!(message, format!("308 Permanent Redirect to {shown}"));
        }
        let long = format!("https://example.com/{}", "x".repeat(5000));
        assert!(message(301, Some(&long), "", "").len() < 400);
        assert_eq!(message(301, None, "", ""), "301 Moved Permanently");
        assert_eq!(
            message(401, Some("/login"), "", ""),
            "401 Unauthorized",
            "a Location means this only in a redirect"
        );
    }
}
