//! What `import` checks before and while it sends: expectations, dry runs that count as real ones, orders with other
//! content than those that are there, and rows that are apart.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::server::{Server, ordermill, repository, run};

const MAPPING: &str = "currency = \"USD\"\n[order]\nexternal_id = \"no\"\nuser_id = \"user\"\namount = \"amount\"\n[line]\n\
    product_name = \"name\"\nquantity = \"qty\"\nunit_price = \"price\"\n";
const HEADING: &str = "no,user,amount,name,qty,price\n";

/// A server, and a folder for files.
struct Shop {
    folder: tempfile::TempDir,
    server: Server,
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = [
            "--http-addr",
            "127.0.0.1:0",
            "--ws-addr",
            "",
            "--set",
            "worker.enabled=false",
        ];
        let server = Server::start_with(&folder.path().join("data"), &flags);
        Self { folder, server }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn arguments(&self, mapping: &Path, more: &[&str]) -> Vec<String> {
        let report = self.folder.path().join("report.csv");
        let always = [
            "import",
            "--url",
            &self.server.url,
            "--mapping",
            mapping.to_str().unwrap(),
            "--report",
            report.to_str().unwrap(),
        ];
        always
            .iter()
            .chain(more)
            .map(|argument| (*argument).to_owned())
            .collect()
    }

    /// Imports; exit code, standard output, standard error.
    fn import(&self, mapping: &Path, more: &[&str]) -> (i32, String, String) {
        let arguments = self.arguments(mapping, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = run(&arguments);
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    fn summary(&self, mapping: &Path, more: &[&str]) -> (i32, Value) {
        let (code, out, said) = self.import(mapping, &[&["--json"], more].concat());
        let summary = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{said}"));
        (code, summary)
    }

    fn orders(&self) -> Vec<Value> {
        let lines = self.server.ok(&["export"]);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn report(&self) -> String {
        fs::read_to_string(self.folder.path().join("report.csv")).unwrap()
    }
}

fn counts(summary: &Value) -> [u64; 3] {
    ["accepted", "existing", "refused"].map(|name| summary[name].as_u64().unwrap())
}

#[test]
fn an_import_of_other_orders_than_expected_stops_before_anything_is_sent() {
    let shop = Shop::open();
    let file = shop.write(
        "a.csv",
        &format!("{HEADING}1,u,2.00,p,2,1.00\n2,u,3.00,p,1,3.00\n"),
    );
    let path = file.to_str().unwrap();
    let wrong = shop.write(
        "wrong.toml",
        &format!("expect = {{ orders = 2, sum = \"6.00\" }}\n{MAPPING}"),
    );
    for more in [&[path][..], &["--dry-run", path]] {
        let (code, _, said) = shop.import(&wrong, more);
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains("a sum of USD 6.00 is expected, and it is 5.00"),
            "{said}"
        );
    }
    assert!(shop.orders().is_empty());
    let right = shop.write(
        "right.toml",
        &format!("expect = {{ orders = 2, sum = \"5.00\" }}\n{MAPPING}"),
    );
    for counted in [[2, 0, 0], [0, 2, 0]] {
        let (code, summary) = shop.summary(&right, &[path]);
        assert_eq!((code, counts(&summary)), (0, counted));
    }
}

#[test]
fn a_dry_run_counts_as_the_real_one_and_shows_orders_and_sums() {
    let shop = Shop::open();
    let mapping = shop.write("mapping.toml", MAPPING);
    let first = shop.write(
        "a.csv",
        &format!("{HEADING}1,u,2.00,p,2,1.00\n2,u,3.00,p,1,3.00\n3,u,,p,1,1.00\n4,u,,p,1,1.00\n3,u,,q,1,1.00\n"),
    );
    let second = shop.write(
        "b.csv",
        &format!("{HEADING}2,u,3.00,p,1,3.00\n5,u,1.00,p,1,9.00\n1,u,2.00,p,1,2.00\n"),
    );
    let files = [first.to_str().unwrap(), second.to_str().unwrap()];
    let (code, dry) = shop.summary(&mapping, &[&["--dry-run"], &files[..]].concat());
    assert!(shop.orders().is_empty());
    let (real_code, real) = shop.summary(&mapping, &files);
    // 1 is in both files with other rows, 3 is apart, 5 has a wrong amount; 2 is in both files with the same row.
    assert_eq!((code, counts(&dry)), (3, [2, 1, 3]), "{}", shop.report());
    assert_eq!((real_code, counts(&real)), (3, [2, 1, 3]));
    assert_eq!(dry["currencies"], real["currencies"]);
    assert_eq!(shop.orders().len(), 2);

    let (_, out, _) = shop.import(
        &mapping,
        &[&["--dry-run", "--show", "1"], &files[..]].concat(),
    );
    let shown = "2: USD 3.00, user u, source import, new\n  p  1 x 3.00 = 3.00\nDry run, nothing was sent: 8 rows";
    assert!(out.starts_with(shown), "{out}");
    assert!(
        out.contains("USD 7.00 in 3 orders, the largest 3.00 (2), 3.00 (2), 1.00 (4)"),
        "{out}"
    );
}

#[test]
fn an_order_with_other_content_than_the_one_that_is_there_is_refused_with_the_fields_that_differ() {
    let shop = Shop::open();
    let mapping = shop.write("mapping.toml", MAPPING);
    let file = shop.write("a.csv", &format!("{HEADING}1,u,2.00,p,2,1.00\n"));
    let path = file.to_str().unwrap();
    assert_eq!(counts(&shop.summary(&mapping, &[path]).1), [1, 0, 0]);
    fs::write(
        &file,
        format!("{HEADING}1,u,3.00,p,3,1.00\n2,u,1.00,p,1,1.00\n"),
    )
    .unwrap();
    let (code, summary) = shop.summary(&mapping, &[path]);
    assert_eq!((code, counts(&summary)), (3, [1, 0, 1]));
    let report = shop.report();
    for columns in [",2,amount,1,differs,", ",2,name|qty|price,1,differs,"] {
        assert!(report.contains(columns), "{report}");
    }
    assert_eq!(shop.orders().len(), 2);
}

#[test]
fn rows_from_anywhere_and_from_a_pipe_come_in_whole() {
    let shop = Shop::open();
    let mapping = shop.write(
        "mapping.toml",
        &format!("rows = \"anywhere\"\n{MAPPING}").replace("amount = \"amount\"\n", ""),
    );
    let rows =
        fs::read_to_string(repository("crates/order-import/tests/cases/rows_apart.csv")).unwrap();
    let arguments = shop.arguments(&mapping, &["--json", "-"]);
    let mut importer = ordermill()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    importer
        .stdin
        .take()
        .unwrap()
        .write_all(rows.as_bytes())
        .unwrap();
    let output = importer.wait_with_output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), counts(&summary)),
        (Some(0), [4, 0, 0])
    );
    let mut lines: Vec<(String, usize)> = shop
        .orders()
        .iter()
        .map(|order| {
            let number = order["external_id"].as_str().unwrap().to_owned();
            (number, order["lines"].as_array().unwrap().len())
        })
        .collect();
    lines.sort();
    let expected = [("O1", 2), ("O2", 1), ("O3", 2), ("O4", 1)];
    assert_eq!(
        lines,
        expected.map(|(number, count)| (number.to_owned(), count))
    );
}

#[test]
fn every_fault_of_a_mapping_and_of_its_flags_is_exit_78() {
    let shop = Shop::open();
    let file = shop.write("a.csv", HEADING);
    let path = file.to_str().unwrap();
    let bad = shop.write(
        "bad.toml",
        &MAPPING
            .replace("USD", "USX")
            .replace("quantity", "quantitty"),
    );
    let (code, _, said) = shop.import(&bad, &[path]);
    assert_eq!(code, 78);
    assert!(
        said.contains("bad.toml:1: currency") && said.contains("did you mean quantity?"),
        "{said}"
    );
    let timeless = shop.write("timeless.toml", MAPPING);
    let (code, _, said) = shop.import(&timeless, &["--as", "processed", path]);
    assert_eq!(code, 78);
    assert!(said.contains("order.created_at"), "{said}");
    let status = "[status]\ncolumn = \"name\"\nmap = { a = \"pending\" }\n";
    let decided = shop.write("decided.toml", &format!("{MAPPING}{status}"));
    let (code, _, said) = shop.import(&decided, &["--as", "pending", path]);
    assert_eq!(code, 78);
    assert!(said.contains("[status]"), "{said}");
}
