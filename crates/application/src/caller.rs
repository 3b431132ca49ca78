//! Who asks, and how long they wait.

use domain::{Actor, Cause, Reason, Trace};

use crate::ports::Deadline;

/// The caller of a use case, as an edge knows it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Names the request in events and logs.
    pub trace: Trace,
    /// The subject of the caller's token; `None` while no tokens are asked for.
    pub actor: Option<Actor>,
    /// When the caller stops waiting. What has not begun to commit by then never appears.
    pub deadline: Deadline,
}

impl Caller {
    /// What the caller's changes are recorded with.
    #[must_use]
    pub fn cause(&self, reason: Option<Reason>) -> Cause {
        Cause {
            trace: self.trace.clone(),
            actor: self.actor.clone(),
            reason,
        }
    }
}
