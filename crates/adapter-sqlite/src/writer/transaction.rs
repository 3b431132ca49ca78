//! The transaction in progress: the changes of memory that take effect when it is committed, and the answers that wait for
//! it. The writer owns one and reuses it for every commit, so that its buffers are allocated once.

use std::sync::Arc;

use application::ports::{Claim, CommitError, StoreError};
use domain::{EventPosition, Order, OrderId};
use tokio::sync::oneshot;

use super::counters::CheckpointCounters;
use super::leases::Lease;
use super::round_robin::RoundRobin;
use super::unclaimed::UnclaimedOrder;
use crate::event_ring::CommitEvents;
use crate::index::memtable::Segment;

#[derive(Default)]
pub(crate) struct Transaction {
    /// The counters after the commit.
    pub(crate) counters: CheckpointCounters,
    /// The random bits of all its events.
    pub(crate) bits: u32,
    /// The encoded entries of its log row.
    pub(crate) log: Vec<u8>,
    /// The encoded counters of its log row.
    pub(crate) encoded_counters: Vec<u8>,
    pub(crate) events: CommitEvents,
    /// Its new orders that wait in the log.
    pub(crate) new_unclaimed: Vec<UnclaimedOrder>,
    /// Orders that it removed from the window of unclaimed orders.
    pub(crate) removed_unclaimed: Vec<UnclaimedOrder>,
    /// The entries of its new orders for the index.
    pub(crate) indexed: Segment,
    pub(crate) leases_taken: Vec<(OrderId, Lease)>,
    pub(crate) leases_ended: Vec<OrderId>,
    pub(crate) round_robin_before: RoundRobin,
    /// Whether it erases orders: then all events in memory are dropped.
    pub(crate) erases: bool,
    pub(crate) answers: Vec<Answer>,
    /// The writes in the order in which they are applied: home rowid, batch, index in the batch.
    pub(crate) write_order: Vec<(i64, usize, usize)>,
    /// A buffer for the writes that the writer itself encodes.
    encode_buffer: Vec<u8>,
}

/// The answer to a request, sent after the commit.
pub(crate) enum Answer {
    Orders(
        oneshot::Sender<Result<Vec<Arc<Order>>, StoreError>>,
        Vec<Arc<Order>>,
    ),
    LostClaims(oneshot::Sender<Result<Vec<Claim>, StoreError>>, Vec<Claim>),
    Erased(
        oneshot::Sender<Result<EventPosition, CommitError>>,
        Result<EventPosition, CommitError>,
    ),
}

impl Answer {
    /// Sends the answer. The caller may have stopped waiting; that is not an error.
    pub(crate) fn send(self) {
        match self {
            Self::Orders(reply, orders) => drop(reply.send(Ok(orders))),
            Self::LostClaims(reply, claims) => drop(reply.send(Ok(claims))),
            Self::Erased(reply, answer) => drop(reply.send(answer)),
        }
    }

    /// Sends `error` instead of the answer, because the transaction failed.
    pub(crate) fn fail(self, error: &StoreError) {
        match self {
            Self::Orders(reply, _) => drop(reply.send(Err(error.clone()))),
            Self::LostClaims(reply, _) => drop(reply.send(Err(error.clone()))),
            Self::Erased(reply, _) => {
                drop(reply.send(Err(CommitError::Store(error.clone()))));
            }
        }
    }
}

impl Transaction {
    /// Begins a transaction after the commit with these counters and round-robin positions.
    pub(crate) fn begin(
        &mut self,
        counters: CheckpointCounters,
        bits: u32,
        round_robin: RoundRobin,
    ) {
        self.counters = counters;
        self.bits = bits;
        self.round_robin_before = round_robin;
        self.encoded_counters.clear();
        self.erases = false;
    }

    /// Takes the encode buffer; [`Transaction::return_encode_buffer`] gives it back.
    pub(crate) fn take_encode_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.encode_buffer)
    }

    pub(crate) fn return_encode_buffer(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.encode_buffer = buffer;
    }

    /// Discards the changes of memory after a rollback.
    pub(crate) fn reset(&mut self) {
        self.log.clear();
        self.events.clear();
        self.new_unclaimed.clear();
        self.indexed = Segment::default();
        self.leases_taken.clear();
        self.leases_ended.clear();
    }
}
