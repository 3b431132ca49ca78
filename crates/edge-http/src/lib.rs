//! ordermill over HTTP: REST, live streams and problem+json.
//!
//! It parses, bounds and answers; past it nothing is invalid. It calls the use cases of `application` alone and
//! never sees a store. The binary calls [`serve`] with a listener and an [`EdgeState`].

mod live;
mod settings;
mod state;

pub use settings::EdgeSettings;
pub use state::{Breaker, EdgeState, NoWork, WorkHealth};
