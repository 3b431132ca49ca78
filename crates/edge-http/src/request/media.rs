//! Content types: what a body says it is, and what a client accepts for an answer.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};

/// What an address answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// `application/json`
    Json,
    /// `text/plain`
    Text,
    /// `text/event-stream`
    EventStream,
    /// `text/html`
    Html,
}

impl Offer {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain",
            Self::EventStream => "text/event-stream",
            Self::Html => "text/html",
        }
    }
}

/// Whether the client takes `offer` (RFC 9110, section 12.5.1): the most specific range that fits decides.
pub(crate) fn accepts(headers: &HeaderMap, offer: Offer) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    let (kind, _) = offer.name().split_once('/').unwrap_or_default();
    let mut best: Option<(u8, bool)> = None;
    for range in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let media = in_small_letters(parts.next().unwrap_or_default());
        let specificity = if *media == *offer.name() {
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

/// Whether the client asks for `offer` by its name, which a browser does where a page is opened, and no tool does that
/// takes whatever comes.
pub(crate) fn asks_for(headers: &HeaderMap, offer: Offer) -> bool {
    let is_named = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|media| media.trim().eq_ignore_ascii_case(offer.name()));
    is_named && accepts(headers, offer)
}

/// The body's type without its parameters, in small letters; `None` where there is none, where it comes twice, or
/// where it names a character set other than UTF-8.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next()?;
    let is_utf8 = parts.all(|parameter| {
        let Some((name, value)) = parameter.split_once('=') else {
            return true;
        };
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    is_utf8.then(|| in_small_letters(media))
}

/// Most clients write it so: then it need not be copied.
fn in_small_letters(media: &str) -> Cow<'_, str> {
    if media.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(media.to_ascii_lowercase())
    } else {
        Cow::Borrowed(media)
    }
}

/// Whether the body is as it is, neither compressed nor otherwise encoded.
pub(crate) fn encoding_is_plain(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Offer, accepts, media_type};

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
                accepts(&one("accept", accept), Offer::Json),
                expected,
                "{accept}"
            );
        }
        assert!(accepts(&HeaderMap::new(), Offer::Json));
        assert!(accepts(&one("accept", "text/plain"), Offer::Text));
    }

    #[test]
    fn a_body_is_what_its_one_type_says_in_utf_8() {
        for (value, expected) in [
            ("application/json", Some("application/json")),
            (
                "Application/JSON; charset=\"UTF-8\"",
                Some("application/json"),
            ),
            ("application/json; charset=latin1", None),
        ] {
            assert_eq!(
                media_type(&one("content-type", value)).as_deref(),
                expected,
                "{value}"
            );
        }
    }
}
