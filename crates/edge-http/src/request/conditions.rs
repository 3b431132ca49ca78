//! Conditions and keys: the headers `Idempotency-Key`, `If-Match` and `If-None-Match`.

use std::borrow::Cow;
use std::convert::Infallible;

use application::ExpectedVersion;
use axum::extract::FromRequestParts;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::{IdempotencyKey, Version};

use crate::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The client's key, if there is one: 1-255 visible ASCII characters, sent once, bare or in double quotes.
pub(crate) struct OptionalKey(pub(crate) Option<IdempotencyKey>);

impl<S: Sync> FromRequestParts<S> for OptionalKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        key(&parts.headers).map(Self)
    }
}

/// The versions that a command may find the order at.
pub(crate) struct IfMatch(pub(crate) ExpectedVersion);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if_match(&parts.headers).map(Self)
    }
}

/// The versions that the client has already.
pub(crate) struct IfNoneMatch(Vec<HeaderValue>);

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(IF_NONE_MATCH).iter();
        Ok(Self(values.cloned().collect()))
    }
}

impl IfNoneMatch {
    /// Whether the client has `version`. Weak comparison, as for reading.
    pub(crate) fn names(&self, version: Version) -> bool {
        self.0
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| {
                let opaque = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
                tag == "*" || opaque.parse().ok().and_then(Version::from_number) == Some(version)
            })
    }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::invalid_header("Idempotency-Key", "comes twice"));
    }
    let text = std::str::from_utf8(value.as_bytes()).unwrap_or("\u{fffd}");
    let refused = |detail: String| Problem::invalid_header("Idempotency-Key", detail);
    let key = unquoted(text).ok_or_else(|| {
        refused(
            "begins with a double quote: it must then end with one, and have a backslash before each double quote and \
             backslash inside"
                .to_owned(),
        )
    })?;
    IdempotencyKey::new(&key)
        .map(Some)
        .map_err(|error| refused(error.to_string()))
}

/// The key of either form: bare, or a string of structured fields (RFC 9651, section 3.3.3), as the IETF draft on
/// Idempotency-Key has it. `None` for a string that is not one: to take it as it is would make a second key of it.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = text.strip_prefix('"') else {
        return Some(Cow::Borrowed(text));
    };
    let mut key = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(Cow::Owned(key)),
            '\\' => key.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => key.push(c),
        }
    }
}

/// Reads `If-Match`: quoted versions, or `*`. Weak tags are left out, because they never match.
fn if_match(headers: &HeaderMap) -> Result<ExpectedVersion, Problem> {
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
            return Ok(ExpectedVersion::Any);
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
                // A tag that this server did not make is well-formed and matches nothing.
                versions.extend(opaque.parse().ok().and_then(Version::from_number));
            }
        }
    }
    if is_there && !has_tag {
        return Err(malformed());
    }
    Ok(if is_there {
        ExpectedVersion::OneOf(versions)
    } else {
        ExpectedVersion::Any
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use domain::Version;

    use super::{ExpectedVersion, if_match, unquoted};

    #[test]
    fn a_key_in_double_quotes_is_the_key_inside_them() {
        for (given, key) in [
            ("k", Some("k")),
            ("k\"", Some("k\"")),
            ("a\\b", Some("a\\b")),
            ("\"k\"", Some("k")),
            ("\"\"", Some("")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            ("\"", None),
            ("\"k", None),
            (r#""k\""#, None),
            (r#""a\b""#, None),
            (r#""a"b""#, None),
            (r#""a";p=1"#, None),
        ] {
            assert_eq!(unquoted(given).as_deref(), key, "{given}");
        }
    }

    #[test]
    fn if_match_takes_quoted_versions_and_a_star() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("if-match", HeaderValue::from_static(value));
            if_match(&headers)
        };
        let version = |number| Version::from_number(number).unwrap();
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), ExpectedVersion::Any);
        assert_eq!(read("*").unwrap(), ExpectedVersion::Any);
        assert_eq!(
            read("\"3\", \"4\"").unwrap(),
            ExpectedVersion::OneOf(vec![version(3), version(4)])
        );
        assert_eq!(read("W/\"3\"").unwrap(), ExpectedVersion::OneOf(vec![]));
        assert_eq!(read("\"abc\"").unwrap(), ExpectedVersion::OneOf(vec![]));
        assert!(read("3").is_err());
        assert!(read("").is_err());
        assert!(read(" , ").is_err());
    }
}
