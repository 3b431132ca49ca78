//! The leases of claims, in memory, by the monotonic clock. One process at a time uses the data folder, so no lease outlives
//! its process: a start adds the claims of the previous process as expired leases (`recovery`).

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use domain::{OrderId, Version};

/// Where the work of a claim is stored, and so where a start finds it after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the log, at this sequence number.
    Log(u64),
    /// In the table `jobs`.
    Job,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) token: Version,
    /// By the monotonic clock.
    pub(crate) until: Duration,
    pub(crate) origin: Origin,
}

#[derive(Debug, Default)]
pub(crate) struct Leases {
    by_order: HashMap<OrderId, Lease>,
    /// The sequence numbers of the leases with [`Origin::Log`].
    in_log: BTreeSet<u64>,
}

impl Leases {
    pub(crate) fn insert(&mut self, id: OrderId, lease: Lease) {
        self.remove(id);
        if let Origin::Log(seq) = lease.origin {
            self.in_log.insert(seq);
        }
        self.by_order.insert(id, lease);
    }

    pub(crate) fn remove(&mut self, id: OrderId) {
        if let Some(Lease {
            origin: Origin::Log(seq),
            ..
        }) = self.by_order.remove(&id)
        {
            self.in_log.remove(&seq);
        }
    }

    pub(crate) fn get(&self, id: OrderId) -> Option<&Lease> {
        self.by_order.get(&id)
    }

    /// Sets the end of the lease of an order, if it has one.
    pub(crate) fn extend(&mut self, id: OrderId, until: Duration) {
        if let Some(lease) = self.by_order.get_mut(&id) {
            lease.until = until;
        }
    }

    /// At most `limit` claims whose lease has expired.
    pub(crate) fn expired(&self, now: Duration, limit: usize) -> Vec<(OrderId, Version)> {
        self.by_order
            .iter()
            .filter(|(_, lease)| lease.until <= now)
            .take(limit)
            .map(|(id, lease)| (*id, lease.token))
            .collect()
    }

    /// The sequence number up to which no claim with [`Origin::Log`] is open, at most `claimed_through`.
    pub(crate) fn settled_through(&self, claimed_through: u64) -> u64 {
        self.in_log
            .first()
            .map_or(claimed_through, |seq| (seq - 1).min(claimed_through))
    }

    /// At most `limit` orders whose lease has [`Origin::Log`] at or before `seq`.
    pub(crate) fn in_log_up_to(&self, seq: u64, limit: usize) -> Vec<OrderId> {
        if self.in_log.first().is_none_or(|first| *first > seq) {
            return Vec::new();
        }
        let is_old = |lease: &Lease| matches!(lease.origin, Origin::Log(at) if at <= seq);
        let old = self.by_order.iter().filter(|(_, lease)| is_old(lease));
        old.take(limit).map(|(id, _)| *id).collect()
    }
}
