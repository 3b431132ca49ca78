//! The bound of open files: a start raises it, and takes no more connections than it allows.

use std::path::Path;
use std::process::Command;

use crate::server::{ORDERMILL, Server};

/// A server under the bounds that the shell's `ulimit` sets.
fn limited(ulimit: &str, data_dir: &Path) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{ulimit}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, ORDERMILL, "serve"]);
    command.args(["--http-addr", "127.0.0.1:0", "--ws-addr", "", "--data-dir"]);
    command.arg(data_dir);
    command
}

/// The soft and the hard bound of open files of a process.
fn bounds_of(id: u32) -> (String, String) {
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits"));
    let limits = limits.expect("a running process has limits");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut words = line.unwrap_or_default().split_whitespace();
    let mut next = || words.next().unwrap_or_default().to_owned();
    (next(), next())
}

#[test]
fn a_start_raises_its_soft_bound_to_the_hard_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = limited("ulimit -Sn 128; ulimit -Hn 900", folder.path());
    let server = Server::start_as(&mut command);
    let bound = "900".to_owned();
    assert_eq!(bounds_of(server.id()), (bound.clone(), bound));
    server.ok(&["place", "--user", "alice", "--amount", "1"]);
}

#[test]
fn connections_that_were_asked_for_and_do_not_fit_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let output = limited("ulimit -Sn 128; ulimit -Hn 900", folder.path())
        .args(["--set", "http.max_connections=5000"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("http.max_connections is too high: 5000"),
        "{said}"
    );
    assert!(said.contains("ulimit -Hn"), "{said}");
}
