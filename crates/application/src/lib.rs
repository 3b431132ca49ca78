//! What ordermill does for its callers, one use case a file, and the ports it needs for that.
//!
//! Edges call [`Application`]; workers call the ports. Nothing here knows HTTP, SQL or a file system: adapters
//! implement the [`ports`], the binary wires them together. Dependencies point one way: edges and adapters ->
//! application -> domain.

pub mod in_process;
pub mod ports;
pub mod system;
