//! Conditions and keys: `Idempotency-Key`, `If-Match`, `If-None-Match`.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName};
use domain::{IdempotencyKey, Version};

use crate::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The client's key, where it gave one: once, 1-255 visible ASCII characters.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::invalid_header("Idempotency-Key", "comes twice"));
    }
    let text = std::str::from_utf8(value.as_bytes()).unwrap_or("\u{fffd}");
    IdempotencyKey::new(text)
        .map(Some)
        .map_err(|error| Problem::invalid_header("Idempotency-Key", error.to_string()))
}

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Nothing, or `*`: any version.
    Any,
    /// One of these. Weak tags are left out, because they never match.
    OneOf(Vec<Version>),
}

/// Reads `If-Match`: quoted versions, or `*`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Expected, Problem> {
    let malformed = || {
        Problem::invalid_header(
            "If-Match",
            "must be the ETag of an order, such as \"3\" with its quotes, or *",
        )
    };
    let mut versions = Vec::new();
    let mut is_there = false;
    let mut has_tag = false;
    for value in headers.get_all(IF_MATCH) {
        is_there = true;
        let text = value.to_str().map_err(|_| malformed())?;
        if text.trim() == "*" {
            return Ok(Expected::Any);
        }
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let (is_weak, quoted) = tag
                .strip_prefix("W/")
                .map_or((false, tag), |tag| (true, tag));
            let opaque = quoted
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .ok_or_else(malformed)?;
            has_tag = true;
            if !is_weak {
                // A tag that is none of ours is well-formed and matches nothing.
                versions.extend(opaque.parse().ok().and_then(Version::from_number));
            }
        }
    }
    if is_there && !has_tag {
        return Err(malformed());
    }
    Ok(if is_there {
        Expected::OneOf(versions)
    } else {
        Expected::Any
    })
}

/// Whether `If-None-Match` says that the client has `version` already. Weak comparison, as for reading.
pub(crate) fn is_known(headers: &HeaderMap, version: Version) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
            tag == "*" || opaque.parse().ok().and_then(Version::from_number) == Some(version)
        })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use domain::Version;

    use super::{Expected, if_match};

    #[test]
    fn if_match_takes_quoted_versions_and_a_star() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("if-match", HeaderValue::from_static(value));
            if_match(&headers)
        };
        let version = |number| Version::from_number(number).unwrap();
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), Expected::Any);
        assert_eq!(read("*").unwrap(), Expected::Any);
        assert_eq!(
            read("\"3\", \"4\"").unwrap(),
            Expected::OneOf(vec![version(3), version(4)])
        );
        assert_eq!(read("W/\"3\"").unwrap(), Expected::OneOf(vec![]));
        assert_eq!(read("\"abc\"").unwrap(), Expected::OneOf(vec![]));
        assert!(read("3").is_err());
        assert!(read("").is_err());
        assert!(read(" , ").is_err());
    }
}
