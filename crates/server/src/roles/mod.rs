//! What a process does: one file for each role. A role opens and wires the parts that it needs and hands what runs to the
//! supervisor.

mod all;

use crate::check::Checked;
use crate::error::ServerError;
use crate::wiring::Wiring;

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Everything: HTTP, the store and the workers
    All,
}

/// Runs a role until a signal or a failure.
///
/// # Errors
/// What could not be started, or which task ended.
pub async fn run(role: Role, checked: Checked, wiring: &mut dyn Wiring) -> Result<(), ServerError> {
    match role {
        Role::All => all::run(checked, wiring).await,
    }
}
