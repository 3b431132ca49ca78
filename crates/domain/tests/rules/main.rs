//! The rules of an order as properties: each is checked against something written down a second time, in another way.

mod attempts;
mod fingerprints;
mod input;
mod made;
mod money;
mod names_and_times;
mod receipts;
mod state_machine;
mod sums;
mod varints;
