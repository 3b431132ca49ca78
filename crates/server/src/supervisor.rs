//! Owns every task of the process: notices an end that comes too early, and stops the tasks in order. The first ones (edges,
//! workers) end before the last ones (watching), so that what they still finish is pushed to the watchers.

use std::future::Future;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error::ServerError;
use crate::signals::StopSignals;

/// How long a task may take to end after the hard stop.
const HARD_STOP: Duration = Duration::from_secs(2);
/// The exit code of a process that a second signal stopped at once.
const STOPPED_AT_ONCE: i32 = 1;

/// A task that has ended: its name, and what went wrong, if anything.
type Ended = (&'static str, Result<(), String>);

/// The supervised tasks.
#[derive(Default)]
pub struct Supervisor {
    first_tasks: JoinSet<Ended>,
    last_tasks: JoinSet<Ended>,
    /// Cancelled when the stop begins: a task begins nothing new.
    pub soft: CancellationToken,
    /// Cancelled if the drain takes too long: a task ends at once.
    pub hard: CancellationToken,
    /// Cancelled when all of the first tasks have ended.
    pub last: CancellationToken,
}

impl Supervisor {
    /// Starts a task that ends after [`Supervisor::soft`] is cancelled.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        self.first_tasks.spawn(async move { (name, task.await) });
    }

    /// Starts a task that ends after [`Supervisor::last`] is cancelled.
    pub fn spawn_last(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.last_tasks.spawn(async move {
            task.await;
            (name, Ok(()))
        });
    }

    /// Waits for a signal or for a task that ends too early, then stops everything within `drain`. A second signal ends the
    /// process.
    ///
    /// # Errors
    /// Which task ended too early.
    pub(crate) async fn supervise(
        mut self,
        signals: &mut StopSignals,
        drain: Duration,
    ) -> Result<(), ServerError> {
        let failure = tokio::select! {
            signal = signals.next() => {
                tracing::info!(signal, "stopping: running work may finish");
                None
            }
            Some(ended) = self.first_tasks.join_next() => Some(too_early(ended)),
            Some(ended) = self.last_tasks.join_next() => Some(too_early(ended)),
        };
        tokio::select! {
            () = self.stop(drain) => {}
            signal = signals.next() => {
                tracing::warn!(signal, "stopping at once");
                // Nothing is lost: what was answered is durable, what is claimed waits for its lease.
                std::process::exit(STOPPED_AT_ONCE);
            }
        }
        match failure {
            None => Ok(()),
            Some(what) => Err(ServerError::TaskEnded { what }),
        }
    }

    async fn stop(&mut self, drain: Duration) {
        self.soft.cancel();
        if tokio::time::timeout(drain, all_end(&mut self.first_tasks))
            .await
            .is_err()
        {
            tracing::warn!(
                "the drain took too long (setting shutdown.drain): the remaining tasks are ended"
            );
            self.hard.cancel();
            if tokio::time::timeout(HARD_STOP, all_end(&mut self.first_tasks))
                .await
                .is_err()
            {
                self.first_tasks.abort_all();
            }
        }
        self.last.cancel();
        if tokio::time::timeout(HARD_STOP, all_end(&mut self.last_tasks))
            .await
            .is_err()
        {
            self.last_tasks.abort_all();
        }
    }
}

async fn all_end(tasks: &mut JoinSet<Ended>) {
    while tasks.join_next().await.is_some() {}
}

fn too_early(ended: Result<Ended, JoinError>) -> String {
    match ended {
        Ok((name, Err(reason))) => format!("{name} failed: {reason}"),
        Ok((name, Ok(()))) => format!("{name} ended before the stop"),
        Err(error) => format!("a task of the process broke: {error}"),
    }
}
