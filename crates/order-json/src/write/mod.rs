//! Writing JSON straight into the caller's buffer, because edges do it for every answer. It never reads JSON, and it never
//! decides which fields a client may see.

pub(crate) mod contents;
pub(crate) mod event;
pub(crate) mod order;
pub(crate) mod row;
pub(crate) mod value;
