//! How a refusal sounds where a dialect is spoken: the status stays, the form is the dialect's.
//!
//! `dispatch` calls it for every refusal, also for those that come before any endpoint.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use domain::RequestId;
use order_json::write_text;

use crate::answer::{self, Answer};
use crate::problem::Problem;

/// The form of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    /// problem+json: everything of ours.
    Problem,
    /// orderflow: `{"error": ...}`, but a wrong method as text; open to pages of every origin.
    Orderflow,
    /// A line of text: orderSystem, Order System, and every address that there is not.
    PlainText,
}

impl ErrorFormat {
    /// The whole refusal, except for what `dispatch` adds to every answer.
    pub(crate) fn render(
        self,
        problem: &Problem,
        path: &str,
        request_id: &RequestId,
        retry_after_seconds: u64,
    ) -> Answer {
        let mut response = match (self, problem.status()) {
            (Self::Problem, _) => return problem.render(path, request_id, retry_after_seconds),
            (_, status @ StatusCode::NOT_FOUND) => answer::text(status, "404 page not found\n"),
            (_, status @ StatusCode::METHOD_NOT_ALLOWED) => {
                answer::text(status, "method not allowed\n")
            }
            (Self::PlainText, status) => answer::text(status, format!("{}\n", problem.words())),
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

    /// Adds what every answer carries here.
    pub(crate) fn finish(self, headers: &mut HeaderMap) {
        match self {
            Self::Problem | Self::PlainText => {}
            Self::Orderflow => {
                const ORIGIN: HeaderValue = HeaderValue::from_static("*");
                const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
                const HEADERS: HeaderValue = HeaderValue::from_static("Content-Type");
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN);
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            }
        }
    }
}
