//! `Orders` in a loop: each call becomes bytes, is read back, is answered by the use cases of this process, and its answer
//! becomes bytes and is read back.

use std::sync::Arc;

use adapter_orders_client::call::{Request, Response};
use adapter_orders_client::wire::{decode_call, decode_reply, encode_call, encode_reply};
use application::ports::{Counts, Deadline, ListFilter, OrderPage};
use application::store_health::StoreHealth;
use application::watch::Cursor;
use application::{
    BatchRow, Caller, CommandError, DeadLetterReasons, ExpectedVersion, FoundReceipt, ListRequest,
    NamedOrder, OrderEvents, Orders, PlaceError, Placed, ReadError, ReadReceiptError,
};
use async_trait::async_trait;
use domain::{
    ExternalId, IdempotencyKey, Order, OrderCommand, OrderId, PlaceOrder, Reason, Status, UserId,
    Version,
};
use port_conformance::orders::Carrier;
use prost::Message as _;
use proto::ordermill::internal::v1;

/// Changes a call or an answer on its way, as a wire form without one of its fields would.
#[derive(Clone, Copy)]
pub enum Loss {
    /// Nothing is lost.
    Nothing,
    /// A field of calls.
    InCalls(fn(&mut v1::call::Request)),
    /// A field of answers.
    InReplies(fn(&mut v1::reply::Response)),
}

/// Carries calls in a loop.
#[derive(Clone, Copy)]
pub struct LoopBack {
    loss: Loss,
}

impl LoopBack {
    /// One that loses nothing.
    pub fn exact() -> Self {
        Self::losing(Loss::Nothing)
    }

    /// One that loses a field.
    pub fn losing(loss: Loss) -> Self {
        Self { loss }
    }
}

#[async_trait]
impl Carrier for LoopBack {
    async fn carry(&self, local: Arc<dyn Orders>) -> Arc<dyn Orders> {
        let loss = self.loss;
        Arc::new(LoopedOrders { local, loss })
    }
}

struct LoopedOrders {
    local: Arc<dyn Orders>,
    loss: Loss,
}

/// A number that every call of this test has; a loop has no other calls to tell it from.
const ID: u64 = u64::MAX - 6;

impl LoopedOrders {
    /// Sends a call around. If nothing is to be lost, both ends must have seen the same.
    async fn ask(&self, caller: &Caller, request: Request) -> Response {
        let now = Deadline::now();
        let mut call = encode_call(ID, caller, &request, now);
        if let (Loss::InCalls(lose), Some(request)) = (self.loss, &mut call.request) {
            lose(request);
        }
        let calls = v1::Calls { calls: vec![call] };
        let received = v1::Calls::decode(&*calls.encode_to_vec()).expect("these are calls");
        let [call] = <[v1::Call; 1]>::try_from(received.calls).expect("one call was sent");
        assert_eq!(call.id, ID);
        let (heard_caller, heard) = decode_call(call, now).expect("a call can be decoded");
        let is_exact = matches!(self.loss, Loss::Nothing);
        if is_exact {
            assert_same_caller(caller, &heard_caller, now);
            assert_eq!(heard, request);
        }
        let answer = heard.answer(&*self.local, &heard_caller).await;
        let mut reply = encode_reply(ID, &answer);
        if let (Loss::InReplies(lose), Some(response)) = (self.loss, &mut reply.response) {
            lose(response);
        }
        let reply = v1::Reply::decode(&*reply.encode_to_vec()).expect("this is a reply");
        assert_eq!(reply.id, ID);
        let received = decode_reply(reply).expect("a reply can be decoded");
        if is_exact {
            assert_eq!(received, answer);
        }
        received
    }
}

fn assert_same_caller(sent: &Caller, heard: &Caller, now: Deadline) {
    assert_eq!(heard.principal, sent.principal);
    assert_eq!(heard.scopes, sent.scopes);
    assert_eq!(heard.trace, sent.trace);
    if sent.deadline > now {
        assert_eq!(heard.deadline, sent.deadline);
    } else {
        assert!(heard.deadline < now, "what has passed stays passed");
    }
}

/// The answer of one method; panics if the reply is of another.
macro_rules! answer {
    ($method:ident of $reply:expr) => {
        match $reply {
            Response::$method(answer) => answer,
            other => panic!("a call of another method was answered: {other:?}"),
        }
    };
}

#[async_trait]
impl Orders for LoopedOrders {
    async fn place(
        &self,
        caller: &Caller,
        command: PlaceOrder,
        key: Option<IdempotencyKey>,
    ) -> Result<Placed, PlaceError> {
        answer!(Place of self.ask(caller, Request::Place(command, key)).await)
    }

    async fn place_batch(
        &self,
        caller: &Caller,
        rows: Vec<BatchRow>,
    ) -> Vec<Result<Placed, PlaceError>> {
        answer!(PlaceBatch of self.ask(caller, Request::PlaceBatch(rows)).await)
    }

    async fn get(&self, caller: &Caller, id: OrderId) -> Result<Option<Arc<Order>>, ReadError> {
        answer!(Get of self.ask(caller, Request::Get(id)).await)
    }

    async fn find(
        &self,
        caller: &Caller,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<Option<Arc<Order>>, ReadError> {
        let request = Request::Find(user.clone(), external_id.clone());
        answer!(Find of self.ask(caller, request).await)
    }

    async fn find_by_name(&self, caller: &Caller, name: &str) -> Result<NamedOrder, ReadError> {
        answer!(FindByName of self.ask(caller, Request::FindByName(name.to_owned())).await)
    }

    async fn list(&self, caller: &Caller, request: ListRequest) -> Result<OrderPage, ReadError> {
        answer!(List of self.ask(caller, Request::List(request)).await)
    }

    async fn events(
        &self,
        caller: &Caller,
        id: OrderId,
        after: Option<Version>,
        limit: usize,
    ) -> Result<Option<OrderEvents>, ReadError> {
        answer!(Events of self.ask(caller, Request::Events(id, after, limit)).await)
    }

    async fn has_seen_all(
        &self,
        caller: &Caller,
        id: OrderId,
        cursor: &Cursor,
    ) -> Result<bool, ReadError> {
        answer!(HasSeenAll of self.ask(caller, Request::HasSeenAll(id, cursor.clone())).await)
    }

    async fn receipt(
        &self,
        caller: &Caller,
        id: OrderId,
    ) -> Result<FoundReceipt, ReadReceiptError> {
        answer!(Receipt of self.ask(caller, Request::Receipt(id)).await)
    }

    async fn counts(&self, caller: &Caller) -> Result<Counts, ReadError> {
        answer!(Counts of self.ask(caller, Request::Counts).await)
    }

    async fn command(
        &self,
        caller: &Caller,
        id: OrderId,
        command: OrderCommand,
        expected: ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        let request = Request::Command(id, command, expected, reason);
        answer!(Command of self.ask(caller, request).await)
    }

    async fn set_status(
        &self,
        caller: &Caller,
        id: OrderId,
        status: Status,
        expected: ExpectedVersion,
        reason: Option<Reason>,
    ) -> Result<Arc<Order>, CommandError> {
        let request = Request::SetStatus(id, status, expected, reason);
        answer!(SetStatus of self.ask(caller, request).await)
    }

    async fn command_dead_letters(
        &self,
        caller: &Caller,
        filter: ListFilter,
        command: OrderCommand,
        reason: Option<Reason>,
        limit: usize,
    ) -> Result<usize, CommandError> {
        let request = Request::CommandDeadLetters(filter, command, reason, limit);
        answer!(CommandDeadLetters of self.ask(caller, request).await)
    }

    async fn dead_letter_reasons(
        &self,
        caller: &Caller,
        user_id: Option<UserId>,
        limit: usize,
    ) -> Result<DeadLetterReasons, ReadError> {
        let request = Request::DeadLetterReasons(user_id, limit);
        answer!(DeadLetterReasons of self.ask(caller, request).await)
    }

    async fn store_health(&self, caller: &Caller) -> StoreHealth {
        answer!(StoreHealth of self.ask(caller, Request::StoreHealth).await)
    }
}
