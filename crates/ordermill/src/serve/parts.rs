//! The running parts of the process: owns every task, notices an end that comes too early, and stops them in order.
//! Those at the front (HTTP, workers) end first, so that what they still finish reaches those behind them (watching).

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::signals::StopSignals;
use crate::exit::FAILED;

/// What is left after the drain has so long to notice the hard stop.
const HARD_STOP: Duration = Duration::from_secs(2);

/// A part that has ended: its name, and what went wrong, if anything.
type Ended = (&'static str, Result<(), String>);

/// All parts.
#[derive(Default)]
pub struct Parts {
    front: JoinSet<Ended>,
    behind: JoinSet<Ended>,
    /// Cancelled when the stop begins: nothing new is begun.
    pub soft: CancellationToken,
    /// Cancelled when the drain took too long: what is left is cut off.
    pub hard: CancellationToken,
    /// Cancelled when the front has ended.
    pub last: CancellationToken,
}

impl Parts {
    /// Starts a part that ends after [`Parts::soft`].
    pub fn spawn(
        &mut self,
        name: &'static str,
        part: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        self.front.spawn(async move { (name, part.await) });
    }

    /// Starts a part that ends after [`Parts::last`].
    pub fn spawn_behind(
        &mut self,
        name: &'static str,
        part: impl Future<Output = ()> + Send + 'static,
    ) {
        self.behind.spawn(async move {
            part.await;
            (name, Ok(()))
        });
    }

    /// Waits for a signal or for a part that ends too early, then stops everything within `drain`.
    ///
    /// # Errors
    /// Which part ended too early.
    pub async fn supervise(
        mut self,
        signals: &mut StopSignals,
        drain: Duration,
    ) -> anyhow::Result<ExitCode> {
        let failure = tokio::select! {
            signal = signals.next() => {
                tracing::info!(signal, "stopping: what runs may end");
                None
            }
            Some(ended) = self.front.join_next() => Some(too_early(ended)),
            Some(ended) = self.behind.join_next() => Some(too_early(ended)),
        };
        tokio::select! {
            () = self.stop(drain) => {}
            signal = signals.next() => {
                tracing::warn!(signal, "stopping at once");
                // Nothing is lost: what was answered is durable, what is claimed waits for its lease.
                std::process::exit(i32::from(FAILED));
            }
        }
        match failure {
            None => Ok(ExitCode::SUCCESS),
            Some(what) => bail!("{what}; the process stops, start it again"),
        }
    }

    async fn stop(&mut self, drain: Duration) {
        self.soft.cancel();
        if tokio::time::timeout(drain, all_end(&mut self.front))
            .await
            .is_err()
        {
            tracing::warn!(
                "the drain took too long (setting shutdown.drain): what is left is cut off"
            );
            self.hard.cancel();
            if tokio::time::timeout(HARD_STOP, all_end(&mut self.front))
                .await
                .is_err()
            {
                self.front.abort_all();
            }
        }
        self.last.cancel();
        if tokio::time::timeout(HARD_STOP, all_end(&mut self.behind))
            .await
            .is_err()
        {
            self.behind.abort_all();
        }
    }
}

async fn all_end(parts: &mut JoinSet<Ended>) {
    while parts.join_next().await.is_some() {}
}

fn too_early(ended: Result<Ended, JoinError>) -> String {
    match ended {
        Ok((name, Err(reason))) => format!("{name} failed: {reason}"),
        Ok((name, Ok(()))) => format!("{name} ended without being told to"),
        Err(error) => format!("a part of the process broke: {error}"),
    }
}
