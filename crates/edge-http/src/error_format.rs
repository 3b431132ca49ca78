//! The form of refusals: ours, and those of the dialects, which keep the status and change the body.
//!
//! The layer `render_problem` calls it for every refusal, also for those that come before any handler.

use axum::http::StatusCode;
use order_json::write_text;

use crate::answer::{self, Answer};
use crate::problem::Problem;

/// The form of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    /// problem+json: everything of ours.
    Problem,
    /// orderflow: `{"error": ...}`, but a wrong method as text.
    Orderflow,
    /// A line of text: orderSystem and Order System.
    PlainText,
    /// At addresses that do not exist: problem+json below our own addresses, else a line of text, as all dialects have it.
    UnknownRoute,
}

impl ErrorFormat {
    /// The whole refusal, except for what the layers add to every answer. `path` is the requested path.
    pub(crate) fn render(
        self,
        problem: &Problem,
        path: &str,
        request_id: Option<&str>,
        retry_after_seconds: u64,
    ) -> Answer {
        let format = match self {
            Self::UnknownRoute if is_ours(path) => Self::Problem,
            Self::UnknownRoute => Self::PlainText,
            format => format,
        };
        let mut response = match (format, problem.status()) {
            (Self::Problem, _) => return problem.render(path, request_id, retry_after_seconds),
            (_, status @ StatusCode::NOT_FOUND) => answer::text(status, "404 page not found\n"),
            (_, status @ StatusCode::METHOD_NOT_ALLOWED) => {
                answer::text(status, "method not allowed\n")
            }
            (Self::PlainText | Self::UnknownRoute, status) => {
                answer::text(status, format!("{}\n", problem.words()))
            }
            (Self::Orderflow, status) => {
                let mut body = b"{\"error\":".to_vec();
                write_text(&problem.words(), &mut body);
                body.extend_from_slice(b"}\n");
                answer::json(status, body)
            }
        };
        problem.write_headers(response.headers_mut(), retry_after_seconds);
        response
    }
}

/// Whether an unknown path lies below our own addresses, not below a dialect's.
fn is_ours(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    matches!(
        first,
        Some("v1" | "ws" | "docs" | "livez" | "readyz" | "health" | "openapi.json" | "dashboard")
    )
}
