//! A call's body on its way out: turns a panic into INTERNAL, ends a stream at its client's deadline, and tells how the
//! call ended.
//!
//! `dispatch` puts it around what a service answers. It holds the call's place among those under way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};
use tonic::{Code, Status};

use crate::ending::Ending;
use crate::refusal::Refusal;
use crate::taking::{has_room, part_is_there};

/// The answer of a call.
pub(crate) struct CallBody {
    /// `None` once it was given up.
    inner: Option<tonic::body::Body>,
    /// Only of streams with a deadline.
    until: Option<Pin<Box<Sleep>>>,
    /// `None` once it was told; dropped before, it says that the client left.
    ending: Option<Ending>,
}

impl CallBody {
    /// The body of a call that goes on.
    pub(crate) fn open(inner: tonic::body::Body, ending: Ending, is_stream: bool) -> Self {
        let deadline = ending.call.deadline().filter(|_| is_stream);
        part_is_there();
        Self {
            inner: Some(inner),
            until: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
            ending: Some(ending),
        }
    }

    /// The body of a call whose head has said everything.
    pub(crate) fn empty() -> Self {
        Self {
            inner: None,
            until: None,
            ending: None,
        }
    }

    fn give_up(&mut self, refusal: Refusal) -> Option<Result<Frame<Bytes>, Status>> {
        // First what still runs, then the word about it.
        self.inner = None;
        self.until = None;
        let ending = self.ending.take()?;
        let status = refusal.into_status(&ending.call, ending.retry_after());
        let mut trailers = HeaderMap::new();
        let told = status.add_header(&mut trailers);
        ending.tell(status.code());
        Some(told.map(|()| Frame::trailers(trailers)))
    }
}

impl Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        has_room();
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        // First of all: a stream that always has something to say would run past it.
        let is_over = this
            .until
            .as_mut()
            .is_some_and(|until| until.as_mut().poll(context).is_ready());
        if is_over {
            return Poll::Ready(this.give_up(Refusal::stream_deadline_passed()));
        }
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(context)));
        let came = match polled {
            Ok(Poll::Ready(came)) => came,
            Ok(Poll::Pending) => return Poll::Pending,
            Err(panic) => {
                return Poll::Ready(this.give_up(Refusal::of_panic(&*panic)));
            }
        };
        let code = match &came {
            Some(Ok(frame)) => frame.trailers_ref().map(code_of),
            Some(Err(status)) => Some(status.code()),
            None => Some(Code::Ok),
        };
        if let (Some(code), Some(ending)) = (code, this.ending.take_if(|_| code.is_some())) {
            ending.tell(code);
        }
        if this.ending.is_some() {
            part_is_there();
        }
        Poll::Ready(came)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(SizeHint::new, Body::size_hint)
    }
}

/// The code that headers or trailers say; OK where they say none.
pub(crate) fn code_of(headers: &HeaderMap) -> Code {
    headers
        .get("grpc-status")
        .map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}
