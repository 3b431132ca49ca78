//! The real parts that faults are thrown at: PostgreSQL servers and file systems that lose their power or run full,
//! all through scripts/parts. A missing part fails its test with a line that names it; it is never skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::Server;

fn script() -> PathBuf {
    std::env::var_os("ORDERMILL_TEST_PARTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/parts"),
        PathBuf::from,
    )
}

/// Runs one command of the script on a thread that may wait; returns what it printed.
async fn parts(arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|&argument| argument.to_owned())
        .collect();
    let ran = tokio::task::spawn_blocking(move || {
        let output = Command::new(script()).args(&arguments).output();
        let output = output.expect("scripts/parts can be run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "scripts/parts {}: {said}",
            arguments.join(" ")
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    ran.await.expect("scripts/parts did what it was asked for")
}

fn folder(prefix: &str) -> TempDir {
    let made = tempfile::Builder::new().prefix(prefix).tempdir();
    made.expect("a temporary folder can be made")
}

/// A PostgreSQL server of a test's own. Stopped when dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    /// How to connect to it.
    pub dsn: String,
}

impl Postgres {
    /// Makes a cluster and starts it.
    pub async fn start() -> Self {
        let folder = folder("ompg");
        let dsn = parts(&["postgres", "start", path(&folder)]).await;
        Self { folder, dsn }
    }

    /// Takes TLS alone from now on; the certificate authority that its certificate is to be checked against.
    pub(super) async fn encrypt(&self) -> PathBuf {
        PathBuf::from(parts(&["postgres", "encrypt", path(&self.folder)]).await)
    }

    /// Restarts it: `fast`, or `immediate` as after a crash.
    pub(super) async fn restart(&self, mode: &str) {
        parts(&["postgres", "restart", path(&self.folder), mode]).await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At the end of a test nothing can be done about a server that does not stop; the run's own sweep finds it.
        let mut stop = Command::new(script());
        let _ = stop
            .args(["postgres", "stop", path(&self.folder), "immediate"])
            .output();
    }
}

/// A small file system on a disk that can lose its power. Unmounted when dropped.
#[derive(Debug)]
pub(super) struct LoopDisk {
    folder: TempDir,
    /// Where it is mounted.
    pub(super) mount: PathBuf,
}

impl LoopDisk {
    /// Makes and mounts it. Needs root, and says so where there is none.
    pub(super) async fn create(size_mb: u32) -> Self {
        Self::made_by("create", size_mb).await
    }

    /// As [`LoopDisk::create`], on a disk that can break.
    pub(super) async fn create_thin(size_mb: u32) -> Self {
        Self::made_by("create-thin", size_mb).await
    }

    async fn made_by(command: &str, size_mb: u32) -> Self {
        let folder = folder("omfs");
        let inner = folder.path().join("disk");
        let inner = inner.to_str().expect("temporary folders have plain names");
        let mount = parts(&["loopfs", command, inner, &size_mb.to_string()]).await;
        Self {
            mount: PathBuf::from(mount),
            folder,
        }
    }

    fn disk(&self) -> String {
        let disk = self.folder.path().join("disk");
        disk.to_str()
            .expect("temporary folders have plain names")
            .to_owned()
    }

    /// Everything that was written so far reaches the disk.
    pub(super) fn write_through(&self) {
        let mount = std::fs::File::open(&self.mount).expect("the file system is mounted");
        rustix::fs::syncfs(&mount).expect("a file system can be written through");
    }

    /// From now on the disk takes no new block: the kernel takes what is written, and fails when it has to be durable.
    pub(super) async fn break_down(&self) {
        parts(&["loopfs", "break", &self.disk()]).await;
    }

    /// The disk takes blocks again; the file system on it stays as broken as it is until it is mounted anew.
    pub(super) async fn mend(&self) {
        parts(&["loopfs", "mend", &self.disk()]).await;
    }

    /// Shuts the file system down without a flush, as if the power went. The server is stopped first, because after a
    /// power cut no answer leaves a machine: the kernel's shutdown is not atomic, and a sync that it overtakes can
    /// still return a success to a process that lives on.
    pub(super) async fn cut_power(&self, server: &Server) {
        server.stop();
        parts(&["loopfs", "power-cut", &self.disk()]).await;
    }

    /// Repairs and mounts it again, once nobody holds it any more.
    pub(super) async fn remount(&self) {
        parts(&["loopfs", "remount", &self.disk()]).await;
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let mut destroy = Command::new(script());
        // A file system that is left over is found by the run's own sweep.
        let _ = destroy.args(["loopfs", "destroy", &self.disk()]).output();
    }
}

/// A certificate for loopback and the authority that signed it.
#[derive(Debug)]
pub(super) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(super) async fn make() -> Self {
        let folder = folder("omtls");
        parts(&["certificates", path(&folder)]).await;
        Self { folder }
    }

    /// `ca.pem`, `server.pem` or `server.key`.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The library that sets the clock of a process that is started with it.
pub(super) async fn faketime_library() -> PathBuf {
    PathBuf::from(parts(&["faketime"]).await)
}

fn path(folder: &TempDir) -> &str {
    folder
        .path()
        .to_str()
        .expect("temporary folders have plain names")
}
