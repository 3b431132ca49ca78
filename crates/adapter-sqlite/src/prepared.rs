//! A write as the writer takes it: everything that can be encoded or hashed without the database is done in the
//! caller's task, so that the one writer thread does nothing but write.

use std::ops::Range;
use std::sync::Arc;

use application::ports::{CommitError, Guard, Write};
use domain::{Event, Fingerprint, Job, Order, OrderId, Receipt, Status, Version};

use crate::codec::{facts, history, standing};
use crate::index::names::{NameHash, UserHash};

pub(crate) struct Prepared {
    pub(crate) order: Arc<Order>,
    pub(crate) guard: PreparedGuard,
    pub(crate) job: Job,
    /// The encoded parts, one after the other.
    bytes: Vec<u8>,
    standing: Range<usize>,
    facts: Range<usize>,
    history: Range<usize>,
    events: Events,
    pub(crate) receipt: Option<String>,
}

/// The events of a decision: where each begins in [`Prepared::bytes`], and the order's version after it.
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
    /// Encodes a write; refuses what no transaction could hold.
    pub(crate) fn of(write: Write) -> Result<Self, CommitError> {
        let Write {
            decision,
            guard,
            receipt,
        } = write;
        if decision.job == Job::Leased {
            return Err(CommitError::Refused(
                "a lease is taken by a claim alone".to_owned(),
            ));
        }
        let order = decision.order;
        let mut bytes = Vec::with_capacity(224 + order.lines.len() * 64);
        let guard = match guard {
            Guard::New { key, fingerprint } => {
                if fingerprint.is_none() && (key.is_some() || order.external_id.is_some()) {
                    return Err(CommitError::Refused(
                        "a key or an external id needs the fingerprint of its command".to_owned(),
                    ));
                }
                facts::encode(&order, key.as_ref(), fingerprint.as_ref(), &mut bytes);
                let user = &order.user_id;
                let external_id = order.external_id.as_ref();
                PreparedGuard::New {
                    key: key.as_ref().map(|key| NameHash::of_key(user, key)),
                    external_id: external_id.map(|id| NameHash::of_external_id(user, id)),
                    fingerprint,
                    lists: (
                        UserHash::of(user),
                        external_id.map(UserHash::of_external_id),
                    ),
                }
            }
            Guard::At { version, status } => PreparedGuard::At { version, status },
        };
        let receipt = receipt.map(|receipt| receipt.text);
        Ok(Self::encoded(
            order,
            guard,
            decision.job,
            (decision.earlier, decision.event),
            receipt,
            bytes,
        ))
    }

    /// A change that is decided within the transaction: a claim, a claim with its outcome, or a rescue of an order
    /// that stands at `before`.
    pub(crate) fn of_own_decision(
        before: &Order,
        decision: domain::Decision,
        receipt: Option<Receipt>,
    ) -> Self {
        let guard = PreparedGuard::At {
            version: before.version,
            status: before.status,
        };
        let events = (decision.earlier, decision.event);
        let bytes = Vec::with_capacity(96);
        let receipt = receipt.map(|receipt| receipt.text);
        Self::encoded(decision.order, guard, decision.job, events, receipt, bytes)
    }

    /// Adds what every change has to the facts, where there are some.
    fn encoded(
        order: Arc<Order>,
        guard: PreparedGuard,
        job: Job,
        (earlier, last): (Vec<Event>, Event),
        receipt: Option<String>,
        mut bytes: Vec<u8>,
    ) -> Self {
        let facts = 0..bytes.len();
        standing::encode(&order, &mut bytes);
        let standing = facts.end..bytes.len();
        let mut encode = |event: Event| {
            let offset = bytes.len();
            history::encode(&event, &mut bytes);
            (offset, event.version)
        };
        let events = Events {
            earlier: earlier.into_iter().map(&mut encode).collect(),
            last: encode(last),
        };
        Self {
            order,
            guard,
            job,
            history: standing.end..bytes.len(),
            standing,
            facts,
            bytes,
            events,
            receipt,
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

    pub(crate) fn id(&self) -> OrderId {
        self.order.id
    }

    /// The encoded [`standing`].
    pub(crate) fn standing(&self) -> &[u8] {
        &self.bytes[self.standing.clone()]
    }

    /// The encoded [`facts`]; empty for a change of an order that exists.
    pub(crate) fn facts(&self) -> &[u8] {
        &self.bytes[self.facts.clone()]
    }

    /// The encoded events.
    pub(crate) fn history(&self) -> &[u8] {
        &self.bytes[self.history.clone()]
    }

    /// Fills in the seqs of the events, from `first` on.
    pub(crate) fn stamp(&mut self, first: u64) {
        for (seq, (offset, _)) in (first..).zip(self.events.iter()) {
            history::stamp(&mut self.bytes, *offset, seq);
        }
    }

    /// The encoded events one by one, each with the order's version after it.
    pub(crate) fn events(&self) -> impl Iterator<Item = (Version, &[u8])> {
        let ends = self.events.iter().skip(1).map(|(offset, _)| *offset);
        let ends = ends.chain(std::iter::once(self.history.end));
        let events = self.events.iter().zip(ends);
        events.map(|((offset, version), end)| (*version, &self.bytes[*offset..end]))
    }
}

impl Events {
    fn iter(&self) -> impl Iterator<Item = &(usize, Version)> {
        self.earlier.iter().chain(std::iter::once(&self.last))
    }
}
