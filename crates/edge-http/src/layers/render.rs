//! From a [`Problem`], which a handler or a layer refuses with, to the answer that the client sees: it needs the request's
//! address and id, which a handler does not have. The problem stays in the answer's extensions for the log.

use axum::extract::{Request, State};
use axum::http::{HeaderName, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;

use crate::dialects::ErrorFormat;
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
        response = rendering.format.render(
            &problem,
            uri.path(),
            text_of(request_id.as_ref()),
            rendering.retry_after_seconds,
        );
        response.extensions_mut().insert(problem);
    }
    rendering.format.finish(response.headers_mut());
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
    move || {
        let id = request_id.as_ref().and_then(|id| id.to_str().ok());
        let mut refusal = rendering.format.render(
            &Problem::answers_used_up(),
            uri.path(),
            id,
            rendering.retry_after_seconds,
        );
        rendering.format.finish(refusal.headers_mut());
        if let Some(id) = request_id {
            refusal.headers_mut().insert(X_REQUEST_ID, id);
        }
        refusal
    }
}
