//! One call as its method sees it: its name, who follows it, and until when its client waits.
//!
//! `dispatch` makes it from the metadata and puts it into the request; methods take it out.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use application::ports::{Deadline, Ids};
use application::request_name::TraceContext;
use application::{Caller, request_name};
use domain::{RequestId, Trace};
use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::room::Held;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// A call. Clones are the same call.
#[derive(Debug, Clone)]
pub(crate) struct Call(Arc<Content>);

#[derive(Debug)]
struct Content {
    request_id: RequestId,
    trace: Trace,
    /// When its client stops waiting, where it says so.
    deadline: Option<Deadline>,
    /// What only the log is told.
    cause: OnceLock<String>,
    /// What it has sent so far.
    messages: Mutex<Messages>,
}

/// The client's deadline cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadTimeout;

impl Call {
    /// The call with this metadata. A deadline that cannot be read is left out, and reported.
    pub(crate) fn of(
        headers: &HeaderMap,
        ids: &dyn Ids,
        now: Instant,
    ) -> (Self, Option<BadTimeout>) {
        let request_id = name_of(headers, ids);
        let context = headers
            .get(TRACEPARENT)
            .and_then(|value| value.to_str().ok())
            .and_then(request_name::trace_context);
        let (timeout, fault) = match headers.get(GRPC_TIMEOUT).map(|value| value.to_str()) {
            None => (None, None),
            Some(text) => match text.ok().and_then(read_timeout) {
                Some(timeout) => (Some(timeout), None),
                None => (None, Some(BadTimeout)),
            },
        };
        let content = Content {
            trace: TraceContext::trace(context, request_id.clone()),
            request_id,
            // A deadline past all time is none.
            deadline: timeout.and_then(|timeout| now.checked_add(timeout)),
            cause: OnceLock::new(),
            messages: Mutex::default(),
        };
        (Self(Arc::new(content)), fault)
    }

    /// What answers, events and logs call it.
    pub(crate) fn request_id(&self) -> &RequestId {
        &self.0.request_id
    }

    /// When its client stops waiting, where it says so.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.0.deadline
    }

    /// Its client's deadline, and at most `patience` from now.
    pub(crate) fn within(&self, patience: Duration) -> Deadline {
        let ours = Instant::now() + patience;
        self.0.deadline.map_or(ours, |theirs| theirs.min(ours))
    }

    /// The caller of a use case that begins now. There are no tokens yet: everyone may do everything.
    pub(crate) fn caller(&self, patience: Duration) -> Caller {
        Caller::trusted(self.0.trace.clone(), self.within(patience))
    }

    /// Notes what went wrong, for the log; the first note stays.
    pub(crate) fn note(&self, cause: &str) {
        if self.0.cause.get().is_none() {
            let _ = self.0.cause.set(cause.to_owned());
        }
    }

    /// What went wrong, for the log.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.get().map(String::as_str)
    }

    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.0
            .messages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of the call comes in: keeps its room until the next one begins, until somebody has taken it, or until
    /// the call's end.
    pub(crate) fn message_begins(&self, room: Option<Held>) {
        let mut messages = self.messages();
        messages.begun += 1;
        messages.room = room;
    }

    /// Whoever has read the next message of the call holds its room from now on. One that has begun behind it keeps its
    /// own.
    pub(crate) fn message_is_taken(&self) {
        let mut messages = self.messages();
        messages.taken += 1;
        if messages.taken >= messages.begun {
            messages.room = None;
        }
    }
}

/// The messages that a call has sent.
#[derive(Debug, Default)]
struct Messages {
    begun: u64,
    taken: u64,
    /// Of the last one that has begun.
    room: Option<Held>,
}

/// The client's own name for the call, if it is 1-128 visible ASCII characters and comes once; else a fresh one.
fn name_of(headers: &HeaderMap, ids: &dyn Ids) -> RequestId {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(name), None) => name
            .to_str()
            .ok()
            .and_then(|name| RequestId::new(name).ok())
            .unwrap_or_else(|| request_name::fresh(ids)),
        _ => request_name::fresh(ids),
    }
}

/// A time-out as gRPC writes it: up to eight digits and a unit.
fn read_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// The call that `dispatch` made of a request.
pub(crate) fn call_of<T>(request: &tonic::Request<T>) -> Call {
    request
        .extensions()
        .get::<Call>()
        .cloned()
        .expect("every request comes through the dispatcher, which puts its call there")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::read_timeout;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        for (text, expected) in [
            ("2H", Duration::from_secs(7200)),
            ("3M", Duration::from_secs(180)),
            ("10S", Duration::from_secs(10)),
            ("99999999m", Duration::from_millis(99_999_999)),
            ("5u", Duration::from_micros(5)),
            ("0n", Duration::ZERO),
        ] {
            assert_eq!(read_timeout(text), Some(expected), "{text}");
        }
        for text in ["", "S", "1", "1s", "-1S", "123456789S", "1.5S", "1é"] {
            assert_eq!(read_timeout(text), None, "{text}");
        }
    }
}
