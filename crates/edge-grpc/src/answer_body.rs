//! A call's answer on its way out: counts its bytes against the memory budget, hands them out in pieces, turns a panic into
//! INTERNAL, ends a stream at its client's deadline, and logs how the call ended.
//!
//! The outermost layer puts it around what the inner ones answer. Pieces are small, so that a client that takes a long
//! answer slowly is distinguished from one that takes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep_until};
use tonic::{Code, Status};

use crate::answer_memory::TrackedBytes;
use crate::call_end::CallEnd;
use crate::methods::Kind;
use crate::refusal::Refusal;
use crate::slow_reader::{piece_waits, piece_was_taken};

/// The most bytes that HTTP/2 is given of an answer at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// The answer of a call.
pub(crate) struct AnswerBody {
    /// `None` once it was given up.
    inner: Option<tonic::body::Body>,
    /// What is left of the last frame.
    rest: TrackedBytes,
    /// Only of streams with a deadline.
    until: Option<Pin<Box<Sleep>>>,
    /// `None` once it was logged.
    end: Option<CallEnd>,
}

impl AnswerBody {
    /// The body of a call that goes on.
    pub(crate) fn open(inner: tonic::body::Body, end: CallEnd) -> Self {
        let is_stream = end
            .call
            .method()
            .is_some_and(|method| method.kind == Kind::Stream);
        let deadline = end.call.deadline().filter(|_| is_stream);
        Self {
            inner: Some(inner),
            rest: TrackedBytes::default(),
            until: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
            end: Some(end),
        }
    }

    /// The body of a call whose head has said everything.
    pub(crate) fn empty() -> Self {
        Self {
            inner: None,
            rest: TrackedBytes::default(),
            until: None,
            end: None,
        }
    }

    fn give_up(&mut self, refusal: Refusal) -> Option<Result<Frame<Bytes>, Status>> {
        // First what still runs, then the answer about it.
        self.inner = None;
        self.until = None;
        self.rest = TrackedBytes::default();
        let end = self.end.take()?;
        let status = refusal.into_status(&end.call, end.retry_after());
        let mut trailers = HeaderMap::new();
        let written = status.add_header(&mut trailers);
        end.with(status.code());
        Some(written.map(|()| Frame::trailers(trailers)))
    }

    fn next_piece(&mut self) -> Frame<Bytes> {
        piece_waits();
        Frame::data(self.rest.next_piece(PIECE_BYTES))
    }

    /// The next piece of a frame that has just come, if its bytes fit into the memory budget.
    fn hand_out(&mut self, data: Bytes) -> Option<Result<Frame<Bytes>, Status>> {
        let Some(end) = &self.end else {
            return Some(Ok(Frame::data(data)));
        };
        let call = &end.call;
        match call.connection().answers.track(data) {
            Ok(tracked) => {
                self.rest = tracked;
                Some(Ok(self.next_piece()))
            }
            Err(_) if call.method().is_some_and(|method| method.changes) => {
                self.give_up(Refusal::answer_not_sent())
            }
            Err(_) => self.give_up(Refusal::too_many_answers()),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        piece_was_taken();
        if this.inner.is_none() {
            return Poll::Ready(None);
        }
        // First of all: a stream that always has a frame ready would run past it.
        let is_over = this
            .until
            .as_mut()
            .is_some_and(|until| until.as_mut().poll(context).is_ready());
        if is_over {
            return Poll::Ready(this.give_up(Refusal::stream_deadline_passed()));
        }
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.next_piece())));
        }
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll_frame(context)));
        let frame = match polled {
            Ok(Poll::Ready(frame)) => frame,
            Ok(Poll::Pending) => return Poll::Pending,
            Err(panic) => return Poll::Ready(this.give_up(Refusal::of_panic(&*panic))),
        };
        let frame = match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => return Poll::Ready(this.hand_out(data)),
            Some(Ok(Err(other))) => Some(Ok(other)),
            Some(Err(status)) => Some(Err(status)),
            None => None,
        };
        let code = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().map_or(Code::Ok, code_of),
            Some(Err(status)) => status.code(),
            None => Code::Ok,
        };
        if let Some(end) = this.end.take() {
            end.with(code);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// The code that headers or trailers say; OK if they say none.
pub(crate) fn code_of(headers: &HeaderMap) -> Code {
    headers
        .get("grpc-status")
        .map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}
