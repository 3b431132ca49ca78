//! The server under test: a process of its own, started from this very binary in a folder of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::Instant;

use super::error::{BenchError, Doing as _, Result};

/// A running server; it is killed when this is dropped.
pub(super) struct Server {
    child: Child,
    /// Kept open: a server that cannot print would be killed by the pipe.
    _stdout: Lines<BufReader<ChildStdout>>,
    pub(super) address: String,
    /// Where gRPC is served.
    pub(super) grpc_address: Option<String>,
    /// From exec until it said that it listens.
    pub(super) ready_after: Duration,
}

impl Server {
    /// Starts `ordermill` with these arguments and waits for its address.
    pub(super) async fn start(arguments: &[String]) -> Result<Self> {
        let binary: PathBuf = std::env::current_exe().doing(|| "finding this binary".to_owned())?;
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .env_remove("ORDERMILL_URL")
            .kill_on_drop(true)
            .spawn()
            .doing(|| "starting the server under test".to_owned())?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| BenchError::unexpected("the server has no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let mut grpc_address = None;
        let limit = started + Duration::from_secs(60);
        loop {
            let line = tokio::time::timeout_at(limit, lines.next_line())
                .await
                .map_err(|_| {
                    BenchError::unexpected("the server was not ready within a minute")
                })??;
            let Some(line) = line else {
                return Err(BenchError::unexpected(format!(
                    "the server under test stopped at once: {}",
                    child.wait().await?
                )));
            };
            if let Some((_, address)) = line.split_once("grpc://") {
                grpc_address = Some(address.trim().to_owned());
            }
            if let Some((_, address)) = line.split_once("http://") {
                let address = address
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches('/')
                    .to_owned();
                return Ok(Self {
                    child,
                    _stdout: lines,
                    address,
                    grpc_address,
                    ready_after: started.elapsed(),
                });
            }
        }
    }

    /// Its process id.
    pub(super) fn pid(&self) -> Result<u32> {
        let id = self.child.id();
        id.ok_or_else(|| BenchError::unexpected("the server under test has stopped"))
    }

    /// Ends it the hard way: what it kept is thrown away with its folder.
    pub(super) async fn stop(mut self) -> Result<()> {
        self.child
            .kill()
            .await
            .doing(|| "stopping the server under test".to_owned())
    }
}
