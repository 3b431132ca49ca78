//! The request's id, `X-Request-Id`: the client's own if it is usable, else a fresh one. The layers `SetRequestId` and
//! `PropagateRequestId` of tower-http call it; handlers and the log read the id with [`request_id_of`].

use std::sync::Arc;

use application::ports::Ids;
use application::request_name::fresh;
use axum::extract::Request;
use axum::http::{Extensions, HeaderName, HeaderValue};
use domain::RequestId;
use tower_http::request_id::{MakeRequestId, RequestId as RequestIdHeader};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Makes the ids of requests that bring none.
#[derive(Clone)]
pub(crate) struct FreshRequestIds(pub(crate) Arc<dyn Ids>);

impl MakeRequestId for FreshRequestIds {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestIdHeader> {
        let id = fresh(&*self.0);
        HeaderValue::from_str(id.as_str()).ok().map(Into::into)
    }
}

/// Removes an id of the client's that cannot be used: only 1-128 visible ASCII characters, sent once, go into events
/// and logs.
pub(crate) fn drop_unusable_request_id(mut request: Request) -> Request {
    let mut given = request.headers().get_all(X_REQUEST_ID).iter();
    let is_usable = match (given.next(), given.next()) {
        (None, _) => true,
        (Some(id), None) => id.to_str().is_ok_and(|id| RequestId::new(id).is_ok()),
        (Some(_), Some(_)) => false,
    };
    if !is_usable {
        request.headers_mut().remove(X_REQUEST_ID);
    }
    request
}

/// The id of a request that has passed the layers; `None` outside them.
pub(crate) fn request_id_of(extensions: &Extensions) -> Option<RequestId> {
    let header = extensions.get::<RequestIdHeader>()?.header_value();
    RequestId::new(header.to_str().ok()?).ok()
}

/// The text of a request's id.
pub(crate) fn text_of(id: Option<&RequestIdHeader>) -> Option<&str> {
    id.and_then(|id| id.header_value().to_str().ok())
}
