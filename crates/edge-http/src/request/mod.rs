//! Reading a request, part by part: its name, headers, query and body. Endpoints call it; nothing here answers.

mod body;
mod conditions;
mod media;
mod name;
mod query;

pub(crate) use application::ListCursor as Cursor;
pub(crate) use body::read_body;
pub(crate) use conditions::{if_match, is_known, key};
pub(crate) use media::{JSON, Offer, Readable, accepts, asks_for, media_type};
pub(crate) use name::{name_of, trace_of, trace_of_live};
pub(crate) use query::Query;

use axum::http::request::Parts;
use domain::{RequestId, Trace};
use hyper::body::Incoming;
use tokio::time::Instant;

/// A request on its way through an endpoint. It is borrowed, so that futures that hold it stay small.
pub(crate) struct Incomer<'r> {
    /// Everything but the body.
    pub(crate) parts: &'r Parts,
    /// The body, unread.
    pub(crate) body: &'r mut Incoming,
    /// The request id in answers, events and logs.
    pub(crate) request_id: &'r RequestId,
    /// When its processing began.
    pub(crate) began: Instant,
}

impl Incomer<'_> {
    /// The ids that connect events and logs with the request.
    pub(crate) fn trace(&self) -> Trace {
        trace_of(&self.parts.headers, self.request_id.clone())
    }
}
