//! Order files of shops, through the public interface: presets, suggestions, and the reference in docs/IMPORT.md.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

mod presets;
mod reference;
mod suggest;
mod support;
