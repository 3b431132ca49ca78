//! Time and randomness, handed in so that tests decide them.

use std::time::Duration;

use domain::{OrderId, Timestamp, UserId};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, by the wall clock of this machine. It may jump.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary start. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// Makes ids and other randomness.
pub trait Ids: Send + Sync + 'static {
    /// 64 random bits.
    fn random(&self) -> u64;

    /// A fresh id for an order of `user` created at `created_at`. Where that is now, the ids of orders made one after the
    /// other should ascend within the millisecond, too: a store that keeps rows by id then adds at the end.
    fn order_id(&self, created_at: Timestamp, user: &UserId) -> OrderId {
        OrderId::new(created_at, user, self.random())
    }
}
