//! Order files through the public interface of `files`: real layouts, every detection, spreadsheets, sources, and
//! properties.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod cases;
mod diagnosis;
mod json;
mod properties;
mod reading;
mod sources;
mod spreadsheets;
mod text;
