//! A write in the form in which the writer applies it. All encoding and hashing that needs no database is done here, in the
//! caller's task, so that the writer thread only writes. The writer itself encodes the changes that it decides (claims and
//! rescues). Nothing here does I/O.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{CommitError, Guard, Write};
use domain::{Decision, Event, Fingerprint, Job, Order, OrderId, Status, Timestamp, Version};

use crate::codec::{facts, history, put_text, standing};
use crate::index::hashes::{UniqueKeyHash, UserHash};
use crate::job_state::{Due, JobState};

/// A new order with more lines and adjustments than this is not kept in memory; its claim reads it from the database.
const MAX_LINES_IN_MEMORY: usize = 16;

/// The offsets of the encoded parts of one write, and what the writer needs beside them. The bytes are in the buffer of a
/// batch and are passed to its methods: user, facts, standing, history, one after the other.
pub(crate) struct EncodedWrite {
    pub(crate) id: OrderId,
    /// The status and version of the order after the write.
    pub(crate) status: Status,
    pub(crate) version: Version,
    /// The state in which the remaining work waits, if there is any.
    pub(crate) job_state: JobState,
    pub(crate) guard: EncodedGuard,
    pub(crate) job: Job,
    /// The new order, if a claim may take it from memory.
    pub(crate) order: Option<Arc<Order>>,
    user: Range<usize>,
    facts: Range<usize>,
    /// The end of the encoded [`standing`], which follows the facts.
    standing_end: usize,
    /// The end of the encoded [`history`], which follows the standing and is the last part.
    history_end: usize,
    events: Events,
}

/// The events of a decision: the offset of each, and the version of the order after it.
struct Events {
    /// Empty unless several steps are written as one.
    earlier: Vec<(usize, Version)>,
    last: (usize, Version),
}

#[derive(Clone, Copy)]
pub(crate) enum EncodedGuard {
    New {
        key: Option<UniqueKeyHash>,
        external_id: Option<UniqueKeyHash>,
        fingerprint: Option<Fingerprint>,
        /// The lists that contain the order: that of its user, and that of its external id.
        lists: (UserHash, Option<UserHash>),
    },
    At {
        version: Version,
        status: Status,
    },
}

impl EncodedWrite {
    /// Appends the encoded write to `bytes`. If `keeps_new_orders`, a small new order that is due at once stays with it.
    ///
    /// # Errors
    /// [`CommitError::Refused`] if no transaction could store the write; `bytes` are unchanged then.
    pub(crate) fn encode(
        write: Write,
        keeps_new_orders: bool,
        bytes: &mut Vec<u8>,
    ) -> Result<Self, CommitError> {
        let Write { decision, guard } = write;
        if decision.job == Job::Leased {
            return Err(CommitError::Refused(
                "only a claim takes a lease".to_owned(),
            ));
        }
        let (key, fingerprint) = match guard {
            Guard::New { key, fingerprint } => (key, fingerprint),
            Guard::At { version, status } => {
                let guard = EncodedGuard::At { version, status };
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
        let guard = EncodedGuard::New {
            key: key.as_ref().map(|key| UniqueKeyHash::of_key(user_id, key)),
            external_id: external_id.map(|id| UniqueKeyHash::of_external_id(user_id, id)),
            fingerprint,
            lists: (
                UserHash::of(user_id),
                external_id.map(UserHash::of_external_id),
            ),
        };
        let parts = Parts {
            begin,
            user: user.start - begin..user.end - begin,
            facts: 0..bytes.len() - begin,
        };
        let mut write = Self::with_parts(&decision, guard, parts, bytes);
        if keeps_new_orders && write.is_due_at_once() && is_small(&decision.order) {
            write.order = Some(decision.order);
        }
        Ok(write)
    }

    /// Encodes a change that the writer itself decided: a claim or a rescue of the order `before`.
    pub(crate) fn of_writer_decision(
        before: &Order,
        decision: Decision,
        bytes: &mut Vec<u8>,
    ) -> Self {
        let guard = EncodedGuard::At {
            version: before.version,
            status: before.status,
        };
        Self::change(decision, guard, bytes)
    }

    /// Encodes a change of an existing order.
    fn change(decision: Decision, guard: EncodedGuard, bytes: &mut Vec<u8>) -> Self {
        let begin = bytes.len();
        put_text(bytes, decision.order.user_id.as_str());
        let end = bytes.len() - begin;
        let parts = Parts {
            begin,
            user: 0..end,
            facts: end..end,
        };
        Self::with_parts(&decision, guard, parts, bytes)
    }

    /// Encodes the parts that new orders and changes have in common.
    fn with_parts(
        decision: &Decision,
        guard: EncodedGuard,
        Parts { begin, user, facts }: Parts,
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
            job_state: JobState::of(order),
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

    /// Whether it is a new order without an idempotency key and an external id.
    pub(crate) const fn is_new_without_unique_keys(&self) -> bool {
        matches!(
            self.guard,
            EncodedGuard::New {
                key: None,
                external_id: None,
                ..
            }
        )
    }

    /// Whether it is a new order whose work is due as soon as it is committed.
    pub(crate) fn is_due_at_once(&self) -> bool {
        matches!(self.guard, EncodedGuard::New { .. })
            && self.status == Status::Pending
            && self.job == Job::DueIn(Duration::ZERO)
    }

    /// When the remaining work is due; `None` if there is none.
    pub(crate) fn due(&self, now: Timestamp) -> Option<Due> {
        Due::of(self.job, now)
    }

    /// The number of bytes of all encoded parts.
    pub(crate) const fn length(&self) -> usize {
        self.history_end
    }

    /// The user id, preceded by its length.
    pub(crate) fn user<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.user.clone()]
    }

    /// The encoded [`standing`].
    pub(crate) fn standing<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.facts.end..self.standing_end]
    }

    /// The encoded [`facts`]; empty for a change of an existing order.
    pub(crate) fn facts<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.facts.clone()]
    }

    /// The encoded events.
    pub(crate) fn history<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.standing_end..self.history_end]
    }

    /// Sets the sequence numbers of the events, beginning with `first`.
    pub(crate) fn stamp(&self, bytes: &mut [u8], first: u64) {
        for (seq, (offset, _)) in (first..).zip(self.events.iter()) {
            history::stamp(bytes, *offset, seq);
        }
    }

    /// The encoded events, each with the version of the order after it.
    pub(crate) fn events<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = (Version, &'b [u8])> {
        let ends = self.events.iter().skip(1).map(|(offset, _)| *offset);
        let ends = ends.chain(std::iter::once(self.history_end));
        let events = self.events.iter().zip(ends);
        events.map(|((offset, version), end)| (*version, &bytes[*offset..end]))
    }
}

/// Whether a new order is kept in memory until it is claimed.
fn is_small(order: &Order) -> bool {
    order.lines.len() + order.adjustments.len() <= MAX_LINES_IN_MEMORY
        && order.metadata.pairs().is_empty()
}

/// The parts in which a new order and a change differ.
struct Parts {
    /// The offset of the write in the buffer. The ranges are relative to it.
    begin: usize,
    user: Range<usize>,
    facts: Range<usize>,
}

impl Events {
    fn iter(&self) -> impl Iterator<Item = &(usize, Version)> {
        self.earlier.iter().chain(std::iter::once(&self.last))
    }
}
