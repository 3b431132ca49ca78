//! Reading orders and commands as clients send them. A value of the wrong type and an unknown field become a fault with a
//! JSON pointer, and reading goes on, so that a client sees all faults at once. What the values mean is for the domain.

mod adjustment;
pub(crate) mod commands;
pub(crate) mod fields;
pub(crate) mod history;
mod items;
mod line;
pub(crate) mod order;
