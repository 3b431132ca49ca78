//! What the server writes is for its owner alone, whatever the umask says.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::server::{ORDERMILL, Server, wait_until};

/// The program with the most permissive umask.
fn permissive(words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0000; exec \"$0\" \"$@\"", ORDERMILL]);
    command.args(words);
    command
}

/// A server that keeps orders in `data` and receipts in `receipts`, both below `folder`.
fn serve(folder: &Path) -> Command {
    let mut command = permissive(&["serve", "--http-addr", "127.0.0.1:0", "--ws-addr", ""]);
    command.args(["--data-dir", "data", "--set", "receipts.store=folder"]);
    command.args(["--set", "receipts.folder=new/receipts"]);
    command.current_dir(folder);
    command
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The modes of everything below a folder, by path.
fn modes(folder: &Path, found: &mut BTreeMap<String, u32>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            modes(&path, found);
        }
        found.insert(path.display().to_string(), mode(&path));
    }
}

fn assert_owner_only(folder: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    modes(folder, &mut found);
    for (path, mode) in &found {
        let expected = if Path::new(path).is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(*mode, expected, "{path} has mode {mode:04o}");
    }
    found
}

#[test]
fn folders_are_0700_and_files_0600_under_any_umask() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_as(&mut serve(folder.path()));
    for user in ["alice", "Zoë/.."] {
        server.place(user);
    }
    let receipts = folder.path().join("new/receipts");
    wait_until("receipts are written", || {
        server
            .ok(&["list", "--status", "PROCESSED", "--json"])
            .lines()
            .count()
            == 2
    });
    let running = assert_owner_only(folder.path());
    let is_there = |end: &str| running.keys().any(|path| path.ends_with(end));
    for end in [
        "/lock",
        "/orders.db",
        "/orders.db-wal",
        "/orders.db-shm",
        ".txt",
    ] {
        assert!(is_there(end), "no {end} in {running:?}");
    }
    let is_index = |path: &String| path.contains("/index-") && path.ends_with(".db");
    assert!(running.keys().any(is_index), "{running:?}");
    let folders = running
        .keys()
        .filter(|path| path.starts_with(receipts.to_str().unwrap()));
    assert!(folders.count() >= 5, "{running:?}");
    assert_eq!(server.terminate(), Some(0));
    assert_owner_only(folder.path());
    // A start over files that are there makes the logs anew.
    let mut server = Server::start_as(&mut serve(folder.path()));
    server.place("bob");
    assert_owner_only(folder.path());
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_migration_makes_its_files_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let output = permissive(&["migrate", "--data-dir", "far/data"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(assert_owner_only(folder.path()).len() >= 4);
}

#[test]
fn a_folder_that_is_open_to_others_stays_so_and_is_named_in_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let receipts = folder.path().join("new/receipts");
    for open in [&data, &receipts] {
        fs::create_dir_all(open).unwrap();
        fs::set_permissions(open, Permissions::from_mode(0o755)).unwrap();
    }
    let log = folder.path().join("log");
    let warnings = |log: &Path| -> Vec<String> {
        let said = fs::read_to_string(log).unwrap();
        let lines = said
            .lines()
            .filter(|line| line.contains("open to other users"));
        lines.map(str::to_owned).collect()
    };
    let mut command = serve(folder.path());
    let mut server = Server::start_as(command.stderr(File::create(&log).unwrap()));
    server.place("alice");
    assert_eq!(server.terminate(), Some(0));
    let said = warnings(&log);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains("store.data_dir") && said[0].contains("0755"),
        "{said:?}"
    );
    assert!(said[1].contains("receipts.folder"), "{said:?}");
    assert_eq!((mode(&data), mode(&receipts)), (0o755, 0o755));
    assert_owner_only(&data);

    for closed in [&data, &receipts] {
        fs::set_permissions(closed, Permissions::from_mode(0o700)).unwrap();
    }
    let mut command = serve(folder.path());
    let mut server = Server::start_as(command.stderr(File::create(&log).unwrap()));
    assert_eq!(server.terminate(), Some(0));
    assert!(warnings(&log).is_empty());
}

#[test]
fn a_file_that_a_command_writes_for_people_has_the_mode_of_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_as(&mut serve(folder.path()));
    server.place("alice");
    let output = permissive(&["export", "--output", "orders.ndjson", "--url", &server.url])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(mode(&folder.path().join("orders.ndjson")), 0o666);
}
