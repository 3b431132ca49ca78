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
    let said = String::from_utf8(output.stderr).expect("the log is text");
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("http.max_connections is too high: 5000"),
        "{said}"
    );
    assert!(said.contains("ulimit -Hn"), "{said}");
}

/// The lines that the command wrote to standard error, and its exit code.
fn refused(command: &mut Command) -> (Vec<String>, Option<i32>) {
    let output = command.output().expect("the binary starts");
    let said = String::from_utf8(output.stderr).expect("the log is text");
    (
        said.lines().map(str::to_owned).collect(),
        output.status.code(),
    )
}

#[test]
fn a_start_with_too_few_files_says_once_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, code) = refused(&mut limited("ulimit -n 64", folder.path()));
    assert_eq!(code, Some(78), "{lines:?}");
    let [line] = &lines[..] else {
        panic!("one line: {lines:?}");
    };
    for part in [
        "http.max_connections",
        "64 open files",
        "ulimit -n 65536",
        "LimitNOFILE=65536",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn a_start_with_few_files_takes_few_connections_and_warns_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = limited("ulimit -n 300", folder.path());
    // What cannot be opened ends the start after its first lines.
    let (lines, code) = refused(command.args([
        "--set",
        "receipts.store=folder",
        "--set",
        "receipts.folder=/proc/nowhere",
    ]));
    assert_eq!(code, Some(1), "{lines:?}");
    let warned: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("fewer connections"))
        .collect();
    let [line] = &warned[..] else {
        panic!("one warning: {lines:?}");
    };
    for part in [
        "WARN",
        "http.max_connections, grpc.max_connections",
        "limit=300",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn a_failing_start_says_its_reason_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("garbage")).unwrap();
    std::fs::write(path("garbage/orders.db"), "no database".repeat(1000)).unwrap();
    std::fs::create_dir_all(path("folder/orders.db")).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let receipts = "receipts.folder=/proc/nowhere";
    for (data_dir, more, reason) in [
        ("garbage", vec![], "file is not a database"),
        ("folder", vec![], "unable to open database file"),
        ("/proc/nowhere", vec![], "No such file or directory"),
        ("a", vec!["--http-addr", &taken], "Address already in use"),
        (
            "b",
            vec!["--set", "receipts.store=folder", "--set", receipts],
            "No such file or directory",
        ),
    ] {
        let mut command = Command::new(ORDERMILL);
        command.args([
            "serve",
            "--ws-addr",
            "",
            "--set",
            "grpc.addr=",
            "--data-dir",
        ]);
        command.arg(path(data_dir));
        if !more.contains(&"--http-addr") {
            command.args(["--http-addr", "127.0.0.1:0"]);
        }
        let (lines, code) = refused(command.args(["--set", "log.level=error"]).args(more));
        let said = lines.join("\n");
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(said.matches(reason).count(), 1, "{said}");
        assert_eq!(lines.len(), 1, "{said}");
    }
}
