//! One transaction under way: what it will have changed in memory once it is durable, and who waits for its answers.

use std::sync::Arc;

use application::ports::{Claim, CommitError, StoreError};
use domain::{EventPosition, Order, OrderId};
use tokio::sync::oneshot;

use super::books::Books;
use super::fresh::FreshWork;
use super::leases::Lease;
use super::waiting::Rounds;
use crate::index::memtable::Segment;
use crate::recent::EncodedEvents;

/// Reused from commit to commit, so that its buffers are allocated once.
#[derive(Default)]
pub(crate) struct Batch {
    /// The books as they will be.
    pub(crate) books: Books,
    /// The random bits of all its events.
    pub(crate) bits: u32,
    /// The entries of the log row.
    pub(crate) log: Vec<u8>,
    /// The books as the log row has them.
    pub(crate) encoded_books: Vec<u8>,
    pub(crate) events: EncodedEvents,
    pub(crate) fresh: Vec<FreshWork>,
    /// What the index will have to know.
    pub(crate) indexed: Segment,
    pub(crate) leases_taken: Vec<(OrderId, Lease)>,
    pub(crate) leases_ended: Vec<OrderId>,
    /// New orders that were taken out of their window.
    pub(crate) taken: Vec<FreshWork>,
    /// How far the rounds had come before.
    pub(crate) rounds: Rounds,
    /// Orders were erased: no event from before is kept in memory.
    pub(crate) erases: bool,
    pub(crate) answers: Vec<Answer>,
    /// The writes in the order in which they are made: the place of the row, the parcel, and the position in it.
    pub(crate) sequence: Vec<(i64, usize, usize)>,
    /// For what the writer encodes itself.
    own_bytes: Vec<u8>,
}

/// An answer, to something else than a write, that waits for the transaction to be durable.
pub(crate) enum Answer {
    Orders(
        oneshot::Sender<Result<Vec<Arc<Order>>, StoreError>>,
        Result<Vec<Arc<Order>>, StoreError>,
    ),
    Lost(
        oneshot::Sender<Result<Vec<Claim>, StoreError>>,
        Result<Vec<Claim>, StoreError>,
    ),
    Erased(
        oneshot::Sender<Result<EventPosition, CommitError>>,
        Result<EventPosition, CommitError>,
    ),
}

impl Answer {
    /// A caller that has stopped waiting is no fault.
    pub(crate) fn send(self) {
        match self {
            Self::Orders(reply, answer) => drop(reply.send(answer)),
            Self::Lost(reply, answer) => drop(reply.send(answer)),
            Self::Erased(reply, answer) => drop(reply.send(answer)),
        }
    }

    /// The transaction failed, and with it whatever was to be answered.
    pub(crate) fn fail(self, error: &StoreError) {
        match self {
            Self::Orders(reply, _) => drop(reply.send(Err(error.clone()))),
            Self::Lost(reply, _) => drop(reply.send(Err(error.clone()))),
            Self::Erased(reply, _) => {
                drop(reply.send(Err(CommitError::Store(error.clone()))));
            }
        }
    }
}

impl Batch {
    /// Begins a transaction on these books and rounds, with these random bits.
    pub(crate) fn begin(&mut self, books: Books, bits: u32, rounds: Rounds) {
        self.books = books;
        self.bits = bits;
        self.rounds = rounds;
        self.encoded_books.clear();
        self.erases = false;
    }

    /// Room for what the writer encodes itself.
    pub(crate) fn own_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.own_bytes)
    }

    /// Gives that room back.
    pub(crate) fn reuse(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        self.own_bytes = bytes;
    }

    /// Forgets what the transaction would have changed.
    pub(crate) fn forget(&mut self) {
        self.log.clear();
        self.events.clear();
        self.fresh.clear();
        self.indexed = Segment::default();
        self.leases_taken.clear();
        self.leases_ended.clear();
    }
}
