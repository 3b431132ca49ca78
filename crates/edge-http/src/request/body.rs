//! Bodies, as handlers take them. The layer [`buffer_body`](crate::layers::buffer_body) has read them before: whole,
//! bounded in bytes, in time, and in the memory that all bodies share.

use std::ops::Deref;

use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use bytes::Bytes;

use super::media::{JSON, media_type};
use crate::problem::Problem;

/// What some editors and spreadsheets write before UTF-8 text. RFC 8259, section 8.1 lets a parser ignore it.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A body of any type: every byte of it. A dialect refuses a byte order mark, as its system did.
pub(crate) struct WholeBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for WholeBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // The body lies in memory: this fails only if a route lacks the layer and its client breaks off.
        Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(Problem::body_broken)
    }
}

/// A body of JSON in UTF-8, not parsed: 415 if its type is another one. It derefs to the text without a byte order mark.
pub(crate) struct JsonBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        media_type(request.headers(), JSON)?;
        let WholeBody(bytes) = WholeBody::from_request(request, state).await?;
        Ok(Self(bytes))
    }
}

impl Deref for JsonBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        without_byte_order_mark(&self.0)
    }
}

/// A body of JSON, or none: an empty body needs no type.
pub(crate) struct OptionalJsonBody(Bytes);

impl<S: Send + Sync> FromRequest<S> for OptionalJsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let headers: HeaderMap = request.headers().clone();
        let WholeBody(bytes) = WholeBody::from_request(request, state).await?;
        if !without_byte_order_mark(&bytes).is_empty() {
            media_type(&headers, JSON)?;
        }
        Ok(Self(bytes))
    }
}

impl Deref for OptionalJsonBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        without_byte_order_mark(&self.0)
    }
}

/// The text of a body, without the byte order mark that it may begin with.
pub(crate) fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}
