//! The caller of a use case: who it is, what it may do, and how long it waits. Edges make one for each request.

use domain::{Actor, Cause, Reason, Trace, UserId};

use crate::ports::Deadline;
use crate::scope::Scopes;

/// Who calls, as its token says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principal {
    /// The token's subject, recorded with every change; `None` for a caller without a token.
    pub subject: Option<Actor>,
    /// The one user whose orders the caller sees and changes, whatever its scopes; `None` for all users.
    pub user_id: Option<UserId>,
}

/// The caller of a use case.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who calls.
    pub principal: Principal,
    /// What it may do.
    pub scopes: Scopes,
    /// Names the request in events and logs.
    pub trace: Trace,
    /// When the caller stops waiting: for reads and writes alike. What has not begun to commit by then never appears.
    pub deadline: Deadline,
}

impl Caller {
    /// A caller without a token, on a server that asks for none: every scope, all users.
    #[must_use]
    pub fn trusted(trace: Trace, deadline: Deadline) -> Self {
        Self {
            principal: Principal::default(),
            scopes: Scopes::all(),
            trace,
            deadline,
        }
    }

    /// What the caller's changes are recorded with.
    #[must_use]
    pub fn cause(&self, reason: Option<Reason>) -> Cause {
        Cause {
            trace: self.trace.clone(),
            actor: self.principal.subject.clone(),
            reason,
        }
    }
}
