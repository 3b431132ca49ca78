//! Orders that come in a stream, and one answer each, in their order. The stream is the body of the answer: it takes
//! orders as they come, commits those that are there together, and several groups at a time.
//!
//! The client's slowness stops at the window: while so many orders are under way, or its answers are not taken, it is
//! not read. A stopping server reads no more, answers what it has taken, and says goodbye.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use application::{BatchRow, Placed};
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use prost::Message;
use tokio::time::timeout_at;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};

use crate::call::Call;
use crate::refusal::{Refusal, is_ours, of_transport};
use crate::room::Held;
use crate::rows::{Row, place_rows};
use crate::state::GrpcEdge;

/// The most orders that are committed together for one stream. More in one go only delay the first answers.
const GROUP_ORDERS: usize = 256;
/// The most groups under way: one being committed, the next waiting behind it, and some to answer.
const GROUPS: usize = 8;

/// So many bytes count as one order more, as the stores' queues count them.
const LARGE_BYTES: usize = 16 * 1024;

/// How one interface speaks of orders in a stream.
pub(crate) trait Speech: Send + Sync + Unpin + 'static {
    /// An order as it comes.
    type Order: Message + 'static;
    /// An answer.
    type Answer: Send + 'static;

    /// Reads an order.
    fn read(&self, order: Self::Order) -> Result<BatchRow, Refusal>;

    /// Says what became of order `index`; an error ends the stream.
    fn answer(&self, index: u64, result: Result<Placed, Refusal>) -> Result<Self::Answer, Refusal>;
}

/// What became of the orders of a group, and how much of the window they took.
struct Answered {
    results: Vec<Result<Placed, Refusal>>,
    bytes: usize,
}

/// The stream of answers.
pub(crate) struct Intake<S: Speech> {
    speech: S,
    edge: GrpcEdge,
    call: Call,
    /// `None` once nothing more is read.
    orders: Option<Streaming<S::Order>>,
    /// Tasks of their own: a client that takes no answers leaves its stream unpolled, and would keep its turn.
    groups: FuturesOrdered<AbortOnDropHandle<Answered>>,
    answers: VecDeque<Result<Placed, Refusal>>,
    /// Orders answered so far.
    answered: u64,
    /// Orders and bytes under way.
    waiting: usize,
    waiting_bytes: usize,
    /// What the stream ends with, after the last answer; `None` is OK.
    end: Option<Status>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Orders that go to the store together.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    room: Vec<Held>,
    bytes: usize,
}

/// The turn of these orders did not come before their deadline: nothing of them was begun.
fn too_late(rows: Vec<Row>) -> Vec<Result<Placed, Refusal>> {
    rows.into_iter()
        .map(|row| Err(row.err().unwrap_or_else(Refusal::deadline_passed)))
        .collect()
}

impl<S: Speech> Intake<S> {
    pub(crate) fn new(speech: S, edge: GrpcEdge, call: Call, orders: Streaming<S::Order>) -> Self {
        Self {
            speech,
            stop: Box::pin(edge.soft.clone().cancelled_owned()),
            edge,
            call,
            orders: Some(orders),
            groups: FuturesOrdered::new(),
            answers: VecDeque::new(),
            answered: 0,
            waiting: 0,
            waiting_bytes: 0,
            end: None,
        }
    }

    fn has_room(&self, group: &Group) -> bool {
        let settings = &self.edge.settings;
        group.rows.len() < GROUP_ORDERS
            && self.waiting + group.rows.len() < settings.intake_window
            && self.waiting_bytes + group.bytes < settings.tuning.intake_window_bytes
    }

    /// Takes the orders that have come, and sets out to commit them.
    fn take_in(&mut self, context: &mut Context<'_>) {
        while self.orders.is_some() && self.groups.len() < GROUPS {
            let mut group = Group::default();
            let mut is_pending = false;
            while let Some(orders) = &mut self.orders
                && !is_pending
            {
                match orders.poll_next_unpin(context) {
                    Poll::Pending => is_pending = true,
                    Poll::Ready(None) => self.orders = None,
                    Poll::Ready(Some(Err(status))) => self.stop_reading(self.fault(status)),
                    Poll::Ready(Some(Ok(order))) => self.add(order, &mut group),
                }
                if !self.has_room(&group) {
                    break;
                }
            }
            if group.rows.is_empty() {
                return;
            }
            self.set_out(group);
            if is_pending || !self.has_room(&Group::default()) {
                return;
            }
        }
    }

    fn add(&self, order: S::Order, group: &mut Group) {
        let bytes = order.encoded_len();
        self.call.message_is_taken();
        let row = match self.edge.room.hold(bytes) {
            Ok(room) => {
                group.room.extend(room);
                self.speech.read(order)
            }
            Err(_) => Err(Refusal::no_room()),
        };
        group.bytes += bytes;
        group.rows.push(row);
    }

    fn set_out(&mut self, group: Group) {
        self.waiting += group.rows.len();
        self.waiting_bytes += group.bytes;
        let orders = Arc::clone(&self.edge.orders);
        let settings = &self.edge.settings;
        let caller = self.call.caller(settings.request_deadline);
        let turns = Arc::clone(&self.edge.turns);
        let turn = (group.rows.len() + group.bytes / LARGE_BYTES).min(settings.intake_in_flight);
        let turn = u32::try_from(turn).unwrap_or(u32::MAX);
        let placing = self.edge.tasks.spawn(async move {
            let turn = timeout_at(caller.deadline, turns.acquire_many(turn)).await;
            let results = match turn {
                Ok(_turn) => place_rows(&*orders, &caller, group.rows).await,
                Err(_) => too_late(group.rows),
            };
            drop(group.room);
            Answered {
                results,
                bytes: group.bytes,
            }
        });
        self.groups.push_back(AbortOnDropHandle::new(placing));
    }

    /// What is wrong with the stream itself, in the words of this edge.
    fn fault(&self, status: Status) -> Status {
        let settings = &self.edge.settings;
        if is_ours(&status) {
            return status;
        }
        match of_transport(status.code(), status.message(), settings.max_message_bytes) {
            Some(refusal) => refusal.into_status(&self.call, settings.tuning.retry_after),
            None => status,
        }
    }

    fn stop_reading(&mut self, end: Status) {
        self.orders = None;
        self.end = Some(end);
    }

    fn answer(&mut self, result: Result<Placed, Refusal>) -> Result<S::Answer, Status> {
        self.waiting -= 1;
        let index = self.answered;
        self.answered += 1;
        if let Err(refusal) = &result
            && let Some(cause) = refusal.cause()
        {
            self.call.note(cause);
        }
        self.speech.answer(index, result).map_err(|refusal| {
            // What is still under way is not told any more.
            self.orders = None;
            self.groups.clear();
            self.answers.clear();
            refusal.into_status(&self.call, self.edge.settings.tuning.retry_after)
        })
    }
}

impl<S: Speech> Stream for Intake<S> {
    type Item = Result<S::Answer, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(result) = this.answers.pop_front() {
                return Poll::Ready(Some(this.answer(result)));
            }
            if this.orders.is_some() && this.stop.poll_unpin(context).is_ready() {
                let retry_after = this.edge.settings.tuning.retry_after;
                let goodbye = Refusal::stopping().into_status(&this.call, retry_after);
                this.stop_reading(goodbye);
            }
            this.take_in(context);
            match this.groups.poll_next_unpin(context) {
                Poll::Ready(Some(answered)) => {
                    // A panic goes on where the call is, which answers for it; nothing else ends a task early.
                    let answered = answered.unwrap_or_else(|error| match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(error) => panic!("placing orders: {error}"),
                    });
                    this.waiting_bytes -= answered.bytes;
                    this.answers.extend(answered.results);
                }
                Poll::Ready(None) if this.orders.is_none() => {
                    return Poll::Ready(this.end.take().map(Err));
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}
