//! Permits of a claim, taken before it: the pool never claims what it cannot work on.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for as many orders as may be claimed: for each, one to run its attempt and one to hold its claim.
pub(crate) struct Permits {
    /// They are all that there are, for one order.
    are_exclusive: bool,
    attempts: OwnedSemaphorePermit,
    claims: OwnedSemaphorePermit,
}

/// The permits of one order.
pub(crate) struct PermitsOfOne {
    pub(crate) attempt: OwnedSemaphorePermit,
    pub(crate) claim: OwnedSemaphorePermit,
}

impl Permits {
    /// Waits for all permits, of which there are `all`. Requests that come meanwhile are served after it, so that the wait is
    /// no longer than the longest attempt that runs. `None` if there are no permits any more.
    pub(crate) async fn all(
        attempts: &Arc<Semaphore>,
        claims: &Arc<Semaphore>,
        all: usize,
    ) -> Option<Self> {
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let claims = Arc::clone(claims).acquire_many_owned(all).await.ok()?;
        let attempts = Arc::clone(attempts).acquire_many_owned(all).await.ok()?;
        Some(Self {
            are_exclusive: true,
            attempts,
            claims,
        })
    }

    /// Waits for the permits of one order, and takes what else is free, for `most` orders in all.
    pub(crate) async fn some(
        attempts: &Arc<Semaphore>,
        claims: &Arc<Semaphore>,
        most: usize,
    ) -> Option<Self> {
        let mut taken = Self {
            are_exclusive: false,
            claims: Arc::clone(claims).acquire_owned().await.ok()?,
            attempts: Arc::clone(attempts).acquire_owned().await.ok()?,
        };
        let more = most
            .saturating_sub(1)
            .min(attempts.available_permits())
            .min(claims.available_permits());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more > 0
            && let Ok(further_claims) = Arc::clone(claims).try_acquire_many_owned(more)
            && let Ok(further_attempts) = Arc::clone(attempts).try_acquire_many_owned(more)
        {
            taken.claims.merge(further_claims);
            taken.attempts.merge(further_attempts);
        }
        Some(taken)
    }

    /// Whether they are all permits, for one order.
    pub(crate) const fn are_exclusive(&self) -> bool {
        self.are_exclusive
    }

    /// How many orders they are for.
    pub(crate) fn count(&self) -> usize {
        if self.are_exclusive {
            1
        } else {
            self.attempts.num_permits()
        }
    }

    /// The permits of one order; `None` if none is left.
    pub(crate) fn take_one(&mut self) -> Option<PermitsOfOne> {
        if self.attempts.num_permits() == 0 || self.claims.num_permits() == 0 {
            return None;
        }
        Some(PermitsOfOne {
            attempt: self.attempts.split(1)?,
            claim: self.claims.split(1)?,
        })
    }

    /// All of them, for one order.
    pub(crate) fn take_all(&mut self) -> PermitsOfOne {
        let all = "an amount that is held can be split off";
        PermitsOfOne {
            attempt: self.attempts.split(self.attempts.num_permits()).expect(all),
            claim: self.claims.split(self.claims.num_permits()).expect(all),
        }
    }
}
