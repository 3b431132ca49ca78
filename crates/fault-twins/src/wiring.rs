//! Puts a defect into the server's wiring: around the opened store, around the handler, or into the embedded store's tuning.
//! Everything else is the shipped server's.

use std::sync::Arc;

use adapter_sqlite::Tuning;
use application::ports::{OrderHandler, StorePorts};
use server::{Supervisor, Wiring};

use crate::broken_store::broken;
use crate::defect::Defect;
use crate::poison::AbortingHandler;

/// The wiring of a twin.
pub struct Broken(pub Defect);

impl Wiring for Broken {
    fn sqlite_tuning(&self) -> Tuning {
        Tuning {
            synchronous_off: self.0 == Defect::SynchronousOff,
            ..Tuning::default()
        }
    }

    fn store(&mut self, opened: StorePorts, supervisor: &mut Supervisor) -> StorePorts {
        match self.0 {
            Defect::Nothing | Defect::SynchronousOff | Defect::AbortsOnPoison => opened,
            Defect::AnswersBeforeCommit | Defect::UniqueKeyDropped | Defect::FencingRemoved => {
                let (broken, late_writer) = broken(opened, self.0);
                let soft = supervisor.soft.clone();
                supervisor.spawn("the late writer", async move {
                    tokio::select! {
                        () = soft.cancelled() => {}
                        () = late_writer.run() => {}
                    }
                    Ok(())
                });
                broken
            }
        }
    }

    fn handler(&mut self, configured: Arc<dyn OrderHandler>) -> Arc<dyn OrderHandler> {
        if self.0 == Defect::AbortsOnPoison {
            Arc::new(AbortingHandler(configured))
        } else {
            configured
        }
    }
}
