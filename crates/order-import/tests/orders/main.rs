//! Files into orders through the public interface: what becomes of rows, orders and files, and properties of it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod cases;
mod fields;
mod misplaced;
mod properties;
mod rows;
mod run;
mod tally;
mod whole;
