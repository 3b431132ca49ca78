//! What commands take and refuse.

use domain::{Refusal, Version};

use crate::access::Forbidden;
use crate::ports::StoreError;

/// The versions at which an order may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Whatever it is at.
    Any,
    /// One of these.
    OneOf(Vec<Version>),
}

impl ExpectedVersion {
    /// Whether an order at `version` may be changed.
    #[must_use]
    pub fn admits(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

impl From<Option<Version>> for ExpectedVersion {
    fn from(version: Option<Version>) -> Self {
        version.map_or(Self::Any, |version| Self::OneOf(vec![version]))
    }
}

/// Why an order was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The caller may not send this command. Permanent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such order, or the caller does not see it.
    #[error("there is no such order")]
    NotFound,
    /// It is not allowed: by the state machine, or because people changed the order too often. Permanent while the
    /// order has this status.
    #[error(transparent)]
    Illegal(#[from] Refusal),
    /// The order is not at a version that the caller expects.
    #[error("the order is at version {current}, not at the one that was asked for")]
    VersionMismatch {
        /// The order's version now.
        current: Version,
    },
    /// The order changed again and again while it was being changed. Retryable.
    #[error("the order keeps changing; try again")]
    Contended,
    /// The store failed. Retryable.
    #[error(transparent)]
    Store(#[from] StoreError),
}
