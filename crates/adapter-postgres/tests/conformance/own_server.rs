//! A PostgreSQL server of one test, which may stop it and set its clock. `scripts/parts` starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use application::ports::Ids as _;
use application::system::SystemIds;

/// A server that ends with its test.
pub struct OwnServer {
    folder: PathBuf,
    address: String,
    environment: Vec<(&'static str, String)>,
}

impl OwnServer {
    pub fn start() -> Self {
        let mut server = Self::prepare();
        server.address = server.parts("start", None);
        server
    }

    /// A server whose wall clock is set by [`OwnServer::set_clock`].
    pub fn start_with_clock() -> Self {
        let mut server = Self::prepare();
        let library = server.run(&["faketime"]);
        server.set_clock(0);
        let clock = server.clock().display().to_string();
        server.environment = vec![
            // scripts/parts preloads it into the server, not into itself.
            ("SERVER_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", clock),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // The monotonic clock never jumps, whatever is done to the other one.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        server.address = server.parts("start", None);
        server
    }

    fn prepare() -> Self {
        let folder = std::env::temp_dir().join(format!("pg-{:016x}", SystemIds.random()));
        std::fs::create_dir(&folder).expect("the test's folder can be made");
        Self {
            folder,
            address: String::new(),
            environment: Vec::new(),
        }
    }

    /// Its folder, which is removed with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on the server's wall clock is this far ahead of the machine's.
    pub fn set_clock(&self, ahead_s: i64) {
        // A rename, so that no look at the clock meets half a file.
        let next = self.folder.join("clock.next");
        std::fs::write(&next, format!("{ahead_s:+}")).expect("the test's folder can be written");
        std::fs::rename(&next, self.clock()).expect("the test's folder can be written");
    }

    fn clock(&self) -> PathBuf {
        self.folder.join("clock")
    }

    /// `scripts/parts postgres COMMAND FOLDER [MODE]`.
    pub fn parts(&self, command: &str, mode: Option<&str>) -> String {
        let folder = self.folder.to_str().expect("the folder's name is a text");
        let arguments = ["postgres", command, folder];
        self.run(&arguments.into_iter().chain(mode).collect::<Vec<_>>())
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = run_parts(arguments, &self.environment);
        assert!(
            output.status.success(),
            "scripts/parts {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// `scripts/parts` with these arguments; `None`, said on standard error, if it fails.
pub fn try_parts(arguments: &[&str]) -> Option<()> {
    let output = run_parts(arguments, &[]);
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success().then_some(())
}

fn run_parts(arguments: &[&str], environment: &[(&'static str, String)]) -> Output {
    let script = std::env::var("ORDERMILL_TEST_PARTS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/parts").to_owned());
    let run = || {
        Command::new(&script)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .output()
    };
    tokio::task::block_in_place(run).expect("scripts/parts runs")
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.parts("stop", Some("immediate"));
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
