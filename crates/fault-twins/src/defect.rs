//! The defects, by name.

/// What is broken in a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Defect {
    /// Nothing: a twin that behaves as the shipped binary does, to show that the wiring is not the defect
    Nothing,
    /// New orders are confirmed first and committed a moment later
    AnswersBeforeCommit,
    /// SQLite writes without flushing anything to the disk
    SynchronousOff,
    /// The client's idempotency key never reaches the store
    UniqueKeyDropped,
    /// The outcome of a claim is written whatever the order has become meanwhile
    FencingRemoved,
    /// The handler aborts the process at an order of the user `poison`
    AbortsOnPoison,
}
