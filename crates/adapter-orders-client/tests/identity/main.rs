//! Properties of the wire form: what is encoded decodes to itself, and what is no wire form is refused with the field that is
//! wrong.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod any_answer;
mod any_order;
mod any_request;
mod refused;
mod round_trip;
