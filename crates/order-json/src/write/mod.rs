//! Writing JSON straight into the caller's buffer. It never reads JSON, and it never decides which fields a client may see.

pub(crate) mod event;
pub(crate) mod order;
