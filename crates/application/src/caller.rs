//! Who asks, and how long they wait.

use domain::Trace;

use crate::ports::Deadline;

/// The caller of a use case, as an edge knows it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Names the request through events and logs.
    pub trace: Trace,
    /// When it stops waiting. What has not begun to commit by then never appears.
    pub deadline: Deadline,
}
