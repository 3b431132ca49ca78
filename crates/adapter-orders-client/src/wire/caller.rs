//! The caller of a call. Its deadline travels as the time that is left, because the clocks of two machines differ.

use std::sync::Arc;
use std::time::Duration;

use application::ports::Deadline;
use application::{Caller, Principal, Scope};
use domain::Trace;
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::principal::Users;

use super::decode_error::DecodeError;
use super::form::{WireForm, each, given, maybe, optional, required};

/// The message of a caller that is sent at `now`.
pub(super) fn encode_caller(caller: &Caller, now: Deadline) -> v1::Caller {
    v1::Caller {
        principal: Some(caller.principal.encode()),
        scopes: caller.scopes.iter().map(|scope| scope.encode()).collect(),
        trace: Some(caller.trace.encode()),
        remaining: Some(caller.deadline.saturating_duration_since(now).encode()),
    }
}

/// The caller of a message that arrived at `now`. The time that the message was under way is not counted: the asker ends
/// its own wait.
pub(super) fn decode_caller(
    message: Option<v1::Caller>,
    now: Deadline,
) -> Result<Caller, DecodeError> {
    let message = message.ok_or_else(|| DecodeError::missing("caller"))?;
    decode_present(message, now).map_err(|error| error.within("caller"))
}

fn decode_present(message: v1::Caller, now: Deadline) -> Result<Caller, DecodeError> {
    let scopes: Vec<Scope> = each("scopes", message.scopes)?;
    let remaining: Duration = required("remaining", message.remaining)?;
    let deadline = if remaining.is_zero() {
        // What has passed stays passed, also for a store that still accepts what is due right now.
        now.checked_sub(Duration::from_nanos(1))
    } else {
        now.checked_add(remaining)
    };
    Ok(Caller {
        principal: required("principal", message.principal)?,
        scopes: scopes.into_iter().collect(),
        trace: required("trace", message.trace)?,
        deadline: deadline.ok_or_else(|| {
            DecodeError::refused("is a time that this machine cannot count").within("remaining")
        })?,
    })
}

impl WireForm for Principal {
    type Message = v1::Principal;

    fn encode(&self) -> v1::Principal {
        let users = self
            .user_id
            .as_ref()
            .map_or(Users::All(()), |user| Users::BoundTo(user.encode()));
        v1::Principal {
            subject: maybe(self.subject.as_ref()),
            users: Some(users),
        }
    }

    fn decode(message: v1::Principal) -> Result<Self, DecodeError> {
        let user_id = match message.users {
            None => return Err(DecodeError::missing("users")),
            Some(Users::All(())) => None,
            Some(Users::BoundTo(user)) => Some(given("bound_to", user)?),
        };
        Ok(Self {
            subject: optional("subject", message.subject)?,
            user_id,
        })
    }
}

impl WireForm for Trace {
    type Message = v1::Trace;

    fn encode(&self) -> v1::Trace {
        v1::Trace {
            request_id: maybe(self.request_id.as_ref()),
            trace_id: maybe(self.trace_id.as_ref()),
            span_id: maybe(self.span_id.as_ref()),
        }
    }

    fn decode(message: v1::Trace) -> Result<Self, DecodeError> {
        Ok(Self {
            request_id: optional("request_id", message.request_id)?,
            trace_id: hexadecimal::<32>("trace_id", message.trace_id)?,
            span_id: hexadecimal::<16>("span_id", message.span_id)?,
        })
    }
}

/// An id of W3C Trace Context, of `DIGITS` digits.
fn hexadecimal<const DIGITS: usize>(
    field: &str,
    text: Option<String>,
) -> Result<Option<Arc<str>>, DecodeError> {
    let Some(text) = text else {
        return Ok(None);
    };
    if text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        Ok(Some(Arc::from(text)))
    } else {
        let reason = format!("is not {DIGITS} hexadecimal digits");
        Err(DecodeError::refused(reason).within(field))
    }
}
