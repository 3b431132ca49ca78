//! The defects, by name.

use anyhow::bail;

/// What is broken in a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Nothing: a twin that behaves as the shipped binary does, to show that the wiring is not the defect.
    Nothing,
    /// New orders are confirmed first and committed a moment later.
    AnswersBeforeCommit,
    /// SQLite writes without flushing anything to the disk.
    SynchronousOff,
    /// The client's idempotency key never reaches the store.
    UniqueKeyDropped,
    /// The outcome of a claim is written whatever the order has become meanwhile.
    FencingRemoved,
    /// The handler aborts the process at an order of the user `poison`.
    AbortsOnPoison,
}

impl Defect {
    const NAMES: [(&'static str, Self); 6] = [
        ("nothing", Self::Nothing),
        ("answers-before-commit", Self::AnswersBeforeCommit),
        ("synchronous-off", Self::SynchronousOff),
        ("unique-key-dropped", Self::UniqueKeyDropped),
        ("fencing-removed", Self::FencingRemoved),
        ("aborts-on-poison", Self::AbortsOnPoison),
    ];

    /// Finds a defect.
    ///
    /// # Errors
    /// If the name is unknown; the message lists the known ones.
    pub fn by_name(name: &str) -> anyhow::Result<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        if let Some((_, defect)) = found {
            return Ok(*defect);
        }
        let known = Self::NAMES.map(|(known, _)| known).join(", ");
        bail!("unknown defect {name}: there are {known}")
    }
}
