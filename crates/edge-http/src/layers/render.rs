//! From a [`Problem`], which a handler or a layer refuses with, to the answer that the client sees: it needs the request's
//! address and id, which a handler does not have. The problem stays in the answer's extensions for the log.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;

use crate::dialects::ErrorFormat;
use crate::problem::Problem;
use crate::request::text_of;
use crate::settings::EdgeSettings;

/// How problems are rendered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rendering {
    format: ErrorFormat,
    retry_after_seconds: u64,
}

impl Rendering {
    pub(crate) fn of(format: ErrorFormat, settings: &EdgeSettings) -> Self {
        Self {
            format,
            retry_after_seconds: settings.tuning.retry_after.as_secs().max(1),
        }
    }

    /// The whole answer for a problem.
    pub(crate) fn render(
        self,
        problem: Problem,
        path: &str,
        request_id: Option<&RequestId>,
    ) -> Response {
        let request_id = text_of(request_id);
        let retry_after = self.retry_after_seconds;
        let mut response = (self.format).render(&problem, path, request_id, retry_after);
        response.extensions_mut().insert(problem);
        response
    }
}

/// The middleware.
pub(crate) async fn render_problem(
    State(rendering): State<Rendering>,
    request: Request,
    next: Next,
) -> Response {
    let uri = request.uri().clone();
    let request_id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => rendering.render(problem, uri.path(), request_id.as_ref()),
        None => response,
    }
}
