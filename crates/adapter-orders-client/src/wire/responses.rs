//! The answers of the port, method by method.

use std::sync::Arc;

use application::ports::{Counts, OrderPage};
use application::{
    CommandError, DeadLetterReasons, FoundReceipt, NamedOrder, OrderEvents, PlaceError, Placed,
    ReadError, ReadReceiptError,
};
use domain::Order;
use proto::ordermill::internal::v1;
use proto::ordermill::internal::v1::reply;

use super::decode_error::DecodeError;
use super::form::{WireForm, all, each, given};
use crate::call::Response;

/// Responses that are either an answer or an error: the message, its module, and both types.
macro_rules! answers_or_errors {
    ($($message:ident in $module:ident: $answer:ty, $error:ty;)*) => {
        $(impl WireForm for Result<$answer, $error> {
            type Message = v1::$message;

            fn encode(&self) -> v1::$message {
                use v1::$module::Result as Message;
                let result = match self {
                    Ok(answer) => Message::Answer(answer.encode()),
                    Err(error) => Message::Error(error.encode()),
                };
                v1::$message {
                    result: Some(result),
                }
            }

            fn decode(message: v1::$message) -> Result<Self, DecodeError> {
                use v1::$module::Result as Message;
                match message.result {
                    None => Err(DecodeError::missing("result")),
                    Some(Message::Answer(answer)) => given("answer", answer).map(Ok),
                    Some(Message::Error(error)) => given("error", error).map(Err),
                }
            }
        })*
    };
}

answers_or_errors! {
    PlaceResponse in place_response: Placed, PlaceError;
    OrderResponse in order_response: Option<Arc<Order>>, ReadError;
    FindByNameResponse in find_by_name_response: NamedOrder, ReadError;
    ListResponse in list_response: OrderPage, ReadError;
    EventsResponse in events_response: Option<OrderEvents>, ReadError;
    HasSeenAllResponse in has_seen_all_response: bool, ReadError;
    ReceiptResponse in receipt_response: FoundReceipt, ReadReceiptError;
    CountsResponse in counts_response: Counts, ReadError;
    ChangeResponse in change_response: Arc<Order>, CommandError;
    CommandDeadLettersResponse in command_dead_letters_response: usize, CommandError;
    DeadLetterReasonsResponse in dead_letter_reasons_response: DeadLetterReasons, ReadError;
}

impl WireForm for Vec<Result<Placed, PlaceError>> {
    type Message = v1::PlaceBatchResponse;

    fn encode(&self) -> v1::PlaceBatchResponse {
        v1::PlaceBatchResponse { rows: all(self) }
    }

    fn decode(message: v1::PlaceBatchResponse) -> Result<Self, DecodeError> {
        each("rows", message.rows)
    }
}

/// The reply to the call with this number.
#[must_use]
pub fn encode_reply(id: u64, response: &Response) -> v1::Reply {
    use reply::Response as Message;
    let message = match response {
        Response::Place(answer) => Message::Place(answer.encode()),
        Response::PlaceBatch(answer) => Message::PlaceBatch(answer.encode()),
        Response::Get(answer) => Message::Get(answer.encode()),
        Response::Find(answer) => Message::Find(answer.encode()),
        Response::FindByName(answer) => Message::FindByName(answer.encode()),
        Response::List(answer) => Message::List(answer.encode()),
        Response::Events(answer) => Message::Events(answer.encode()),
        Response::HasSeenAll(answer) => Message::HasSeenAll(answer.encode()),
        Response::Receipt(answer) => Message::Receipt(answer.encode()),
        Response::Counts(answer) => Message::Counts(answer.encode()),
        Response::Command(answer) => Message::Command(answer.encode()),
        Response::SetStatus(answer) => Message::SetStatus(answer.encode()),
        Response::CommandDeadLetters(answer) => Message::CommandDeadLetters(answer.encode()),
        Response::DeadLetterReasons(answer) => Message::DeadLetterReasons(answer.encode()),
        Response::StoreHealth(answer) => Message::StoreHealth(answer.encode()),
        Response::Undecodable(reason) => Message::Undecodable(reason.clone()),
    };
    v1::Reply {
        id,
        response: Some(message),
    }
}

/// The answer that a reply holds. Which call it belongs to is for the asker to find out by its number.
///
/// # Errors
/// If it stands for no answer.
pub fn decode_reply(reply: v1::Reply) -> Result<Response, DecodeError> {
    use reply::Response as Message;
    let message = reply
        .response
        .ok_or_else(|| DecodeError::missing("response"))?;
    Ok(match message {
        Message::Place(answer) => Response::Place(given("place", answer)?),
        Message::PlaceBatch(answer) => Response::PlaceBatch(given("place_batch", answer)?),
        Message::Get(answer) => Response::Get(given("get", answer)?),
        Message::Find(answer) => Response::Find(given("find", answer)?),
        Message::FindByName(answer) => Response::FindByName(given("find_by_name", answer)?),
        Message::List(answer) => Response::List(given("list", answer)?),
        Message::Events(answer) => Response::Events(given("events", answer)?),
        Message::HasSeenAll(answer) => Response::HasSeenAll(given("has_seen_all", answer)?),
        Message::Receipt(answer) => Response::Receipt(given("receipt", answer)?),
        Message::Counts(answer) => Response::Counts(given("counts", answer)?),
        Message::Command(answer) => Response::Command(given("command", answer)?),
        Message::SetStatus(answer) => Response::SetStatus(given("set_status", answer)?),
        Message::CommandDeadLetters(answer) => {
            Response::CommandDeadLetters(given("command_dead_letters", answer)?)
        }
        Message::DeadLetterReasons(answer) => {
            Response::DeadLetterReasons(given("dead_letter_reasons", answer)?)
        }
        Message::StoreHealth(answer) => Response::StoreHealth(given("store_health", answer)?),
        Message::Undecodable(reason) => Response::Undecodable(reason),
    })
}
