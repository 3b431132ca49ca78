//! The claims that this process holds in one shard, from the claim to its outcome's commit.
//!
//! The pool enters them, the heartbeat prolongs them and strikes out the lost ones, a dropped [`ClaimGuard`] leaves. It is
//! bounded by its places: a place is taken before the claim, so that what is claimed always has room.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use application::ports::Claim;
use domain::{Order, OrderId, Version};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// The claims of one shard.
#[derive(Default)]
pub(crate) struct ClaimRegistry {
    held: Mutex<HashMap<OrderId, (Version, CancellationToken)>>,
}

/// A claimed order. Dropping it ends its heartbeats.
pub(crate) struct ClaimGuard {
    pub(crate) order: Arc<Order>,
    lost: CancellationToken,
    registry: Arc<ClaimRegistry>,
    _place: OwnedSemaphorePermit,
}

impl ClaimRegistry {
    /// Holds a claim; tells whether an older one of the same order became void by it.
    pub(crate) fn enter(
        self: &Arc<Self>,
        order: Arc<Order>,
        place: OwnedSemaphorePermit,
    ) -> (ClaimGuard, bool) {
        let lost = CancellationToken::new();
        let entry = (order.version, lost.clone());
        let before = self.lock().insert(order.id, entry);
        // This process lost the order and got it back, under a newer token: the older attempt is void.
        if let Some((_, older)) = &before {
            older.cancel();
        }
        let guard = ClaimGuard {
            order,
            lost,
            registry: Arc::clone(self),
            _place: place,
        };
        (guard, before.is_some())
    }

    /// What to prolong.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let held = self.lock();
        let claims = held.iter().map(|(order_id, (token, _))| Claim {
            order_id: *order_id,
            token: *token,
        });
        claims.collect()
    }

    /// Strikes out a claim that another worker has by now: its attempt is dropped, its outcome is not written.
    pub(crate) fn strike(&self, claim: Claim) -> bool {
        let held = self.lock();
        let lost = held
            .get(&claim.order_id)
            .filter(|(token, _)| *token == claim.token);
        if let Some((_, lost)) = lost {
            lost.cancel();
        }
        lost.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrderId, (Version, CancellationToken)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClaimGuard {
    /// Ends once the claim is lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }
}

impl Drop for ClaimGuard {
    fn drop(&mut self) {
        let mut held = self.registry.lock();
        // After a lost claim this process may hold the same order again, under a newer token.
        if held
            .get(&self.order.id)
            .is_some_and(|(token, _)| *token == self.order.version)
        {
            held.remove(&self.order.id);
        }
    }
}
