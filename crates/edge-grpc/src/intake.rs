//! Orders that come in a stream, and one answer each, in their order. The stream is the body of the answer: it takes
//! orders as they come, commits those that are there together, and several groups at a time.
//!
//! A slow client is slowed down at the window: while that many orders are under way, or its answers are not taken, it is
//! not read. While the messages of all calls hold much memory, a stream has one order under way at a time. A stopping server
//! reads no more, answers what it has taken, and ends the stream with UNAVAILABLE.

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
use crate::message_memory::Reservation;
use crate::refusal::{Refusal, is_ours, of_transport};
use crate::rows::{Row, place_rows};
use crate::state::GrpcEdge;

/// The most orders that are committed together for one stream. More in one go only delay the first answers.
const GROUP_ORDERS: usize = 256;
/// The most groups under way: one being committed, the next waiting behind it, and some to answer.
const GROUPS: usize = 8;

/// Each of this many bytes counts as one order more, as the stores' queues count them.
const LARGE_BYTES: usize = 16 * 1024;

/// How one interface reads the orders of a stream and writes their results.
pub(crate) trait IntakeCodec: Send + Sync + Unpin + 'static {
    /// An order as it comes.
    type Order: Message + 'static;
    /// An answer.
    type Answer: Send + Unpin + 'static;

    /// Reads an order.
    fn decode(&self, order: Self::Order) -> Result<BatchRow, Refusal>;

    /// Says what became of order `index`; an error ends the stream.
    fn encode(&self, index: u64, result: Result<Placed, Refusal>) -> Result<Self::Answer, Refusal>;
}

/// What became of the orders of a group, and how much of the window they took.
struct Answered {
    results: Vec<Result<Placed, Refusal>>,
    bytes: usize,
}

/// The stream of answers.
pub(crate) struct Intake<C: IntakeCodec> {
    codec: C,
    edge: GrpcEdge,
    call: Call,
    /// `None` once nothing more is read.
    orders: Option<Streaming<C::Order>>,
    /// Tasks of their own: a client that takes no answers leaves its stream unpolled, and would keep its permits.
    groups: FuturesOrdered<AbortOnDropHandle<Answered>>,
    /// Written as soon as they are known: a result in short is smaller than its order.
    answers: VecDeque<Result<C::Answer, Status>>,
    /// Answers written so far.
    written: u64,
    /// Orders that were read and whose answers were not taken, and bytes that are with the store.
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
    memory: Vec<Reservation>,
    bytes: usize,
}

/// These orders got no permits before their deadline: nothing of them was begun.
fn too_late(rows: Vec<Row>) -> Vec<Result<Placed, Refusal>> {
    rows.into_iter()
        .map(|row| Err(row.err().unwrap_or_else(Refusal::deadline_passed)))
        .collect()
}

impl<C: IntakeCodec> Intake<C> {
    pub(crate) fn new(codec: C, edge: GrpcEdge, call: Call, orders: Streaming<C::Order>) -> Self {
        Self {
            codec,
            stop: Box::pin(edge.soft.clone().cancelled_owned()),
            edge,
            call,
            orders: Some(orders),
            groups: FuturesOrdered::new(),
            answers: VecDeque::new(),
            written: 0,
            waiting: 0,
            waiting_bytes: 0,
            end: None,
        }
    }

    fn has_room(&self, group: &Group) -> bool {
        let settings = &self.edge.settings;
        let is_first = group.rows.len() + self.waiting == 0;
        (is_first || !self.edge.messages.is_tight())
            && group.rows.len() < GROUP_ORDERS
            && self.waiting + group.rows.len() < settings.intake_window
            && self.waiting_bytes + group.bytes < settings.tuning.intake_window_bytes
    }

    /// Takes the orders that have come, and sets out to commit them.
    fn take_in(&mut self, context: &mut Context<'_>) {
        while self.orders.is_some()
            && self.groups.len() < GROUPS
            && self.has_room(&Group::default())
        {
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
            self.place(group);
            if is_pending {
                return;
            }
        }
    }

    fn add(&self, order: C::Order, group: &mut Group) {
        group.memory.extend(self.call.take_message());
        group.bytes += order.encoded_len();
        group.rows.push(self.codec.decode(order));
    }

    fn place(&mut self, group: Group) {
        self.waiting += group.rows.len();
        self.waiting_bytes += group.bytes;
        let orders = Arc::clone(&self.edge.orders);
        let settings = &self.edge.settings;
        let caller = self.call.caller(settings.request_deadline);
        let permits = Arc::clone(&self.edge.intake_permits);
        let wanted = (group.rows.len() + group.bytes / LARGE_BYTES).min(settings.intake_in_flight);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let placing = self.edge.tasks.spawn(async move {
            let granted = timeout_at(caller.deadline, permits.acquire_many(wanted)).await;
            let results = match granted {
                Ok(_permits) => place_rows(&*orders, &caller, group.rows).await,
                Err(_) => too_late(group.rows),
            };
            drop(group.memory);
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

    /// Writes the answers of a group.
    fn write(&mut self, answered: Answered) {
        self.waiting_bytes -= answered.bytes;
        for result in answered.results {
            let index = self.written;
            self.written += 1;
            if let Err(refusal) = &result
                && let Some(cause) = refusal.cause()
            {
                self.call.note(cause);
            }
            let answer = self.codec.encode(index, result);
            let is_end = answer.is_err();
            self.answers.push_back(answer.map_err(|refusal| {
                refusal.into_status(&self.call, self.edge.settings.tuning.retry_after)
            }));
            if is_end {
                // What is still under way is not answered any more.
                self.orders = None;
                self.groups.clear();
                return;
            }
        }
    }
}

impl<C: IntakeCodec> Stream for Intake<C> {
    type Item = Result<C::Answer, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(answer) = this.answers.pop_front() {
                this.waiting -= 1;
                return Poll::Ready(Some(answer));
            }
            if this.orders.is_some() && this.stop.poll_unpin(context).is_ready() {
                let retry_after = this.edge.settings.tuning.retry_after;
                let end = Refusal::stopping().into_status(&this.call, retry_after);
                this.stop_reading(end);
            }
            this.take_in(context);
            match this.groups.poll_next_unpin(context) {
                Poll::Ready(Some(answered)) => {
                    // A panic goes on where the call is, which answers for it; nothing else ends a task early.
                    let answered = answered.unwrap_or_else(|error| match error.try_into_panic() {
                        Ok(panic) => std::panic::resume_unwind(panic),
                        Err(error) => panic!("placing orders: {error}"),
                    });
                    this.write(answered);
                }
                Poll::Ready(None) if this.orders.is_none() => {
                    return Poll::Ready(this.end.take().map(Err));
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}
