//! `config check` and `serve` refuse the same configurations, with the same exit code and the same words.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::{ORDERMILL, ordermill};

/// The exit code of a command and the lines of its own on standard error; it is killed if it does not end by itself.
fn refusal(command: &mut Command, folder: &Path) -> (Option<i32>, String) {
    command.env("ORDERMILL__GRPC__ADDR", "127.0.0.1:0");
    command.current_dir(folder).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id().to_string();
    let mut said = String::new();
    let watchdog = Command::new("sh")
        .args(["-c", "sleep 30; kill -KILL $0", &id])
        .spawn();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let code = child.wait().unwrap().code();
    let mut watchdog = watchdog.unwrap();
    watchdog.kill().unwrap();
    watchdog.wait().unwrap();
    let lines = said.lines().filter(|line| line.starts_with("ordermill:"));
    (code, lines.collect::<Vec<_>>().join("\n"))
}

fn command(words: &[&str], flags: &[&str]) -> Command {
    let mut command = ordermill();
    command.args(words).args(flags);
    command
}

#[test]
fn what_serve_refuses_is_refused_by_config_check_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (name, text) in [
        ("file", "no folder"),
        ("empty.pem", ""),
        ("broken.toml", "[store\n"),
        ("unknown.toml", "[store]\nqeue = 1\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let http = ["handler.kind=http", "handler.url=http://localhost/x"];
    let https = "handler.url=https://localhost/x";
    let postgres = |dsn: &str| {
        vec![
            "store.kind=postgres".to_owned(),
            format!("store.shards=[\"{dsn}\"]"),
        ]
    };
    let sets = |sets: &[&str]| -> Vec<String> { sets.iter().map(|&set| set.to_owned()).collect() };
    let verified = "postgres://u:s3cret@h/db?sslmode=verify-full&sslrootcert=";
    for (settings, named) in [
        // The handler.
        (
            sets(&["handler.kind=http", "handler.url=http://"]),
            "handler.url",
        ),
        (
            sets(&["handler.kind=http", "handler.url=ftp://h/x"]),
            "handler.url",
        ),
        (
            sets(&["handler.kind=http", "handler.url=localhost"]),
            "handler.url",
        ),
        (
            sets(&[http[0], http[1], "handler.secret=s3cret"]),
            "handler.secret",
        ),
        (
            sets(&[http[0], http[1], "handler.secret=whsec_s3cret"]),
            "handler.secret",
        ),
        (
            sets(&[http[0], http[1], "handler.secret=whsec_s3cret,whsec_s3cret"]),
            "handler.secret",
        ),
        (
            sets(&[http[0], http[1], "handler.headers=Webhook-Id: s3cret"]),
            "webhook-id",
        ),
        (
            sets(&[http[0], http[1], "handler.headers=[\"s3cret\"]"]),
            "handler.headers",
        ),
        (
            sets(&[http[0], http[1], "handler.connect_timeout=0s"]),
            "handler.connect_timeout",
        ),
        (
            vec![
                http[0].to_owned(),
                https.to_owned(),
                format!("handler.ca_file={}", path("empty.pem")),
            ],
            "empty.pem",
        ),
        (
            vec![
                http[0].to_owned(),
                https.to_owned(),
                format!("handler.ca_file={}", path("nowhere.pem")),
            ],
            "handler.ca_file",
        ),
        (
            sets(&[http[0], https, "handler.client_cert=client.pem"]),
            "handler.client_key",
        ),
        (
            sets(&[http[0], https, "handler.client_key=client.key"]),
            "handler.client_cert",
        ),
        (
            sets(&[
                http[0],
                https,
                "handler.client_cert=nowhere.pem",
                "handler.client_key=client.key",
            ]),
            "nowhere.pem",
        ),
        (
            sets(&[http[0], http[1], "handler.ca_file=empty.pem"]),
            "https://",
        ),
        (sets(&["handler.headers=X-A: s3cret"]), "handler.headers"),
        // Addresses of shards, and the files that they name.
        (sets(&["store.notify=false"]), "store.notify"),
        (postgres("s3cret"), "store.shards"),
        (postgres(""), "store.shards"),
        (postgres("postgres://u:s3cret@h:port/db"), "store.shards"),
        (
            postgres("postgres://u:s3cret@h/db?sslmode=sometimes"),
            "store.shards",
        ),
        (
            postgres("postgres://u:s3cret@h/db?colour=red"),
            "store.shards",
        ),
        (
            postgres("host=a,b port=1,2,3 password=s3cret"),
            "store.shards",
        ),
        (postgres("user=u password=s3cret"), "store.shards"),
        (
            postgres(&format!("{verified}{}", path("nowhere.pem"))),
            "nowhere.pem",
        ),
        (
            postgres(&format!("{verified}{}", path("empty.pem"))),
            "sslrootcert",
        ),
        // Folders.
        (
            vec![format!("store.data_dir={}", path("file"))],
            "store.data_dir",
        ),
        (
            vec![format!("store.data_dir={}", path("file/below"))],
            "store.data_dir",
        ),
        (
            vec![
                "receipts.store=folder".to_owned(),
                format!("receipts.folder={}", path("file")),
            ],
            "receipts.folder",
        ),
        // Settings by themselves and together.
        (sets(&["http.addr=here"]), "http.addr"),
        (sets(&["http.addr=0.0.0.0:0"]), "auth.mode"),
        (sets(&["grpc.addr=127.0.0.1:x"]), "grpc.addr"),
        (sets(&["store.queue=many"]), "store.queue"),
        (sets(&["store.qeue=1"]), "store.queue"),
        (sets(&["store.map=letter"]), "store.map"),
        (sets(&["log.level=loud"]), "log.level"),
        (
            sets(&["handler.timeout=9223372036854775807s"]),
            "handler.timeout",
        ),
        (
            sets(&["http.request_timeout=8761h"]),
            "http.request_timeout",
        ),
        (
            sets(&["orders.default_currency=ABC"]),
            "orders.default_currency",
        ),
    ] {
        let flags: Vec<&str> = settings
            .iter()
            .flat_map(|set| ["--set", set.as_str()])
            .chain(["--set", "http.ws_addr="])
            .collect();
        let checked = refusal(&mut command(&["config", "check"], &flags), folder.path());
        assert_eq!(checked.0, Some(78), "{settings:?}: {}", checked.1);
        assert!(checked.1.contains(named), "{settings:?}: {}", checked.1);
        assert!(!checked.1.contains("s3cret"), "{settings:?}: {}", checked.1);
        assert_eq!(checked.1.lines().count(), 1, "{settings:?}: {}", checked.1);
        let served = refusal(&mut command(&["serve"], &flags), folder.path());
        assert_eq!(served, checked, "{settings:?}");
    }
    for file in ["nowhere.toml", "broken.toml", "unknown.toml", "."] {
        let flags = ["--config", file];
        let checked = refusal(&mut command(&["config", "check"], &flags), folder.path());
        assert_eq!(checked.0, Some(78), "{file}: {}", checked.1);
        let served = refusal(&mut command(&["serve"], &flags), folder.path());
        assert_eq!(served, checked, "{file}");
    }
    // Nothing was made while all of that was refused.
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort_unstable();
    assert_eq!(left, ["broken.toml", "empty.pem", "file", "unknown.toml"]);
}

#[test]
fn both_name_all_faults_at_once_also_those_of_the_environment_and_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "no folder").unwrap();
    let limited = |words: &[&str]| {
        let mut command = Command::new("sh");
        let script = "ulimit -Sn 128; ulimit -Hn 900; exec \"$0\" \"$@\"";
        command.args(["-c", script, ORDERMILL]).args(words);
        command.args(["--set", "http.max_connections=5000"]);
        command.args(["--set", "handler.kind=http", "--set", "handler.url=http://"]);
        command.env("ORDERMILL__STORE__DATA_DIR", "file");
        refusal(&mut command, folder.path())
    };
    let checked = limited(&["config", "check"]);
    assert_eq!(checked.0, Some(78), "{}", checked.1);
    assert_eq!(checked.1.lines().count(), 3, "{}", checked.1);
    for part in [
        "http.max_connections is too high: 5000",
        "store.data_dir must name a folder: file is a file (ORDERMILL__STORE__DATA_DIR)",
        "handler.url must be an absolute http or https URL",
        "(--set handler.url)",
    ] {
        assert!(checked.1.contains(part), "{part} is not in {}", checked.1);
    }
    assert_eq!(limited(&["serve"]), checked);
    // A file of the defaults states every value and asks for nothing: what does not fit is lowered.
    let defaults = command(&["config", "default"], &[]).output().unwrap();
    fs::write(folder.path().join("defaults.toml"), defaults.stdout).unwrap();
    let mut stated = Command::new("sh");
    let script = "ulimit -Sn 128; ulimit -Hn 900; exec \"$0\" config check --config defaults.toml";
    stated.args(["-c", script, ORDERMILL]);
    assert_eq!(
        refusal(&mut stated, folder.path()),
        (Some(0), String::new())
    );
    // The environment of a replaced system is checked in the same way.
    let alias = |words: &[&str]| {
        let mut command = command(words, &[]);
        command.env("PG_SHARD1_DSN", "no address");
        refusal(&mut command, folder.path())
    };
    let checked = alias(&["config", "check"]);
    assert_eq!(checked.0, Some(78), "{}", checked.1);
    assert!(checked.1.contains("PG_SHARD1_DSN"), "{}", checked.1);
    assert_eq!(alias(&["serve"]), checked);
}

#[test]
fn a_migration_refuses_a_store_that_cannot_be_opened_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        "--set",
        "store.kind=postgres",
        "--set",
        "store.shards=[\"no address\"]",
    ];
    let checked = refusal(&mut command(&["config", "check"], &flags), folder.path());
    assert_eq!(checked.0, Some(78), "{}", checked.1);
    let migrated = refusal(&mut command(&["migrate"], &flags), folder.path());
    assert_eq!(migrated, checked);
}

#[test]
fn a_configuration_that_is_good_is_said_to_be_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(
        &["config", "check"],
        &[
            "--set",
            "handler.kind=http",
            "--set",
            "handler.url=https://example.com/orders",
            "--set",
            "handler.secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "--set",
            "receipts.store=folder",
            "--set",
            "receipts.folder=made/receipts",
        ],
    );
    let output = command.current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "configuration: good\n"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn secrets_and_headers_are_taken_from_a_file_or_from_the_environment_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let next = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let one = format!("[handler]\nsecret = \"{secret}\"\nheaders = [\"X-Api-Key: s3cret\"]\n");
    let two = format!("[handler]\nsecret = [\"{secret}\", \"{next}\"]\n");
    fs::write(folder.path().join("one.toml"), one).unwrap();
    fs::write(folder.path().join("two.toml"), two).unwrap();
    fs::write(
        folder.path().join("none.toml"),
        "[handler]\nsecret = \"\"\n",
    )
    .unwrap();
    let both = format!("{secret},{next}");
    for (file, environment, shown) in [
        ("none.toml", None, "handler.secret = \"\""),
        ("one.toml", None, "handler.secret = \"(hidden)\""),
        (
            "one.toml",
            None,
            "handler.headers = [\"X-Api-Key: (hidden)\"]",
        ),
        (
            "two.toml",
            None,
            "handler.secret = [\"(hidden)\", \"(hidden)\"]",
        ),
        (
            "none.toml",
            Some(("ORDERMILL__HANDLER__SECRET", both.as_str())),
            "handler.secret = [\"(hidden)\", \"(hidden)\"]",
        ),
        (
            "none.toml",
            Some((
                "ORDERMILL__HANDLER__HEADERS",
                "[\"X-A: s3cret, s3cret\", \"X-B: s3cret\"]",
            )),
            "handler.headers = [\"X-A: (hidden)\", \"X-B: (hidden)\"]",
        ),
    ] {
        for words in [["config", "show"], ["config", "check"]] {
            let mut command = command(&words, &["--config", file]);
            command.args(["--set", "handler.kind=http"]);
            command.args(["--set", "handler.url=https://example.com/orders"]);
            command.envs(environment).current_dir(folder.path());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{file}: {output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            if words[1] == "show" {
                assert!(text.contains(shown), "{file}: {shown} is not in\n{text}");
            }
            for hidden in ["s3cret", "MfKQ", "C2FV"] {
                assert!(!text.contains(hidden), "{file}: {text}");
            }
        }
    }
}
