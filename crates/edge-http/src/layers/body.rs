//! Reads a whole body before anything else is done with its request: bounded in bytes (declared or chunked), in time, and
//! in the memory that all bodies share. It never looks at what a body says.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use edge_listener::{MemoryBudget, Reservation};
use http_body_util::BodyExt as _;

use crate::problem::Problem;
use crate::request::check_encoding;
use crate::state::Edge;

/// The bounds of a body.
#[derive(Debug, Clone)]
pub(crate) struct BodyLimit {
    max_bytes: usize,
    timeout: Duration,
    budget: Arc<MemoryBudget>,
}

impl BodyLimit {
    pub(crate) fn of(edge: &Edge, max_bytes: usize) -> Self {
        Self {
            max_bytes,
            timeout: edge.settings.body_timeout,
            budget: Arc::clone(&edge.bodies),
        }
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
        let declared = usize::try_from(body.size_hint().lower());
        if declared.map_or(true, |declared| declared > self.max_bytes) {
            return Err(Problem::body_too_large(self.max_bytes));
        }
        check_encoding(headers)?;
        tokio::time::timeout(self.timeout, self.collect(body))
            .await
            .unwrap_or_else(|_| Err(Problem::body_timeout()))
    }

    async fn collect(&self, mut body: Body) -> Result<Bytes, Problem> {
        let mut collected = BytesMut::new();
        let mut reservation = self.budget.empty_reservation();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Problem::body_broken)?.into_data() else {
                continue;
            };
            if collected.len() + data.len() > self.max_bytes {
                return Err(Problem::body_too_large(self.max_bytes));
            }
            if collected.is_empty() && body.is_end_stream() {
                // Most bodies come in one piece, which is used without a copy. There are no more of them in memory than
                // requests in flight, so that they need no reservation.
                return Ok(data);
            }
            if !reservation.reserve(data.len()) {
                return Err(Problem::memory_used_up());
            }
            collected.extend_from_slice(&data);
        }
        Ok(Bytes::from_owner(Reserved {
            bytes: collected.freeze(),
            _reservation: reservation,
        }))
    }
}

/// Bytes that keep their reservation for as long as they are used.
struct Reserved {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The middleware.
pub(crate) async fn buffer_body(
    State(limit): State<BodyLimit>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.body().is_end_stream() {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let bytes = limit.read(&parts.headers, body).await?;
    Ok(next
        .run(Request::from_parts(parts, Body::from(bytes)))
        .await)
}
