//! The calls of the port, method by method, each with its own caller.

use application::ports::Deadline;
use application::{Caller, ListRequest};
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::call::Request as Message;

use super::caller::{decode_caller, encode_caller};
use super::decode_error::DecodeError;
use super::form::{WireForm, all, each, given, maybe, optional, required};
use crate::call::Request;

/// How the argument of a call is written in its field: always set, absent if there is none, without presence, or repeated.
macro_rules! encode_argument {
    (required $argument:ident) => {
        Some($argument.encode())
    };
    (optional $argument:ident) => {
        maybe($argument.as_ref())
    };
    (given $argument:ident) => {
        $argument.encode()
    };
    (each $argument:ident) => {
        all($argument)
    };
}

/// Both directions of every call: the method, its field in a call, its message, and the message's fields in the order of the
/// method's arguments.
macro_rules! calls {
    (
        with arguments {
            $($method:ident $name:ident $message:ident($($presence:ident $field:ident),*);)*
        }
        without arguments { $($bare:ident $bare_name:ident $bare_message:ident;)* }
    ) => {
        fn encode(caller: Option<v1::Caller>, request: &Request) -> Message {
            match request {
                $(Request::$method($($field),*) => Message::$method(v1::$message {
                    caller,
                    $($field: encode_argument!($presence $field),)*
                }),)*
                $(Request::$bare => Message::$bare(v1::$bare_message { caller }),)*
            }
        }

        fn decode(message: Message, now: Deadline) -> Result<(Caller, Request), DecodeError> {
            let (field, decoded) = match message {
                $(Message::$method(message) => {
                    let decode = || {
                        let caller = decode_caller(message.caller, now)?;
                        $(let $field = $presence(stringify!($field), message.$field)?;)*
                        Ok((caller, Request::$method($($field),*)))
                    };
                    (stringify!($name), decode())
                })*
                $(Message::$bare(message) => {
                    let caller = decode_caller(message.caller, now);
                    (stringify!($bare_name), caller.map(|caller| (caller, Request::$bare)))
                })*
            };
            decoded.map_err(|error: DecodeError| error.within(field))
        }
    };
}

calls! {
    with arguments {
        Place place PlaceRequest(required command, optional key);
        PlaceBatch place_batch PlaceBatchRequest(each rows);
        Get get GetRequest(given id);
        Find find FindRequest(given user_id, given external_id);
        FindByName find_by_name FindByNameRequest(required name);
        List list ListRequest(required page);
        Events events EventsRequest(given id, optional after, required limit);
        HasSeenAll has_seen_all HasSeenAllRequest(given id, required cursor);
        Receipt receipt ReceiptRequest(given id);
        Command command CommandRequest(
            given id, given command, required expected, optional reason
        );
        SetStatus set_status SetStatusRequest(
            given id, given status, required expected, optional reason
        );
        CommandDeadLetters command_dead_letters CommandDeadLettersRequest(
            required filter, given command, optional reason, required limit
        );
        DeadLetterReasons dead_letter_reasons DeadLetterReasonsRequest(
            optional user_id, required limit
        );
    }
    without arguments {
        Counts counts CountsRequest;
        StoreHealth store_health StoreHealthRequest;
    }
}

/// The call with this number, sent at `now`.
#[must_use]
pub fn encode_call(id: u64, caller: &Caller, request: &Request, now: Deadline) -> v1::Call {
    let caller = Some(encode_caller(caller, now));
    v1::Call {
        id,
        request: Some(encode(caller, request)),
    }
}

/// The caller and the request of a call that arrived at `now`.
///
/// # Errors
/// If it stands for no call.
pub fn decode_call(call: v1::Call, now: Deadline) -> Result<(Caller, Request), DecodeError> {
    let message = call
        .request
        .ok_or_else(|| DecodeError::missing("request"))?;
    decode(message, now)
}

impl WireForm for ListRequest {
    type Message = v1::PageRequest;

    fn encode(&self) -> v1::PageRequest {
        v1::PageRequest {
            filter: Some(self.filter.encode()),
            before: maybe(self.before.as_ref()),
            limit: Some(self.limit.encode()),
        }
    }

    fn decode(message: v1::PageRequest) -> Result<Self, DecodeError> {
        Ok(Self {
            filter: required("filter", message.filter)?,
            before: optional("before", message.before)?,
            limit: required("limit", message.limit)?,
        })
    }
}
