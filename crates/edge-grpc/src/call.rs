//! One call as its method sees it: its name, who follows it, until when its client waits, and what it holds: its permit and
//! the memory of its messages.
//!
//! The outermost layer makes it from the metadata and puts it into the request; the other layers and the methods take it
//! out with [`call_of`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use application::ports::{Deadline, Ids};
use application::request_name::TraceContext;
use application::{Caller, request_name};
use domain::{RequestId, Trace};
use http::{Extensions, HeaderMap, HeaderName};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::message_memory::Reservation;
use crate::methods::Method;

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
    /// When its client stops waiting, if it says so.
    deadline: Option<Deadline>,
    /// `None` if there is no such method.
    method: Option<Arc<Method>>,
    connection: Arc<Connection>,
    /// What went wrong, for the log alone.
    cause: OnceLock<String>,
    held: Mutex<Held>,
}

/// What a call holds of what all calls share.
#[derive(Debug, Default)]
struct Held {
    permit: Option<OwnedSemaphorePermit>,
    was_admitted: bool,
    /// The memory of each message that has come and that no method has taken yet, in their order.
    messages: VecDeque<Reservation>,
}

/// The client's deadline cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadTimeout;

impl Call {
    /// The call of a method with this metadata. A deadline that cannot be read is left out, and reported.
    pub(crate) fn new(
        headers: &HeaderMap,
        method: Option<Arc<Method>>,
        connection: &Arc<Connection>,
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
            method,
            connection: Arc::clone(connection),
            cause: OnceLock::new(),
            held: Mutex::default(),
        };
        (Self(Arc::new(content)), fault)
    }

    /// What answers, events and logs call it.
    pub(crate) fn request_id(&self) -> &RequestId {
        &self.0.request_id
    }

    /// Its method; `None` if there is no such method.
    pub(crate) fn method(&self) -> Option<&Method> {
        self.0.method.as_deref()
    }

    /// The connection that it came on.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.0.connection
    }

    /// When its client stops waiting, if it says so.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.0.deadline
    }

    /// Its client's deadline, and at most `timeout` from now.
    pub(crate) fn within(&self, timeout: Duration) -> Deadline {
        let ours = Instant::now() + timeout;
        self.0.deadline.map_or(ours, |theirs| theirs.min(ours))
    }

    /// The caller of a use case that begins now. There are no tokens yet: every caller may do everything.
    pub(crate) fn caller(&self, timeout: Duration) -> Caller {
        Caller::trusted(self.0.trace.clone(), self.within(timeout))
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

    /// Its permit is there, which it keeps until [`Call::release_permit`] or its end.
    pub(crate) fn hold_permit(&self, permit: OwnedSemaphorePermit) {
        let mut held = self.held();
        held.permit = Some(permit);
        held.was_admitted = true;
    }

    /// Gives its permit back.
    pub(crate) fn release_permit(&self) {
        self.held().permit = None;
    }

    /// Whether it had its permit, so that its method may have begun.
    pub(crate) fn was_admitted(&self) -> bool {
        self.held().was_admitted
    }

    /// A message has come in.
    pub(crate) fn message_came(&self, memory: Reservation) {
        self.held().messages.push_back(memory);
    }

    /// The memory of the next message, for the method that has read it.
    pub(crate) fn take_message(&self) -> Option<Reservation> {
        self.held().messages.pop_front()
    }

    /// Gives back the memory of messages that no method has taken and that are not needed any more.
    pub(crate) fn drop_messages(&self) {
        self.held().messages.clear();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // No code that can panic runs under the lock.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

/// The call of a request.
pub(crate) fn call_of(extensions: &Extensions) -> Call {
    extensions
        .get::<Call>()
        .cloned()
        .expect("every request comes through the outermost layer, which puts its call there")
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
