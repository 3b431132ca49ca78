//! What is refused whatever the route is: an address or headers that are too long, and a message that HTTP/1.1 forbids and
//! hyper lets pass.

use axum::extract::{Request, State};
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Version};
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Problem;
use crate::settings::EdgeSettings;

/// The bounds of a request's head.
#[derive(Debug, Clone)]
pub(crate) struct Guards {
    max_uri_bytes: usize,
    max_header_bytes: usize,
}

impl Guards {
    pub(crate) const fn of(settings: &EdgeSettings) -> Self {
        Self {
            max_uri_bytes: settings.tuning.max_uri_bytes,
            max_header_bytes: settings.tuning.max_header_bytes,
        }
    }
}

/// The middleware.
pub(crate) async fn check(
    State(guards): State<Guards>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let uri_bytes = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if uri_bytes > guards.max_uri_bytes {
        return Err(Problem::uri_too_long(guards.max_uri_bytes));
    }
    if header_bytes(request.headers()) > guards.max_header_bytes {
        return Err(Problem::headers_too_large(guards.max_header_bytes));
    }
    check_message(&request)?;
    Ok(next.run(request).await)
}

/// RFC 9112: a request of HTTP/1.1 names its host (section 3.2), and a body has no transfer coding but `chunked`, because
/// no other one is read here (section 6.1).
fn check_message(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let names_host = headers.contains_key(HOST) || request.uri().authority().is_some();
    if request.version() == Version::HTTP_11 && !names_host {
        return Err(Problem::invalid_header("Host", "is missing"));
    }
    let is_chunked_only = headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if !is_chunked_only {
        return Err(Problem::invalid_header(
            "Transfer-Encoding",
            "may only be chunked",
        ));
    }
    Ok(())
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}
