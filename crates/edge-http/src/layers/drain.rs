//! What of a request's body was not read when it is answered: a small rest is read and discarded, so that the client reads
//! the answer and the connection stays; else the answer says that the connection is closed. Without this, hyper closes the
//! connection without saying so, and the client's next request on it is lost. HTTP/2 needs none of it: a stream ends alone.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Version};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

/// The most that is read and discarded.
const DRAINED_BYTES: usize = 8 * 1024 * 1024;
/// How long that may take. A client that is still sending then sees its connection closed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The middleware.
pub(crate) async fn drain_unread_body(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || request.version() == Version::HTTP_2 {
        return next.run(request).await;
    }
    let awaits_continue = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let mut unread = SharedBody::of(body);
    let read_by_handler = Body::new(unread.clone());
    let mut response = next.run(Request::from_parts(parts, read_by_handler)).await;
    // A client that waits for "100 Continue" has not sent anything yet and need not.
    let is_read = unread.has_ended()
        || ((unread.has_begun() || !awaits_continue) && drain(&mut unread).await);
    if !is_read {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads the rest; whether that was all.
async fn drain(body: &mut SharedBody) -> bool {
    let reading = async {
        let mut drained = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > DRAINED_BYTES {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DRAIN_TIMEOUT, reading)
        .await
        .unwrap_or(false)
}

/// A body that the handler reads first, and this layer after it.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Reading>>);

struct Reading {
    body: Body,
    has_begun: bool,
    has_ended: bool,
}

impl SharedBody {
    fn of(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Reading {
            body,
            has_begun: false,
            has_ended: false,
        })))
    }

    fn with<R>(&self, look: impl FnOnce(&mut Reading) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn has_begun(&self) -> bool {
        self.with(|reading| reading.has_begun)
    }

    fn has_ended(&self) -> bool {
        self.with(|reading| reading.has_ended || reading.body.is_end_stream())
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|reading| {
            reading.has_begun = true;
            let frame = ready!(Pin::new(&mut reading.body).poll_frame(context));
            reading.has_ended |= frame.is_none();
            Poll::Ready(frame)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|reading| reading.body.size_hint())
    }
}
