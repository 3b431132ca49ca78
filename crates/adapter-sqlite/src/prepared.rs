//! A write as the writer takes it: everything that can be encoded or hashed without the database is done in the
//! caller's task, so that the one writer thread does nothing but write.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{CommitError, Guard, Write};
use domain::{Decision, Event, Fingerprint, Job, Order, OrderId, Status, Timestamp, Version};

use crate::codec::{facts, history, put_text, standing};
use crate::index::names::{NameHash, UserHash};
use crate::waits::{Due, Waits};

/// Orders with more lines and adjustments than this are read again when they are claimed, rather than kept.
const MAX_KEPT_PARTS: usize = 16;

/// The parts that were encoded lie one after the other in bytes of their own, which its methods are given.
pub(crate) struct Prepared {
    pub(crate) id: OrderId,
    /// The order's status and version after it.
    pub(crate) status: Status,
    pub(crate) version: Version,
    /// How the work waits that it leaves, if it leaves any.
    pub(crate) waits: Waits,
    pub(crate) guard: PreparedGuard,
    pub(crate) job: Job,
    /// The new order, if a claim is to find it in memory.
    pub(crate) order: Option<Arc<Order>>,
    user: Range<usize>,
    facts: Range<usize>,
    /// Where the encoded [`standing`] ends, which follows the facts.
    standing_end: usize,
    /// Where the encoded [`history`] ends, which follows the standing and is the last part.
    history_end: usize,
    events: Events,
}

/// The events of a decision: where each begins, and the order's version after it.
struct Events {
    /// Empty but where several steps are written as one.
    earlier: Vec<(usize, Version)>,
    last: (usize, Version),
}

#[derive(Clone, Copy)]
pub(crate) enum PreparedGuard {
    New {
        key: Option<NameHash>,
        external_id: Option<NameHash>,
        fingerprint: Option<Fingerprint>,
        /// The lists that show it: its user's, and that of its external id.
        lists: (UserHash, Option<UserHash>),
    },
    At {
        version: Version,
        status: Status,
    },
}

impl Prepared {
    /// Encodes a write behind `bytes`; refuses what no transaction could hold, and then leaves them as they are. A new order
    /// that may be claimed at once goes with it if `keeps_orders`.
    pub(crate) fn of(
        write: Write,
        keeps_orders: bool,
        bytes: &mut Vec<u8>,
    ) -> Result<Self, CommitError> {
        let Write { decision, guard } = write;
        if decision.job == Job::Leased {
            return Err(CommitError::Refused(
                "a lease is taken by a claim alone".to_owned(),
            ));
        }
        let (key, fingerprint) = match guard {
            Guard::New { key, fingerprint } => (key, fingerprint),
            Guard::At { version, status } => {
                let guard = PreparedGuard::At { version, status };
                return Ok(Self::change(decision, guard, bytes));
            }
        };
        let order = &decision.order;
        if fingerprint.is_none() && (key.is_some() || order.external_id.is_some()) {
            return Err(CommitError::Refused(
                "a key or an external id needs the fingerprint of its command".to_owned(),
            ));
        }
        let begin = bytes.len();
        let user = facts::encode(order, key.as_ref(), fingerprint.as_ref(), bytes);
        let user_id = &order.user_id;
        let external_id = order.external_id.as_ref();
        let guard = PreparedGuard::New {
            key: key.as_ref().map(|key| NameHash::of_key(user_id, key)),
            external_id: external_id.map(|id| NameHash::of_external_id(user_id, id)),
            fingerprint,
            lists: (
                UserHash::of(user_id),
                external_id.map(UserHash::of_external_id),
            ),
        };
        let encoded = Encoded {
            begin,
            user: user.start - begin..user.end - begin,
            facts: 0..bytes.len() - begin,
        };
        let mut write = Self::encoded(&decision, guard, encoded, bytes);
        if keeps_orders && write.is_fresh_work() && is_small(&decision.order) {
            write.order = Some(decision.order);
        }
        Ok(write)
    }

    /// A change that is decided within the transaction: a claim, a claim with its outcome, or a rescue of the order
    /// `before`.
    pub(crate) fn of_own_decision(before: &Order, decision: Decision, bytes: &mut Vec<u8>) -> Self {
        let guard = PreparedGuard::At {
            version: before.version,
            status: before.status,
        };
        Self::change(decision, guard, bytes)
    }

    /// A change of an order that exists.
    fn change(decision: Decision, guard: PreparedGuard, bytes: &mut Vec<u8>) -> Self {
        let begin = bytes.len();
        put_text(bytes, decision.order.user_id.as_str());
        let end = bytes.len() - begin;
        let encoded = Encoded {
            begin,
            user: 0..end,
            facts: end..end,
        };
        Self::encoded(&decision, guard, encoded, bytes)
    }

    /// Adds what every write has.
    fn encoded(
        decision: &Decision,
        guard: PreparedGuard,
        Encoded { begin, user, facts }: Encoded,
        bytes: &mut Vec<u8>,
    ) -> Self {
        let order = &decision.order;
        standing::encode(order, bytes);
        let standing_end = bytes.len() - begin;
        let mut encode = |event: &Event| {
            let offset = bytes.len() - begin;
            history::encode(event, bytes);
            (offset, event.version)
        };
        let events = Events {
            earlier: decision.earlier.iter().map(&mut encode).collect(),
            last: encode(&decision.event),
        };
        Self {
            id: order.id,
            status: order.status,
            version: order.version,
            waits: Waits::of(order),
            guard,
            job: decision.job,
            order: None,
            user,
            facts,
            standing_end,
            history_end: bytes.len() - begin,
            events,
        }
    }

    /// A new order without key and external id.
    pub(crate) const fn is_unnamed(&self) -> bool {
        matches!(
            self.guard,
            PreparedGuard::New {
                key: None,
                external_id: None,
                ..
            }
        )
    }

    /// A new order that can be worked on as soon as it is there.
    pub(crate) fn is_fresh_work(&self) -> bool {
        matches!(self.guard, PreparedGuard::New { .. })
            && self.status == Status::Pending
            && self.job == Job::DueIn(Duration::ZERO)
    }

    /// When the work is due that it leaves to be done, if it leaves any.
    pub(crate) fn due(&self, now: Timestamp) -> Option<Due> {
        Due::of(self.job, now)
    }

    /// How many bytes its encoded parts are.
    pub(crate) const fn length(&self) -> usize {
        self.history_end
    }

    /// The user's name, with its length before it.
    pub(crate) fn user<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.user.clone()]
    }

    /// The encoded [`standing`].
    pub(crate) fn standing<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.facts.end..self.standing_end]
    }

    /// The encoded [`facts`]; empty for a change of an order that exists.
    pub(crate) fn facts<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.facts.clone()]
    }

    /// The encoded events.
    pub(crate) fn history<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.standing_end..self.history_end]
    }

    /// Fills in the seqs of the events, from `first` on.
    pub(crate) fn stamp(&self, bytes: &mut [u8], first: u64) {
        for (seq, (offset, _)) in (first..).zip(self.events.iter()) {
            history::stamp(bytes, *offset, seq);
        }
    }

    /// The encoded events one by one, each with the order's version after it.
    pub(crate) fn events<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = (Version, &'b [u8])> {
        let ends = self.events.iter().skip(1).map(|(offset, _)| *offset);
        let ends = ends.chain(std::iter::once(self.history_end));
        let events = self.events.iter().zip(ends);
        events.map(|((offset, version), end)| (*version, &bytes[*offset..end]))
    }
}

/// Whether an order may be kept in memory as it was created.
fn is_small(order: &Order) -> bool {
    order.lines.len() + order.adjustments.len() <= MAX_KEPT_PARTS
        && order.metadata.pairs().is_empty()
}

/// Where the parts lie that a new order and a change do not have in common, counted from where the write begins.
struct Encoded {
    /// Where the write begins among the bytes of others.
    begin: usize,
    user: Range<usize>,
    facts: Range<usize>,
}

impl Events {
    fn iter(&self) -> impl Iterator<Item = &(usize, Version)> {
        self.earlier.iter().chain(std::iter::once(&self.last))
    }
}
