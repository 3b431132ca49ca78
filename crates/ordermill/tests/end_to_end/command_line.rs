//! What the command line answers: exit codes, one line with the remedy, and the nearest known name.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::server::{Server, free_port, ordermill, run};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_unknown_flag_or_command_is_exit_2_with_the_nearest_name() {
    for (arguments, nearest) in [
        (&["serv"][..], "serve"),
        (&["serve", "--data-dri", "x"], "--data-dir"),
        (&["list", "--usr", "a"], "--user"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(nearest),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    // A role that is not there yet is refused, not pretended.
    assert_eq!(run(&["serve", "--role", "gateway"]).status.code(), Some(2));
}

#[test]
fn a_bad_configuration_is_exit_78_with_every_fault_on_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    fs::write(
        &file,
        "[store]\nqeue = 5\n[http]\naddr = \"0.0.0.0:8080\"\n",
    )
    .unwrap();
    for command in [&["config", "check"][..], &["serve"], &["migrate"]] {
        let output = run(&[
            command,
            &[
                "--config",
                file.to_str().unwrap(),
                "--set",
                "worker.lease=soon",
            ],
        ]
        .concat());
        assert_eq!(
            output.status.code(),
            Some(78),
            "{command:?}: {}",
            stderr(&output)
        );
        let text = stderr(&output);
        assert_eq!(text.lines().count(), 3, "{text}");
        for part in ["store.queue", "auth.mode", "--set worker.lease"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
    let missing = run(&["serve", "--config", "/does/not/exist.toml"]);
    assert_eq!(missing.status.code(), Some(78));
    assert!(stderr(&missing).contains("/does/not/exist.toml"));
}

#[test]
fn config_default_is_a_file_that_config_check_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ordermill.toml");
    fs::write(&file, run(&["config", "default"]).stdout).unwrap();
    let check = run(&["config", "check", "--config", file.to_str().unwrap()]);
    assert!(check.status.success(), "{}", stderr(&check));
}

#[test]
fn config_show_says_where_values_come_from_and_hides_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ordermill.toml");
    fs::write(
        &file,
        "[store]\nkind = \"postgres\"\nshards = [\"postgres://u:s3cret@localhost/a\"]\n\
         [handler]\nkind = \"http\"\nurl = \"http://localhost:1/\"\nsecret = \"whsec_s3cret\"\n",
    )
    .unwrap();
    let output = run(&[
        "config",
        "show",
        "--config",
        file.to_str().unwrap(),
        "--set",
        "log.level=debug",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(!text.contains("s3cret"), "{text}");
    for part in [
        "ordermill.toml:3",
        "postgres://u:***@localhost/a",
        "--set log.level",
        "# default",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn without_a_server_a_client_says_so_in_one_line() {
    let output = run(&["list", "--url", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.lines().count() == 1 && text.contains("ordermill serve") && text.contains("--url"),
        "{text}"
    );
}

#[test]
fn a_taken_port_and_a_taken_folder_are_exit_1_with_the_setting_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let addr = server.url.strip_prefix("http://").unwrap();
    let other = tempfile::tempdir().unwrap();
    let port = run(&[
        "serve",
        "--data-dir",
        other.path().to_str().unwrap(),
        "--http-addr",
        addr,
        "--ws-addr",
        "",
        "--grpc-addr",
        "",
    ]);
    assert_eq!(port.status.code(), Some(1));
    assert_eq!(stderr(&port).lines().count(), 1, "{}", stderr(&port));
    assert!(stderr(&port).contains("http.addr"), "{}", stderr(&port));
    let data = run(&[
        "serve",
        "--data-dir",
        folder.path().to_str().unwrap(),
        "--http-addr",
        "127.0.0.1:0",
        "--ws-addr",
        "",
        "--grpc-addr",
        "",
    ]);
    assert_eq!(data.status.code(), Some(1));
    assert_eq!(stderr(&data).lines().count(), 1, "{}", stderr(&data));
    assert!(
        stderr(&data).contains("store.data_dir"),
        "{}",
        stderr(&data)
    );
}

#[test]
fn an_order_is_placed_worked_off_found_listed_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path());
    let placed = server.ok(&[
        "place",
        "--user",
        "alice",
        "--external-id",
        "A-1",
        "--line",
        "[KB-1] Mechanical Keyboard:2:149.99",
        "--metadata",
        "note=two\nlines",
        "--json",
    ]);
    let order: serde_json::Value = serde_json::from_str(&placed).unwrap();
    let id = order["id"].as_str().unwrap();
    assert!(placed.contains("\"amount\":299.98"), "{placed}");
    server.ok(&["watch", id, "--until-final"]);
    let got = server.ok(&["get", "--external-id", "A-1", "--user", "alice"]);
    assert!(
        got.contains("PROCESSED") && got.contains("Mechanical Keyboard") && got.contains(id),
        "{got}"
    );
    assert!(got.contains("note = two\\nlines"), "shown escaped: {got}");
    let list = server.ok(&["list", "--user", "alice", "--status", "processed"]);
    assert!(list.contains(id) && list.contains("299.98 USD"), "{list}");
    let csv = server.ok(&["export", "--format", "csv"]);
    assert!(csv.contains(",KB-1,Mechanical Keyboard,2,149.99,"), "{csv}");
    let cancel = server.run(&["cancel", id]);
    assert_eq!(
        cancel.status.code(),
        Some(1),
        "a processed order cannot be cancelled"
    );
    let unknown = server.run(&["get", "019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("there is no order"));
    let wrong_address = run(&["get", id, "--url", &format!("{}/v1", server.url)]);
    assert_eq!(wrong_address.status.code(), Some(1));
    assert!(
        stderr(&wrong_address).contains("/docs shows every address"),
        "{}",
        stderr(&wrong_address)
    );
    for command in ["list", "export"] {
        let period = [
            "--created-from",
            "2026-02-01T00:00:00Z",
            "--created-to",
            "2026-01-01T00:00:00Z",
        ];
        let refused = server.run(&[&[command], &period[..]].concat());
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            stderr(&refused).contains("created_from must not be after created_to"),
            "{}",
            stderr(&refused)
        );
    }
    let refused = server.run(&["place", "--user", "alice", "--amount", "1.234"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("/amount"), "{}", stderr(&refused));
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn orders_are_cancelled_one_by_one_whatever_becomes_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--http-addr", "127.0.0.1:0", "--ws-addr", ""];
    let server = Server::start_with(
        folder.path(),
        &[&flags[..], &["--set", "worker.enabled=false"]].concat(),
    );
    let [first, second, third] = ["alice", "bob", "carol"].map(|user| server.place(user));
    let unknown = "019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b";
    let both = server.run(&["cancel", &first, unknown, &second]);
    assert_eq!(both.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&both.stdout),
        format!("{first} CANCELLED\n{second} CANCELLED\n")
    );
    let said = stderr(&both);
    assert!(
        said.lines().count() == 1 && said.contains(unknown),
        "{said}"
    );
    let order: Value = serde_json::from_str(&server.ok(&["cancel", &third, "--json"])).unwrap();
    assert_eq!(
        (&order["id"], &order["status"]),
        (&third.into(), &"CANCELLED".into())
    );
}

/// A `watch` that runs, and what it prints. Killed when it is dropped.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(server: &Server, flags: &[&str]) -> Self {
        let mut child = ordermill()
            .arg("watch")
            .args(flags)
            .args(["--url", &server.url])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        let (print, lines) = channel();
        std::thread::spawn(move || {
            for line in printed.lines().map_while(Result::ok) {
                if print.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(60)).unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until both have begun, and have printed all that came until then.
fn begun(server: &Server, watches: [&Watch; 2]) {
    for watch in watches {
        // It prints what comes after its beginning.
        loop {
            server.place("alice");
            if watch.lines.recv_timeout(Duration::from_secs(1)).is_ok() {
                break;
            }
        }
    }
    let last = server.place("alice");
    let is_last = |line: &str| line.contains(&last) && line.contains("PROCESSED");
    for watch in watches {
        while !is_last(&watch.line()) {}
    }
}

#[test]
fn a_watch_goes_on_after_the_server_was_killed_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let addr = format!("127.0.0.1:{}", free_port());
    let flags = ["--http-addr", &addr, "--ws-addr", ""];
    let mut server = Server::start_with(folder.path(), &flags);
    let alice = Watch::start(&server, &["--user", "alice", "--json"]);
    let everybody = Watch::start(&server, &[]);
    begun(&server, [&alice, &everybody]);

    let first = server.place("alice");
    let bobs = server.place("bob");
    let mut seen: Vec<_> = (0..3).map(|_| alice.line()).collect();
    server.kill();
    let server = Server::start_with(folder.path(), &flags);
    // Before either has come back.
    let second = server.place("alice");
    seen.extend((0..3).map(|_| alice.line()));
    let changes: Vec<_> = seen
        .iter()
        .map(|line| {
            let change: Value = serde_json::from_str(line).unwrap();
            let id = change["order_id"].as_str().unwrap().to_owned();
            (id, change["version"].as_u64().unwrap())
        })
        .collect();
    let expected: Vec<_> = [first, second.clone()]
        .iter()
        .flat_map(|id| (1..=3).map(|version| (id.clone(), version)))
        .collect();
    assert_eq!(changes, expected);

    let all: Vec<_> = (0..9).map(|_| everybody.line()).collect();
    let of = |id: &str| all.iter().filter(|line| line.contains(id)).count();
    assert_eq!((of(&bobs), of(&second)), (3, 3), "{all:?}");
    let is_end = |line: &&String| line.contains(&second) && line.contains("PROCESSED   v3  alice");
    assert_eq!(all.iter().filter(is_end).count(), 1, "{all:?}");
}

#[test]
fn help_shows_an_example_and_completions_know_the_commands() {
    assert!(
        String::from_utf8_lossy(&run(&["import", "--help"]).stdout)
            .contains("Example: ordermill import")
    );
    let script = run(&["completions", "bash"]).stdout;
    assert!(String::from_utf8_lossy(&script).contains("dead-letters"));
}

#[test]
fn manual_pages_are_written_one_a_command_and_hold_its_example() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let output = run(&["man", pages.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for (page, example) in [
        ("ordermill.1", "ordermill serve"),
        ("ordermill-place.1", "ordermill place"),
        (
            "ordermill-dead-letters-replay.1",
            "ordermill dead\\-letters replay",
        ),
    ] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".TH "), "{page} is no manual page");
        assert!(text.contains(example), "{page}: {text}");
    }
    let main = String::from_utf8(run(&["man"]).stdout).unwrap();
    assert!(main.contains(".TH ordermill 1"), "{main}");
    let refused = run(&["man", "/proc/no-such-folder"]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success(), "{shell}: {}", stderr(&output));
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("dead-letters"), "{shell}");
    }
}
