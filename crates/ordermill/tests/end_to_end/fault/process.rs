//! The process under test: the shipped binary, or a broken twin of it. Starts it, sends it signals by its own id, and
//! waits for it with a bound. Dropping a [`Server`] kills its process.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::server::ordermill;

/// Which store the process works on.
#[derive(Debug, Clone)]
pub(super) enum StoreAt {
    /// The embedded one, in this folder.
    Sqlite(PathBuf),
    /// PostgreSQL, one data source a shard.
    Postgres(Vec<String>),
}

/// What is broken in a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    /// Nothing: shows that a twin is only as broken as its defect.
    Nothing,
    /// It acknowledges an order and commits it afterwards.
    AnswersBeforeCommit,
    /// SQLite without any flush to the disk.
    SynchronousOff,
    /// The idempotency key never reaches the store.
    UniqueKeyDropped,
    /// Outcomes are written wherever the order stands by now.
    FencingRemoved,
    /// Its handler kills the process at an order whose user is `poison`.
    AbortsOnPoison,
}

impl Defect {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::AnswersBeforeCommit => "answers-before-commit",
            Self::SynchronousOff => "synchronous-off",
            Self::UniqueKeyDropped => "unique-key-dropped",
            Self::FencingRemoved => "fencing-removed",
            Self::AbortsOnPoison => "aborts-on-poison",
        }
    }
}

/// The binary that is started.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binary {
    /// `ordermill serve`, as shipped.
    Shipped,
    /// The same wiring around a chosen defect.
    Twin(Defect),
}

/// How a process is started, as often as needed.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) binary: Binary,
    pub(super) store: StoreAt,
    /// Where orders are sent to be worked off.
    pub(super) handler_url: String,
    /// How long one call to it may take.
    pub(super) handler_timeout: Duration,
    pub(super) lease: Duration,
    pub(super) max_attempts: u32,
    pub(super) backoff_last: Duration,
    pub(super) drain: Duration,
    /// Settings beside these, as `section.key=value`.
    pub(super) more: Vec<String>,
    /// What the process finds in its environment beside this test's.
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// What the processes say goes to files in here.
    pub(super) logs: PathBuf,
}

/// A process is ready within this time of its start, also after a crash.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(5);

/// It is given up after this time.
const START_TIMEOUT: Duration = Duration::from_secs(30);

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

impl Setup {
    fn command(&self) -> Command {
        let mut set = vec![
            format!("worker.lease={}", milliseconds(self.lease)),
            format!("worker.max_attempts={}", self.max_attempts),
            format!(
                "worker.backoff_first={}",
                milliseconds(self.backoff_last.min(Duration::from_millis(200)))
            ),
            format!("worker.backoff_last={}", milliseconds(self.backoff_last)),
            "handler.kind=http".to_owned(),
            format!("handler.url={}", self.handler_url),
            format!("handler.timeout={}", milliseconds(self.handler_timeout)),
            "http.addr=127.0.0.1:0".to_owned(),
            "http.ws_addr=".to_owned(),
            "grpc.addr=".to_owned(),
            "http.request_timeout=3s".to_owned(),
            format!("shutdown.drain={}", milliseconds(self.drain)),
        ];
        set.extend_from_slice(&self.more);
        match &self.store {
            StoreAt::Sqlite(folder) => {
                set.push("store.kind=sqlite".to_owned());
                set.push(format!("store.data_dir={}", folder.display()));
            }
            StoreAt::Postgres(shards) => {
                set.push("store.kind=postgres".to_owned());
                set.push(format!("store.shards={shards:?}"));
            }
        }
        let mut command = match self.binary {
            Binary::Shipped => ordermill(),
            Binary::Twin(defect) => {
                let mut command = Command::new(twin());
                command.arg(format!("--defect={}", defect.name()));
                command
            }
        };
        if matches!(self.binary, Binary::Shipped) {
            command.arg("serve");
        }
        for pair in set {
            command.arg("--set").arg(pair);
        }
        command.envs(self.environment.iter().cloned());
        command.current_dir(&self.logs);
        command
    }

    /// Starts the process and waits until it is ready.
    ///
    /// # Errors
    /// What it said, where it ended instead or took too long.
    pub(super) async fn try_start(&self) -> Result<Server, String> {
        // Before the clock starts: the first one builds the twins.
        let mut command = self.command();
        let began = Instant::now();
        let log = tempfile::Builder::new()
            .prefix("serve-")
            .suffix(".log")
            .tempfile_in(&self.logs)
            .and_then(|file| file.keep().map_err(|error| error.error))
            .expect("the folder for logs can be written");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log.0))
            .spawn()
            .expect("the binary under test was built");
        let mut server = Server {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log: log.1,
            ready_after: Duration::ZERO,
        };
        let addresses = server.listen_to_output();
        while server.address.port() == 0 {
            match addresses.try_recv() {
                Ok(address) => server.address = address,
                Err(_) if began.elapsed() > START_TIMEOUT => {
                    return Err(format!(
                        "not ready within {START_TIMEOUT:?}: {}",
                        server.last_words()
                    ));
                }
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("ended with {status}: {}", server.last_words()));
            }
        }
        server.ready_after = began.elapsed();
        Ok(server)
    }

    /// Starts the process and waits until it is ready.
    pub(super) async fn start(&self) -> Server {
        match self.try_start().await {
            Ok(server) => server,
            Err(reason) => panic!("the process under test did not start: {reason}"),
        }
    }
}

/// A running process under test.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Where it answers.
    pub(super) address: SocketAddr,
    log: PathBuf,
    /// How long its start took.
    pub(super) ready_after: Duration,
}

impl Server {
    /// Its output has to be read to its end, or it would block: a thread does, and passes on the first address.
    fn listen_to_output(&mut self) -> std::sync::mpsc::Receiver<SocketAddr> {
        let output = self.child.stdout.take().expect("its output is a pipe");
        let (found, receiver) = std::sync::mpsc::sync_channel(1);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    let _ = found.try_send(address);
                }
            }
        });
        receiver
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id is an i32");
        let pid = Pid::from_raw(id).expect("a process id is not 0");
        kill_process(pid, signal).expect("a process of ours, not yet waited for, takes signals");
    }

    /// SIGKILL, and waits for its end.
    pub(super) async fn kill(mut self) {
        self.signal(Signal::KILL);
        let status = self.wait(Duration::from_secs(10)).await;
        assert_eq!(
            status.signal(),
            Some(9),
            "it ended before it was killed: {}",
            self.last_words()
        );
    }

    /// SIGSTOP.
    pub(super) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(super) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGTERM.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for its end.
    pub(super) async fn wait(&mut self, at_most: Duration) -> ExitStatus {
        let deadline = Instant::now() + at_most;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "still running after {at_most:?}: {}",
                self.last_words()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Its resident memory in bytes.
    pub(super) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: u64 = kib
            .and_then(|kib| kib.parse().ok())
            .expect("a number of kB");
        kib * 1024
    }

    /// What it has open.
    pub(super) fn open_files(&self) -> Vec<String> {
        let folder = format!("/proc/{}/fd", self.child.id());
        let entries = std::fs::read_dir(folder).expect("a running process has files");
        // One that was closed since the listing is not open.
        let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links
            .map(|link| link.to_string_lossy().into_owned())
            .collect()
    }

    /// Whether it has ended, and how.
    pub(super) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// The end of what it logged.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(2000);
        let from = (from..text.len()).find(|at| text.is_char_boundary(*at));
        format!("its log ends with:\n{}", &text[from.unwrap_or(0)..])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, or a test fails: nothing to report either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let after = line.split_once("http://")?.1;
    let end = after
        .find(|c: char| c == '/' || c.is_whitespace())
        .unwrap_or(after.len());
    after[..end].parse().ok()
}

/// The twins' binary, built once a test run by the features of the whole workspace, so that nothing is compiled twice.
fn twin() -> &'static Path {
    static TWIN: OnceLock<PathBuf> = OnceLock::new();
    TWIN.get_or_init(|| {
        let shipped = Path::new(env!("CARGO_BIN_EXE_ordermill"));
        let folder = shipped.parent().expect("a binary is in a folder");
        let mut build = Command::new(env!("CARGO"));
        // Naming a test of that crate builds its binary as `cargo test --workspace` does.
        build.args([
            "test",
            "--workspace",
            "--no-run",
            "--test",
            "twins_command_line",
            "--locked",
            "--quiet",
        ]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        // Its output goes where a failure can show it, and a test's own stays readable.
        let log = folder.join("fault-twins.build.log");
        build.stderr(File::create(&log).expect("the target folder can be written"));
        let built = build.status().expect("cargo runs");
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(
            built.success(),
            "the broken twins could not be built: {said}"
        );
        folder.join("fault-twins")
    })
}
