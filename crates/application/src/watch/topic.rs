//! What can be watched.

use domain::{OrderId, UserId};

/// What can be watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One order, known or not: it may yet come.
    Order(OrderId),
    /// All orders of a user.
    User(UserId),
    /// All orders.
    Everything,
}
