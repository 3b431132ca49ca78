//! What can be watched. Edges make topics of what clients ask for; everything in this folder sorts changes by them.

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
