//! Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date in any of the three forms of HTTP. Called with every
//! answer; the worker bounds the wait.

use std::time::{Duration, UNIX_EPOCH};

use domain::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How long the endpoint asks to wait; `None` if it does not, or in a form that cannot be read. A
/// date in the past means no wait.
pub(crate) fn of(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 holds mean a very long wait all the same.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(since_epoch.saturating_sub(Duration::from_millis(now.as_millis())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::of;
    use domain::Timestamp;
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    fn read(text: &str) -> Option<Duration> {
        let now = Timestamp::parse("1994-11-06T08:49:00Z").unwrap();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
        of(&headers, now)
    }

    #[test]
    fn reads_seconds_and_all_three_forms_of_a_date() {
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(
            read("99999999999999999999999"),
            Some(Duration::from_secs(u64::MAX))
        );
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(read(date), Some(Duration::from_secs(37)), "{date}");
        }
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_read_is_as_if_it_were_not_there() {
        for text in ["", "-1", "1.5", "soon", "1 s", "2026-01-31T12:00:00Z"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
