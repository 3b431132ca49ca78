//! Who works on what: the leases, in memory, by the monotonic clock. One process has the data folder, so that no
//! lease outlives it; what an earlier process had claimed is put in here, run out, when the store is opened.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use domain::{OrderId, Version};

/// Where the work of a claim came from, which is where a crash finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The log, at this seq.
    Fresh(u64),
    /// The table `jobs`.
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
    /// The seqs of those of new orders of the log.
    fresh: BTreeSet<u64>,
}

impl Leases {
    pub(crate) fn insert(&mut self, id: OrderId, lease: Lease) {
        self.remove(id);
        if let Origin::Fresh(seq) = lease.origin {
            self.fresh.insert(seq);
        }
        self.by_order.insert(id, lease);
    }

    pub(crate) fn remove(&mut self, id: OrderId) {
        if let Some(Lease {
            origin: Origin::Fresh(seq),
            ..
        }) = self.by_order.remove(&id)
        {
            self.fresh.remove(&seq);
        }
    }

    pub(crate) fn get(&self, id: OrderId) -> Option<&Lease> {
        self.by_order.get(&id)
    }

    /// Prolongs the lease of this claim.
    pub(crate) fn prolong(&mut self, id: OrderId, until: Duration) {
        if let Some(lease) = self.by_order.get_mut(&id) {
            lease.until = until;
        }
    }

    /// Claims whose lease has run out, at most `limit`.
    pub(crate) fn expired(&self, now: Duration, limit: usize) -> Vec<(OrderId, Version)> {
        self.by_order
            .iter()
            .filter(|(_, lease)| lease.until <= now)
            .take(limit)
            .map(|(id, lease)| (*id, lease.token))
            .collect()
    }

    /// How far no fresh claim is open, where `claimed_through` is how far there are claims.
    pub(crate) fn settled_through(&self, claimed_through: u64) -> u64 {
        self.fresh
            .first()
            .map_or(claimed_through, |seq| (seq - 1).min(claimed_through))
    }

    /// Claims of new orders at or before `seq`, which hold the mark back, at most `limit`.
    pub(crate) fn fresh_up_to(&self, seq: u64, limit: usize) -> Vec<OrderId> {
        if self.fresh.first().is_none_or(|first| *first > seq) {
            return Vec::new();
        }
        let is_old = |lease: &Lease| matches!(lease.origin, Origin::Fresh(at) if at <= seq);
        let old = self.by_order.iter().filter(|(_, lease)| is_old(lease));
        old.take(limit).map(|(id, _)| *id).collect()
    }
}
