//! `import` of eight days of a real shop, checked against a reading of the files that shares nothing with the importer:
//! orders, lines, pence and users agree, twice is once, and a kill of either side loses and doubles nothing.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::eight_days::{Expected, Name, days, expected, expected_of, pence};
use crate::server::{Server, free_port, ordermill, repository, run, wait_until};

fn exported(server: &Server) -> Vec<Value> {
    server
        .ok(&["export"])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The store against the files: each order once, with its lines and pence, and nothing else.
fn assert_store_agrees(server: &Server, expected: &Expected) {
    let mut stored = BTreeMap::new();
    for order in exported(server) {
        let name = (
            order["user_id"].as_str().unwrap().to_owned(),
            order["external_id"].as_str().unwrap().to_owned(),
        );
        let lines = order["lines"].as_array().unwrap().len();
        let amount = pence(&order["amount"].to_string()).unwrap();
        assert_eq!(order["currency"], "GBP");
        assert!(
            stored.insert(name.clone(), (lines, amount)).is_none(),
            "{name:?} is there twice"
        );
    }
    assert_eq!(stored.len(), expected.taken.len());
    assert_eq!(stored, expected.taken);
    let sum = |orders: &BTreeMap<Name, (usize, u64)>| {
        orders.values().map(|(_, pence)| pence).sum::<u64>()
    };
    let users = |orders: &BTreeMap<Name, (usize, u64)>| {
        orders
            .keys()
            .map(|(user, _)| user.clone())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(sum(&stored), sum(&expected.taken));
    assert_eq!(users(&stored), users(&expected.taken));
    let stats = accepted(server);
    assert_eq!(stats, expected.taken.len());
}

fn assert_report_agrees(report: &Path, expected: &Expected) {
    let rows: Vec<BTreeMap<String, String>> = csv::Reader::from_path(report)
        .unwrap()
        .deserialize()
        .map(Result::unwrap)
        .collect();
    let orders: BTreeSet<String> = rows.iter().map(|row| row["external_id"].clone()).collect();
    let faulty: BTreeSet<_> = rows
        .iter()
        .map(|row| (row["file"].clone(), row["row"].parse().unwrap()))
        .collect();
    assert_eq!(orders, expected.refused);
    assert_eq!(faulty, expected.faulty_rows);
    assert!(rows.iter().all(
        |row| ["Quantity", "UnitPrice"].contains(&&*row["column"]) && !row["reason"].is_empty()
    ));
}

fn accepted(server: &Server) -> usize {
    // Straight from the server's own counts.
    let mut stream =
        std::net::TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    write!(
        stream,
        "GET /v1/stats HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        server.url.strip_prefix("http://").unwrap()
    )
    .unwrap();
    let text = std::io::read_to_string(stream).unwrap();
    let stats: Value = serde_json::from_str(&text[text.find("\r\n\r\n").unwrap()..]).unwrap();
    usize::try_from(stats["accepted"].as_u64().unwrap()).unwrap()
}

fn import_arguments(url: &str, report: &Path) -> Vec<String> {
    let mapping = repository("examples/online-retail.toml");
    [
        "import",
        "--json",
        "--url",
        url,
        "--mapping",
        mapping.to_str().unwrap(),
        "--report",
        report.to_str().unwrap(),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn import_all(server: &Server, report: &Path, more: &[&str]) -> Value {
    let mut arguments = import_arguments(&server.url, report);
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments.extend(days().iter().map(|day| day.display().to_string()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&arguments);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn count(summary: &Value, name: &str) -> usize {
    usize::try_from(summary[name].as_u64().unwrap()).unwrap()
}

#[test]
fn eight_days_agree_with_the_files_and_a_second_run_takes_nothing_twice() {
    let expected = expected();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let report = folder.path().join("report.csv");
    let first = import_all(&server, &report, &[]);
    assert_eq!(
        (
            count(&first, "accepted"),
            count(&first, "existing"),
            count(&first, "refused")
        ),
        (expected.taken.len(), 0, expected.refused.len())
    );
    assert_store_agrees(&server, &expected);
    assert_report_agrees(&report, &expected);

    let second = import_all(&server, &report, &[]);
    assert_eq!(
        (
            count(&second, "accepted"),
            count(&second, "existing"),
            count(&second, "refused")
        ),
        (0, expected.taken.len(), expected.refused.len())
    );
    assert_store_agrees(&server, &expected);
    assert_report_agrees(&report, &expected);
    wait_until("the work on all orders", || {
        exported(&server)
            .iter()
            .all(|order| order["status"] == "PROCESSED")
    });
}

/// A file with the orders of the eight days several times, each time with other numbers and at most two lines an order: so
/// many batches that an import of it is certainly in the middle when something is killed after the first one.
fn many_orders(folder: &Path) -> (PathBuf, Expected) {
    let mut text = String::new();
    for copy in 0..4 {
        for (index, day) in days().iter().enumerate() {
            let rows = fs::read_to_string(day).unwrap();
            let (heading, rows) = rows.split_once('\n').unwrap();
            if copy == 0 && index == 0 {
                text.push_str(&format!("{heading}\n"));
            }
            let mut last = ("", 0);
            for row in rows.lines() {
                let number = row.split(',').next().unwrap();
                last = (number, if number == last.0 { last.1 + 1 } else { 0 });
                if last.1 < 2 {
                    text.push_str(&format!("{copy}-{row}\n"));
                }
            }
        }
    }
    let path = folder.join("many.csv");
    fs::write(&path, text).unwrap();
    let expected = expected_of(std::slice::from_ref(&path));
    (path, expected)
}

fn start_import(url: &str, report: &Path, file: &Path) -> Child {
    ordermill()
        .args(import_arguments(url, report))
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_server_that_is_killed_in_the_middle_gets_the_rest_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, expected) = many_orders(folder.path());
    let data = folder.path().join("data");
    let addr = format!("127.0.0.1:{}", free_port());
    let flags = ["--http-addr", &*addr, "--ws-addr", ""];
    let mut server = Server::start_with(&data, &flags);
    let importer = start_import(&server.url, &folder.path().join("report.csv"), &file);
    wait_until("the first orders", || accepted(&server) > 0);
    server.kill();
    let server = Server::start_with(&data, &flags);
    assert!(
        accepted(&server) < expected.taken.len(),
        "the kill was in the middle"
    );
    let output = importer.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_store_agrees(&server, &expected);
}

#[test]
fn an_importer_that_is_killed_in_the_middle_completes_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let (file, expected) = many_orders(folder.path());
    let server = Server::start(&folder.path().join("data"));
    let report = folder.path().join("report.csv");
    let mut importer = start_import(&server.url, &report, &file);
    wait_until("the first orders", || accepted(&server) > 0);
    importer.kill().unwrap();
    importer.wait().unwrap();
    let before = accepted(&server);
    assert!(
        before > 0 && before < expected.taken.len(),
        "the kill was in the middle"
    );
    let second = start_import(&server.url, &report, &file);
    let output = second.wait_with_output().unwrap();
    let second: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        count(&second, "accepted") + count(&second, "existing"),
        expected.taken.len()
    );
    assert!(count(&second, "existing") >= before);
    assert_store_agrees(&server, &expected);
}

#[test]
fn ctrl_c_ends_with_the_summary_and_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (file, expected) = many_orders(folder.path());
    let server = Server::start(&folder.path().join("data"));
    let report = folder.path().join("report.csv");
    let mut arguments = import_arguments(&server.url, &report);
    arguments.retain(|argument| argument != "--json");
    let importer = ordermill()
        .args(arguments)
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the first orders", || accepted(&server) > 0);
    interrupt(&importer);
    let output = importer.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(
        text.contains("orders accepted") && text.contains("run the same command again"),
        "{text}"
    );
    let second = start_import(&server.url, &report, &file)
        .wait_with_output()
        .unwrap();
    assert_eq!(second.status.code(), Some(3));
    assert_store_agrees(&server, &expected);
}

fn interrupt(process: &Child) {
    let id = rustix::process::Pid::from_child(process);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
}

#[test]
fn history_keeps_its_time_and_is_processed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(
        &folder.path().join("data"),
        &[
            "--http-addr",
            "127.0.0.1:0",
            "--ws-addr",
            "",
            "--set",
            "worker.enabled=false",
        ],
    );
    let expected = expected();
    import_all(
        &server,
        &folder.path().join("report.csv"),
        &["--as", "processed"],
    );
    assert_store_agrees(&server, &expected);
    let orders = exported(&server);
    assert!(
        orders
            .iter()
            .all(|order| order["status"] == "PROCESSED" && order["receipt_key"].is_string())
    );
    let first = orders
        .iter()
        .find(|order| order["external_id"] == "536365")
        .unwrap();
    assert_eq!(first["created_at"], "2010-12-01T08:26:00.000Z");
}

#[test]
fn every_kind_of_bad_row_is_reported_and_the_others_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let file = folder.path().join("dirty.csv");
    let rows = "\u{feff}InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n\
        1,A,good,1,,1.00,7,UK\r\n\
        2,A,no number,many,,1.00,7,UK\r\n\
        3,A,\"bad\"quotes,1,,1.00,7,UK\r\n\
        4,A,short,1\r\n\
        5,A,good again,1,,2.00,7,UK\r\n\
        1,A,not the same,1,,9.00,7,UK\r\n\
        6,A,cut off,1,,1.0";
    fs::write(&file, rows).unwrap();
    fs::write(folder.path().join("empty.csv"), "").unwrap();
    let report = folder.path().join("report.csv");
    let mut arguments = import_arguments(&server.url, &report);
    arguments.extend([
        file.display().to_string(),
        folder.path().join("empty.csv").display().to_string(),
    ]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("empty.csv is empty"));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (count(&summary, "accepted"), count(&summary, "refused")),
        (1, 5),
        "{summary}"
    );
    let rows: Vec<BTreeMap<String, String>> = csv::Reader::from_path(&report)
        .unwrap()
        .deserialize()
        .map(Result::unwrap)
        .collect();
    let mut found: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {}",
                row["row"], row["external_id"], row["column"], row["code"]
            )
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "2 1 InvoiceNo rows_apart",
            "3 2 Quantity not_a_number",
            "4 3  bad_quotes",
            "5 4  wrong_column_count",
            "7 1 InvoiceNo rows_apart",
            "8 6  wrong_column_count",
        ]
    );
}

#[test]
fn a_mapping_that_is_wrong_stops_the_import_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let mapping = folder.path().join("mapping.toml");
    let good = fs::read_to_string(repository("examples/online-retail.toml")).unwrap();
    let day = days()[0].display().to_string();
    let import = |text: String| {
        fs::write(&mapping, text).unwrap();
        let output = run(&[
            "import",
            "--url",
            "http://127.0.0.1:9",
            "--mapping",
            mapping.to_str().unwrap(),
            &day,
        ]);
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, text) = import(good.replace("unit_price", "unit_prize"));
    assert_eq!(code, Some(78));
    assert!(text.contains("did you mean unit_price?"), "{text}");
    let (code, text) = import(good.replace("\"Quantity\"", "\"Quantitiy\""));
    assert_eq!(code, Some(1));
    assert!(
        text.contains("has no column \"Quantitiy\"; did you mean \"Quantity\""),
        "{text}"
    );
}
