//! The order's id in a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::OrderId;

use crate::problem::Problem;

/// `{id}` of a path: 400 if it is no UUID.
pub(crate) struct OrderIdInPath(pub(crate) OrderId);

impl<S: Send + Sync> FromRequestParts<S> for OrderIdInPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let Ok(Path(text)) = text else {
            return Err(Problem::invalid_id());
        };
        OrderId::parse(&text)
            .map(Self)
            .map_err(|_| Problem::invalid_id())
    }
}
