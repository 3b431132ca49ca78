//! Content negotiation: the type and encoding of a request's body, and the types that a client accepts in an answer.
//! Layers and extractors call it; it never looks into a body.

use std::borrow::Cow;

use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};

use crate::problem::Problem;

/// What the addresses that take one JSON value read.
pub(crate) const JSON: &Readable = &Readable {
    shown: "application/json",
    types: &["application/json"],
};

/// The types of body that an address reads.
#[derive(Debug)]
pub(crate) struct Readable {
    /// As the header `Accept` of a refusal lists them.
    pub(crate) shown: &'static str,
    /// All of them, other spellings too, in lower case.
    pub(crate) types: &'static [&'static str],
}

/// The media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// `application/json`
    Json,
    /// `text/plain`
    Text,
    /// `text/event-stream`
    EventStream,
    /// `text/html`
    Html,
}

impl MediaType {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain",
            Self::EventStream => "text/event-stream",
            Self::Html => "text/html",
        }
    }
}

/// Whether the client accepts `wanted` (RFC 9110, section 12.5.1): the most specific range that fits decides.
pub(crate) fn accepts(headers: &HeaderMap, wanted: MediaType) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    let (kind, _) = wanted.name().split_once('/').unwrap_or_default();
    let mut best: Option<(u8, bool)> = None;
    for range in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let media = in_lower_case(parts.next().unwrap_or_default());
        let specificity = if *media == *wanted.name() {
            2
        } else if media.strip_suffix("/*") == Some(kind) {
            1
        } else if *media == *"*/*" {
            0
        } else {
            continue;
        };
        let is_wanted = !parts.any(|parameter| {
            let quality = parameter
                .strip_prefix("q=")
                .or_else(|| parameter.strip_prefix("Q="));
            quality
                .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0))
        });
        if best.is_none_or(|(known, _)| specificity > known) {
            best = Some((specificity, is_wanted));
        }
    }
    best.is_some_and(|(_, is_wanted)| is_wanted)
}

/// Whether the client asks for `wanted` by its name: a browser that opens a page does, a tool that accepts any type does
/// not.
pub(crate) fn asks_for(headers: &HeaderMap, wanted: MediaType) -> bool {
    let is_named = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|media| media.trim().eq_ignore_ascii_case(wanted.name()));
    is_named && accepts(headers, wanted)
}

/// The type of the body, one of those that the address reads, without its parameters.
///
/// # Errors
/// 415 if there is none, if it comes twice, if it is another one, or if it names a charset other than UTF-8.
pub(crate) fn media_type(
    headers: &HeaderMap,
    readable: &Readable,
) -> Result<&'static str, Problem> {
    let refused = |what: &str| Problem::unsupported_media_type(what, readable.shown);
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(refused("The request has no Content-Type")),
        (Some(_), Some(_)) => return Err(refused("The Content-Type comes twice")),
        (Some(value), None) => value.to_str().unwrap_or("\u{fffd}"),
    };
    let mut parts = value.split(';').map(str::trim);
    let media = in_lower_case(parts.next().unwrap_or_default());
    let known = readable.types.iter().find(|known| **known == media);
    let Some(known) = known else {
        return Err(refused(&format!(
            "The Content-Type {:?} is not read here",
            shown(&media)
        )));
    };
    let charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    });
    for charset in charsets {
        if !charset.eq_ignore_ascii_case("utf-8") {
            return Err(refused(&format!(
                "The charset {:?} is not read, only UTF-8",
                shown(charset)
            )));
        }
    }
    Ok(known)
}

/// Text of a client, as a refusal shows it.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    text.chars().take(MOST).collect()
}

/// Most clients write lower case: then nothing is copied.
fn in_lower_case(media: &str) -> Cow<'_, str> {
    if media.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(media.to_ascii_lowercase())
    } else {
        Cow::Borrowed(media)
    }
}

/// Checks that the body is neither compressed nor otherwise encoded.
///
/// # Errors
/// 415 that names the encoding.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut encodings = values.flat_map(encodings);
    match encodings.find(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        None => Ok(()),
        Some(encoding) => Err(Problem::unsupported_encoding(&shown(encoding))),
    }
}

fn encodings(value: &HeaderValue) -> impl Iterator<Item = &str> {
    let text = value.to_str().unwrap_or("\u{fffd}");
    text.split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{JSON, MediaType, accepts, check_encoding, media_type};

    fn one(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, expected) in [
            ("*/*", true),
            ("application/json", true),
            ("application/*;q=0.1", true),
            ("text/html, application/xhtml+xml, */*;q=0.8", true),
            ("text/html", false),
            ("application/json;q=0, */*", false),
            ("*/*;q=0, application/json", true),
            ("", false),
        ] {
            assert_eq!(
                accepts(&one("accept", accept), MediaType::Json),
                expected,
                "{accept}"
            );
        }
        assert!(accepts(&HeaderMap::new(), MediaType::Json));
        assert!(accepts(&one("accept", "text/plain"), MediaType::Text));
    }

    #[test]
    fn a_body_is_what_its_one_type_says_in_utf_8() {
        for (value, is_read) in [
            ("application/json", true),
            ("Application/JSON; charset=\"UTF-8\"", true),
            ("application/json;charset=utf-8; x=y", true),
            ("application/json; charset=latin1", false),
            ("application/json; charset=utf-8; charset=utf-16", false),
            ("application/jsonl", false),
            ("", false),
        ] {
            let read = media_type(&one("content-type", value), JSON);
            assert_eq!(read.ok(), is_read.then_some("application/json"), "{value}");
        }
    }

    #[test]
    fn a_body_that_is_encoded_is_refused_in_every_spelling() {
        for (value, is_plain) in [
            ("identity", true),
            ("Identity, identity", true),
            ("", true),
            ("gzip", false),
            ("identity,GZIP", false),
        ] {
            let checked = check_encoding(&one("content-encoding", value));
            assert_eq!(checked.is_ok(), is_plain, "{value}");
        }
    }
}
