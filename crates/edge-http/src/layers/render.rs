//! From a [`Problem`], which a handler or a layer refuses with, to the answer that the client sees: it needs the request's
//! address and id, which a handler does not have. The problem stays in the answer's extensions for the log.

use axum::extract::{Request, State};
use axum::http::{HeaderName, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;

use crate::browser::headers_for_pages;
use crate::error_format::ErrorFormat;
use crate::problem::Problem;
use crate::request::text_of;
use crate::settings::EdgeSettings;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
        response.extensions_mut().insert(self);
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
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return rendering.render(problem, uri.path(), request_id.as_ref());
    }
    response.extensions_mut().insert(rendering);
    response
}

/// The refusal that stands for an answer whose bytes do not fit into the memory of all answers. It is made outside all
/// layers, and only if it is needed.
pub(crate) fn render_answers_used_up(
    answer: &Response,
    uri: Uri,
    settings: &EdgeSettings,
) -> impl FnOnce() -> Response + use<> {
    let rendering = answer.extensions().get::<Rendering>().copied();
    let rendering = rendering.unwrap_or_else(|| Rendering::of(ErrorFormat::UnknownRoute, settings));
    let request_id = answer.headers().get(X_REQUEST_ID).cloned();
    let for_pages = headers_for_pages(answer.headers());
    move || {
        let id = request_id.as_ref().and_then(|id| id.to_str().ok());
        let mut refusal = rendering.format.render(
            &Problem::answers_used_up(),
            uri.path(),
            id,
            rendering.retry_after_seconds,
        );
        refusal.headers_mut().extend(for_pages);
        if let Some(id) = request_id {
            refusal.headers_mut().insert(X_REQUEST_ID, id);
        }
        refusal
    }
}
