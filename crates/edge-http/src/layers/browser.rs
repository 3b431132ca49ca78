//! The layer of the browser rules: [`BrowserRules`] judge each request, and its answer, a refusal included, gets the headers
//! that let allowed pages read it.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;

use super::render::Rendering;
use crate::browser::{AddressKind, BrowserRules, Outcome, preflight};

/// The rules of a port, for the addresses of one kind.
#[derive(Debug, Clone)]
pub(crate) struct BrowserGuard {
    rules: BrowserRules,
    kind: AddressKind,
    rendering: Rendering,
}

impl BrowserGuard {
    pub(super) const fn new(rules: BrowserRules, kind: AddressKind, rendering: Rendering) -> Self {
        Self {
            rules,
            kind,
            rendering,
        }
    }
}

/// The middleware.
pub(crate) async fn judge_page(
    State(guard): State<BrowserGuard>,
    request: Request,
    next: Next,
) -> Response {
    let (outcome, cors) = guard.rules.judge(
        guard.kind,
        request.method(),
        request.uri(),
        request.headers(),
    );
    let mut response = match outcome {
        Outcome::Passed => next.run(request).await,
        Outcome::Preflight => preflight(),
        Outcome::Refused(problem) => {
            let request_id = request.extensions().get::<RequestId>();
            (guard.rendering).render(problem, request.uri().path(), request_id)
        }
    };
    cors.write(guard.kind, response.headers_mut());
    response
}
