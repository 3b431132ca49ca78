//! Calls of the port [`Orders`] and their answers as values: what travels, and what is coalesced with others.
//!
//! A client makes a [`Request`], `wire` carries it, and the service has it [answered](Request::answer) by its own `Orders`.

use std::sync::Arc;

use application::ports::{Counts, ListFilter, OrderPage};
use application::store_health::StoreHealth;
use application::watch::Cursor;
use application::{
    BatchRow, Caller, CommandError, DeadLetterReasons, ExpectedVersion, FoundReceipt, ListRequest,
    NamedOrder, OrderEvents, Orders, PlaceError, Placed, ReadError, ReadReceiptError,
};
use domain::{
    ExternalId, IdempotencyKey, Order, OrderCommand, OrderId, PlaceOrder, Reason, Status, UserId,
    Version,
};

/// One call of the port without its caller: a variant a method, with the method's arguments in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the methods of the port")]
pub enum Request {
    Place(PlaceOrder, Option<IdempotencyKey>),
    PlaceBatch(Vec<BatchRow>),
    Get(OrderId),
    Find(UserId, ExternalId),
    FindByName(String),
    List(ListRequest),
    Events(OrderId, Option<Version>, usize),
    HasSeenAll(OrderId, Cursor),
    Receipt(OrderId),
    Counts,
    Command(OrderId, OrderCommand, ExpectedVersion, Option<Reason>),
    SetStatus(OrderId, Status, ExpectedVersion, Option<Reason>),
    CommandDeadLetters(ListFilter, OrderCommand, Option<Reason>, usize),
    DeadLetterReasons(Option<UserId>, usize),
    StoreHealth,
}

/// The answer to a [`Request`]: a variant a method, with what the method returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the methods of the port")]
pub enum Response {
    Place(Result<Placed, PlaceError>),
    PlaceBatch(Vec<Result<Placed, PlaceError>>),
    Get(Result<Option<Arc<Order>>, ReadError>),
    Find(Result<Option<Arc<Order>>, ReadError>),
    FindByName(Result<NamedOrder, ReadError>),
    List(Result<OrderPage, ReadError>),
    Events(Result<Option<OrderEvents>, ReadError>),
    HasSeenAll(Result<bool, ReadError>),
    Receipt(Result<FoundReceipt, ReadReceiptError>),
    Counts(Result<Counts, ReadError>),
    Command(Result<Arc<Order>, CommandError>),
    SetStatus(Result<Arc<Order>, CommandError>),
    CommandDeadLetters(Result<usize, CommandError>),
    DeadLetterReasons(Result<DeadLetterReasons, ReadError>),
    StoreHealth(StoreHealth),
    /// The service could not decode the call, for this reason, and did nothing: the two processes have different versions.
    Undecodable(String),
}

impl Request {
    /// Has the call answered by `orders`.
    pub async fn answer(self, orders: &dyn Orders, caller: &Caller) -> Response {
        match self {
            Self::Place(command, key) => Response::Place(orders.place(caller, command, key).await),
            Self::PlaceBatch(rows) => Response::PlaceBatch(orders.place_batch(caller, rows).await),
            Self::Get(id) => Response::Get(orders.get(caller, id).await),
            Self::Find(user, external_id) => {
                Response::Find(orders.find(caller, &user, &external_id).await)
            }
            Self::FindByName(name) => {
                Response::FindByName(orders.find_by_name(caller, &name).await)
            }
            Self::List(request) => Response::List(orders.list(caller, request).await),
            Self::Events(id, after, limit) => {
                Response::Events(orders.events(caller, id, after, limit).await)
            }
            Self::HasSeenAll(id, cursor) => {
                Response::HasSeenAll(orders.has_seen_all(caller, id, &cursor).await)
            }
            Self::Receipt(id) => Response::Receipt(orders.receipt(caller, id).await),
            Self::Counts => Response::Counts(orders.counts(caller).await),
            Self::Command(id, command, expected, reason) => {
                let changing = orders.command(caller, id, command, expected, reason);
                Response::Command(changing.await)
            }
            Self::SetStatus(id, status, expected, reason) => {
                let changing = orders.set_status(caller, id, status, expected, reason);
                Response::SetStatus(changing.await)
            }
            Self::CommandDeadLetters(filter, command, reason, limit) => {
                let changing = orders.command_dead_letters(caller, filter, command, reason, limit);
                Response::CommandDeadLetters(changing.await)
            }
            Self::DeadLetterReasons(user_id, limit) => {
                let counting = orders.dead_letter_reasons(caller, user_id, limit);
                Response::DeadLetterReasons(counting.await)
            }
            Self::StoreHealth => Response::StoreHealth(orders.store_health(caller).await),
        }
    }
}
