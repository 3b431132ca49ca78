//! What a process does: one file a role. A role wires the parts that it needs and hands them to the supervisor.

mod all;

use crate::check::Checked;
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
pub async fn run(role: Role, checked: Checked, wiring: Wiring) -> anyhow::Result<()> {
    match role {
        Role::All => all::run(checked, wiring).await,
    }
}
