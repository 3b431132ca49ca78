//! What is refused whatever the route is: an address or headers that are too long, and a host that is not this server's.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use crate::host;
use crate::problem::Problem;
use crate::settings::EdgeSettings;

/// The bounds of a request's head.
#[derive(Debug, Clone)]
pub(crate) struct Guards {
    max_uri_bytes: usize,
    max_header_bytes: usize,
    /// Whether the listener is on loopback, where only loopback names are answered.
    is_loopback: bool,
}

impl Guards {
    pub(crate) fn of(settings: &EdgeSettings, is_loopback: bool) -> Self {
        Self {
            max_uri_bytes: settings.tuning.max_uri_bytes,
            max_header_bytes: settings.tuning.max_header_bytes,
            is_loopback,
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
    if guards.is_loopback && !host::is_loopback(request.uri(), request.headers()) {
        return Err(Problem::misdirected());
    }
    Ok(next.run(request).await)
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}
