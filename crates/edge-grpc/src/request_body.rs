//! A call's body on its way in: counts each message before it is buffered, so that a large one is refused by its first
//! bytes.
//!
//! `dispatch` puts it around the connection's body. It reads the frames of gRPC (a flag, four bytes of length, the
//! message) and changes nothing.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use tonic::Status;

use crate::call::Call;
use crate::refusal::Refusal;
use crate::room::Room;
use crate::state::GrpcEdge;

const HEAD_BYTES: usize = 5;

/// The body of a call.
pub(crate) struct RequestBody {
    inner: Incoming,
    call: Call,
    room: Arc<Room>,
    max_message_bytes: usize,
    retry_after: Duration,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// Bytes of the present message that are still to come.
    left: usize,
    message_timeout: Duration,
    /// When the rest of a message must have come that has begun.
    whole_by: Option<Pin<Box<Sleep>>>,
    /// Told once what came before it was passed on.
    fault: Option<Refusal>,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, call: Call, edge: &GrpcEdge) -> Self {
        Self {
            inner,
            call,
            room: Arc::clone(&edge.room),
            max_message_bytes: edge.settings.max_message_bytes,
            retry_after: edge.settings.tuning.retry_after,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            left: 0,
            message_timeout: edge.settings.tuning.message_timeout,
            whole_by: None,
            fault: None,
        }
    }

    /// Returns how many of the bytes belong to messages that are not refused.
    fn count(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len() - at);
                self.left -= passed;
                at += passed;
                continue;
            }
            let begins_at = at;
            let wanted = (HEAD_BYTES - self.head_bytes).min(bytes.len() - at);
            self.head[self.head_bytes..self.head_bytes + wanted]
                .copy_from_slice(&bytes[at..at + wanted]);
            self.head_bytes += wanted;
            at += wanted;
            if self.head_bytes == HEAD_BYTES {
                self.head_bytes = 0;
                let [_, length @ ..] = self.head;
                self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                if let Err(refusal) = self.admit() {
                    self.fault = Some(refusal);
                    return begins_at;
                }
            }
        }
        at
    }

    /// A message that has begun must be whole in time: it holds room that others wait for.
    fn watch_the_rest(&mut self) {
        if self.left == 0 && self.head_bytes == 0 {
            self.whole_by = None;
        } else if self.whole_by.is_none() {
            self.whole_by = Some(Box::pin(sleep(self.message_timeout)));
        }
    }

    /// Takes a message in by its length.
    fn admit(&mut self) -> Result<(), Refusal> {
        if self.left > self.max_message_bytes {
            return Err(Refusal::message_too_large(self.max_message_bytes));
        }
        let room = self.room.hold(self.left).map_err(|_| Refusal::no_room())?;
        self.call.message_begins(room);
        Ok(())
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(refusal) = self.fault.take() {
            let status = refusal.into_status(&self.call, self.retry_after);
            return Poll::Ready(Some(Err(status)));
        }
        let Poll::Ready(came) = Pin::new(&mut self.inner).poll_frame(context) else {
            let is_late = self
                .whole_by
                .as_mut()
                .is_some_and(|whole_by| whole_by.as_mut().poll(context).is_ready());
            if !is_late {
                return Poll::Pending;
            }
            let refusal = Refusal::message_timeout();
            let status = refusal.into_status(&self.call, self.retry_after);
            return Poll::Ready(Some(Err(status)));
        };
        let frame = match came {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(Status::from_error(Box::new(error))))),
            Some(Ok(frame)) => frame,
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(mut bytes) => {
                let good = self.count(&bytes);
                self.watch_the_rest();
                bytes.truncate(good);
                Frame::data(bytes)
            }
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.fault.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
