//! The seam of the wiring: what a caller of [`crate::run`] may put around the opened parts or beside the server. The command
//! line uses [`Shipped`], with a companion task for its demonstration; a broken twin of the fault tests puts its defect here,
//! so that it differs from the shipped server by the defect alone. No setting leads here.

use std::net::SocketAddr;
use std::sync::Arc;

use application::ports::{OrderHandler, StorePorts};

use crate::supervisor::Supervisor;

/// Decorates parts of the server while they are wired. Each method is called at most once a run; the defaults change nothing.
pub trait Wiring {
    /// The sizes of the embedded store that operators do not set.
    fn sqlite_tuning(&self) -> adapter_sqlite::Tuning {
        adapter_sqlite::Tuning::default()
    }

    /// The ports of the store that everything uses, made from those of the opened store. Tasks that they need are started under
    /// `supervisor`.
    fn store(&mut self, opened: StorePorts, _: &mut Supervisor) -> StorePorts {
        opened
    }

    /// The handler that processes orders, made from the configured one.
    fn handler(&mut self, configured: Arc<dyn OrderHandler>) -> Arc<dyn OrderHandler> {
        configured
    }

    /// Called once all listeners answer, with the address of HTTP. Starts tasks that run beside the server.
    fn listening(&mut self, _http: SocketAddr, _: &mut Supervisor) {}
}

/// The server as it is shipped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shipped;

impl Wiring for Shipped {}
