//! An endpoint's answer, as `call` reads it. `outcome` says what it means, `message` and `result` what it says.

use std::time::Duration;

use reqwest::StatusCode;

/// An answer whose body, up to a bound, has arrived.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    /// Where a redirect leads, as the endpoint wrote it.
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
    /// The body was longer; `body` holds its beginning.
    pub(crate) is_cut: bool,
}
