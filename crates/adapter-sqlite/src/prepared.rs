//! A write as the writer takes it: everything that can be encoded or hashed without the database is done in the
//! caller's task, so that the one writer thread does nothing but write.

use std::sync::Arc;

use application::ports::{CommitError, Guard, Write};
use domain::{Event, Fingerprint, Job, Order, OrderId, Status, Version};

use crate::codec::{facts, history, standing};
use crate::index::names::{NameHash, UserHash};

pub(crate) struct Prepared {
    pub(crate) order: Arc<Order>,
    pub(crate) guard: PreparedGuard,
    pub(crate) job: Job,
    /// The encoded [`standing`].
    pub(crate) standing: Vec<u8>,
    /// The encoded events, their seqs still open.
    pub(crate) history: Vec<u8>,
    pub(crate) events: Events,
    pub(crate) receipt: Option<String>,
}

/// The events of a decision, each with its place in [`Prepared::history`].
pub(crate) struct Events {
    /// Empty but for imported history.
    pub(crate) earlier: Vec<(usize, Arc<Event>)>,
    pub(crate) last: (usize, Arc<Event>),
}

pub(crate) enum PreparedGuard {
    New {
        key: Option<NameHash>,
        external_id: Option<NameHash>,
        fingerprint: Option<Fingerprint>,
        user: UserHash,
        /// The encoded [`facts`].
        facts: Vec<u8>,
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
        let guard = match guard {
            Guard::New { key, fingerprint } => {
                if fingerprint.is_none() && (key.is_some() || order.external_id.is_some()) {
                    return Err(CommitError::Refused(
                        "a key or an external id needs the fingerprint of its command".to_owned(),
                    ));
                }
                let user = &order.user_id;
                PreparedGuard::New {
                    key: key.as_ref().map(|key| NameHash::of_key(user, key)),
                    external_id: order
                        .external_id
                        .as_ref()
                        .map(|id| NameHash::of_external_id(user, id)),
                    fingerprint,
                    user: UserHash::of(user),
                    facts: facts::encode(&order, key.as_ref(), fingerprint.as_ref()),
                }
            }
            Guard::At { version, status } => PreparedGuard::At { version, status },
        };
        Ok(Self::encoded(
            order,
            guard,
            decision.job,
            decision.earlier,
            decision.event,
            receipt.map(|receipt| receipt.text),
        ))
    }

    /// A change that the store itself decided: a claim or a rescue of an order that stands at `before`.
    pub(crate) fn of_own_decision(before: &Order, decision: domain::Decision) -> Self {
        let guard = PreparedGuard::At {
            version: before.version,
            status: before.status,
        };
        Self::encoded(
            decision.order,
            guard,
            decision.job,
            decision.earlier,
            decision.event,
            None,
        )
    }

    fn encoded(
        order: Arc<Order>,
        guard: PreparedGuard,
        job: Job,
        earlier: Vec<Event>,
        last: Event,
        receipt: Option<String>,
    ) -> Self {
        let mut bytes = Vec::with_capacity(80);
        let mut encode = |event: Event| {
            let offset = bytes.len();
            history::encode(&event, &mut bytes);
            (offset, Arc::new(event))
        };
        let events = Events {
            earlier: earlier.into_iter().map(&mut encode).collect(),
            last: encode(last),
        };
        Self {
            standing: standing::encode(&order),
            order,
            guard,
            job,
            history: bytes,
            events,
            receipt,
        }
    }

    pub(crate) fn id(&self) -> OrderId {
        self.order.id
    }
}

impl Events {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(usize, Arc<Event>)> {
        self.earlier.iter().chain(std::iter::once(&self.last))
    }
}
