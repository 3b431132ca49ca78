//! The operator's own headers, sent with every call. Read once from the settings; values count as secret and are never
//! shown, not even in an error.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// The most headers.
const MAX_HEADERS: usize = 32;
/// The most bytes of all names and values.
const MAX_BYTES: usize = 8 * 1024;

/// Set by the handler, or the business of the connection.
const RESERVED: [&str; 14] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const RESERVED_PREFIXES: [&str; 2] = ["ordermill-", "webhook-"];

/// Why the headers cannot be sent. Names a header, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// An item is not a name and a value.
    #[error(
        "must be a list of \"Name: value\", but item {0} is not (a value with a comma needs the form [\"Name: value\"])"
    )]
    Form(usize),
    /// The value holds characters that no header can.
    #[error(
        "holds {0} with a value that a header cannot hold: only visible ASCII, spaces and tabs"
    )]
    Value(HeaderName),
    /// The handler sets this header itself.
    #[error("holds {0}, which the handler sets itself or which is the connection's: leave it out")]
    Reserved(HeaderName),
    /// The same name comes twice.
    #[error("holds {0} twice")]
    Twice(HeaderName),
    /// Too many or too long.
    #[error("must be at most {MAX_HEADERS} headers of {MAX_BYTES} bytes in all")]
    TooLarge,
}

/// Reads `"Name: value"` texts.
///
/// # Errors
/// The first that cannot be sent.
pub(crate) fn read(texts: &[String]) -> Result<HeaderMap, HeaderError> {
    if texts.len() > MAX_HEADERS || texts.iter().map(String::len).sum::<usize>() > MAX_BYTES {
        return Err(HeaderError::TooLarge);
    }
    let mut headers = HeaderMap::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let form = || HeaderError::Form(index + 1);
        let (name, value) = text.split_once(':').ok_or_else(form)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| form())?;
        if is_reserved(&name) {
            return Err(HeaderError::Reserved(name));
        }
        let Ok(mut value) = HeaderValue::from_str(value.trim()) else {
            return Err(HeaderError::Value(name));
        };
        value.set_sensitive(true);
        if headers.insert(name.clone(), value).is_some() {
            return Err(HeaderError::Twice(name));
        }
    }
    Ok(headers)
}

fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    RESERVED.contains(&name)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::{HeaderError, read};

    fn error(texts: &[&str]) -> HeaderError {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        read(&texts).unwrap_err()
    }

    #[test]
    fn names_and_values_are_read_and_trimmed() {
        let texts = ["X-Api-Key: a:b, c ".to_owned(), "x-empty:".to_owned()];
        let headers = read(&texts).unwrap();
        assert_eq!(headers["x-api-key"], "a:b, c");
        assert_eq!(headers["x-empty"], "");
        assert!(headers["x-api-key"].is_sensitive());
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_header_that_the_handler_sets_is_refused_by_its_name() {
        for name in [
            "Idempotency-Key",
            "WEBHOOK-SIGNATURE",
            "webhook-anything",
            "Ordermill-Attempt",
            "content-type",
            "Content-Length",
            "Host",
            "Transfer-Encoding",
            "Proxy-Authorization",
        ] {
            let error = error(&[&format!("{name}: s3cret")]);
            assert!(matches!(error, HeaderError::Reserved(_)), "{name}");
            let message = error.to_string();
            assert!(message.contains(&name.to_ascii_lowercase()), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn what_is_not_a_header_is_refused_without_showing_a_value() {
        for text in ["s3cret", ": s3cret", "a b: s3cret", "é: s3cret"] {
            let message = error(&["x-fine: 1", text]).to_string();
            assert!(message.contains("item 2"), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
        let message = error(&["x-api-key: s3cret\r\nhost: evil"]).to_string();
        assert!(
            message.contains("x-api-key") && !message.contains("s3cret"),
            "{message}"
        );
        let twice = error(&["x-a: s3cret", "X-A: s3cret"]).to_string();
        assert!(twice.contains("x-a twice"), "{twice}");
        assert_eq!(error(&["x-a: 1"; 33]), HeaderError::TooLarge);
        let long = format!("x-a: {}", "y".repeat(9000));
        assert_eq!(error(&[&long]), HeaderError::TooLarge);
    }
}
