//! What a worker has done, counted: for operators while it runs, and as the report of its run.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What a worker has done. Only commits that are durable are counted.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct WorkerReport {
            $($(#[$doc])* pub $name: u64,)*
            /// A service of the worker that ended by itself, which none should: the process must not go on.
            pub broken: Option<String>,
        }

        /// The counters themselves.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Count,)*
        }

        impl Counters {
            pub(crate) fn report(&self) -> WorkerReport {
                WorkerReport {
                    $($name: self.$name.get(),)*
                    broken: None,
                }
            }
        }
    };
}

counters! {
    /// Orders taken from the store.
    claimed,
    /// Orders that became PROCESSED.
    processed,
    /// Attempts that failed and are tried again.
    retried,
    /// Attempts that did not count: given back at the stop, or while the endpoint did not answer.
    given_back,
    /// Attempts that did not count because the endpoint was busy.
    busy,
    /// Orders whose work is done and whose receipt could not be written.
    awaiting_receipts,
    /// Orders that became dead letters.
    failed,
    /// Claims that another worker took over, found out by a heartbeat or by the outcome's guard.
    lost,
    /// Orders of crashed workers, taken back.
    rescued,
    /// Outcomes that could not be written before the worker had to stop; their leases run out.
    abandoned,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: usize) {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
