//! Content negotiation of routes that answer with one type: 406 if the header `Accept` excludes it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Problem;
use crate::request::{MediaType, accepts};

/// The middleware of routes that answer with JSON.
pub(crate) async fn json_only(request: Request, next: Next) -> Result<Response, Problem> {
    only(MediaType::Json, request, next).await
}

/// The middleware of routes that answer with text.
pub(crate) async fn text_only(request: Request, next: Next) -> Result<Response, Problem> {
    only(MediaType::Text, request, next).await
}

async fn only(offered: MediaType, request: Request, next: Next) -> Result<Response, Problem> {
    if !accepts(request.headers(), offered) {
        return Err(Problem::not_acceptable(offered.name()));
    }
    Ok(next.run(request).await)
}
