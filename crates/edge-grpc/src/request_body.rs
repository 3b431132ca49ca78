//! A call's messages on their way in: each is bounded before it is buffered, counts against the memory budget by what has
//! come of it, and has a time by which its rest must come.
//!
//! The outermost layer puts it around the connection's body. It reads the frames of gRPC (a flag, four bytes of length, the
//! message) and changes nothing. The in-flight layer lets it take the call's permit, once the request is complete: a request
//! that is sent by half holds none. tonic bounds a single message alone, once it has buffered it.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::{Sleep, sleep};
use tonic::Status;

use crate::call::Call;
use crate::message_memory::{Exhausted, MemoryBudget, Reservation};
use crate::methods::{Kind, Method};
use crate::refusal::Refusal;
use crate::settings::GrpcSettings;

const HEAD_BYTES: usize = 5;

/// The body of a call.
pub(crate) struct RequestBody {
    inner: Incoming,
    call: Call,
    memory: Arc<MemoryBudget>,
    settings: Arc<GrpcSettings>,
    /// Where the call's permit comes from, until it is taken.
    permits: Option<Arc<Semaphore>>,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// Bytes of the present message that are still to come.
    left: usize,
    /// What has come of it, if it came in several pieces.
    arriving: Option<Reservation>,
    /// When the rest of the present message, or the next one, must have come.
    timer: Option<Pin<Box<Sleep>>>,
    /// Returned once what came before it was passed on.
    fault: Option<Refusal>,
}

impl RequestBody {
    pub(crate) fn new(
        inner: Incoming,
        call: Call,
        memory: &Arc<MemoryBudget>,
        settings: &Arc<GrpcSettings>,
    ) -> Self {
        Self {
            inner,
            call,
            memory: Arc::clone(memory),
            settings: Arc::clone(settings),
            permits: None,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            left: 0,
            arriving: None,
            timer: None,
            fault: None,
        }
    }

    /// The call takes one of these permits once its request is complete.
    pub(crate) fn take_permit_when_complete(&mut self, permits: Arc<Semaphore>) {
        self.permits = Some(permits);
    }

    /// Returns how many of the bytes belong to messages that are not refused.
    fn read(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let read = if self.left > 0 {
                let part = self.left.min(rest.len());
                self.read_part(part).map(|()| part)
            } else {
                self.read_head(rest)
            };
            match read {
                Ok(read) => at += read,
                Err(refusal) => {
                    self.fault = Some(refusal);
                    return at;
                }
            }
        }
        at
    }

    /// Reads as much of a message's head as is there.
    fn read_head(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let part = (HEAD_BYTES - self.head_bytes).min(bytes.len());
        self.head[self.head_bytes..self.head_bytes + part].copy_from_slice(&bytes[..part]);
        self.head_bytes += part;
        self.timer = None;
        if self.head_bytes == HEAD_BYTES {
            self.head_bytes = 0;
            let [_, length @ ..] = self.head;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > self.settings.max_message_bytes {
                return Err(Refusal::message_too_large(self.settings.max_message_bytes));
            }
            self.left = length;
            if length == 0 {
                self.read_part(0)?;
            }
        }
        Ok(part)
    }

    /// Counts a part of the present message.
    fn read_part(&mut self, bytes: usize) -> Result<(), Refusal> {
        let no_memory = |Exhausted| Refusal::too_many_messages();
        let is_last = bytes == self.left;
        match &mut self.arriving {
            None if is_last => {
                let memory = self.memory.reserve(bytes).map_err(no_memory)?;
                self.call.message_came(memory);
            }
            arriving => {
                let arriving = arriving.get_or_insert_with(|| self.memory.begin());
                arriving.grow(bytes).map_err(no_memory)?;
            }
        }
        self.left -= bytes;
        if is_last {
            self.timer = None;
            if let Some(arrived) = self.arriving.take() {
                self.call.message_came(arrived.complete());
            }
        }
        Ok(())
    }

    /// The request is complete: it takes its permit.
    fn complete(&mut self) {
        if let Some(permits) = self.permits.take()
            && self.fault.is_none()
        {
            match permits.try_acquire_owned() {
                Ok(permit) => self.call.hold_permit(permit),
                Err(_) => self.fault = Some(Refusal::overloaded()),
            }
        }
    }

    /// How long the client may send nothing now, and what it gets after that.
    fn time_to_wait(&self) -> Option<(Duration, fn() -> Refusal)> {
        let tuning = &self.settings.tuning;
        let is_idle_stream = |method: &Method| method.kind == Kind::Stream && method.takes_many;
        if self.left > 0 || self.head_bytes > 0 {
            Some((tuning.message_timeout, Refusal::message_timeout))
        } else if self.call.method().is_some_and(is_idle_stream) {
            Some((tuning.intake_idle_timeout, Refusal::stream_idle))
        } else {
            // Every other call has its deadline.
            None
        }
    }

    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        let Some((wait, refusal)) = self.time_to_wait() else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(wait)));
        timer.as_mut().poll(context).map(|()| refusal())
    }

    fn status(&self, refusal: Refusal) -> Status {
        refusal.into_status(&self.call, self.settings.tuning.retry_after)
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
            return Poll::Ready(Some(Err(self.status(refusal))));
        }
        if self.call.method().is_some_and(|method| method.takes_many) {
            // tonic asks for more once the method has read every whole message: what it has not taken is done with.
            self.call.drop_messages();
        }
        let Poll::Ready(came) = Pin::new(&mut self.inner).poll_frame(context) else {
            return self
                .poll_timer(context)
                .map(|refusal| Some(Err(self.status(refusal))));
        };
        let frame = match came {
            None => {
                self.complete();
                let refused = self.fault.take().map(|refusal| Err(self.status(refusal)));
                return Poll::Ready(refused);
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(Status::from_error(Box::new(error))))),
            Some(Ok(frame)) => frame,
        };
        let frame = match frame.into_data() {
            Ok(mut bytes) => {
                let good = self.read(&bytes);
                bytes.truncate(good);
                if self.inner.is_end_stream() {
                    self.complete();
                }
                Frame::data(bytes)
            }
            Err(trailers) => {
                self.complete();
                trailers
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.fault.is_none() && self.permits.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
