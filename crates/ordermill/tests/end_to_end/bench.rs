//! `ordermill bench`, in small: every figure that docs/PERFORMANCE.md shows is measured, with its ratio if there is one. No
//! test judges the figures themselves: this build is not optimised, and the machine runs other tests. A usual run measures
//! start and fan-out, which takes seconds; `ORDERMILL_LONG=1` measures everything.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::fault::parts::Postgres;
use crate::server::ORDERMILL;

/// One load at a time is enough for a machine that runs other tests.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What stands beside a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// Nothing that is promised.
    Nothing,
    /// The latency's percentiles.
    Percentiles,
    /// A ratio to another row.
    Ratio,
    /// Both.
    RatioAndPercentiles,
}
use Beside::{Nothing, Percentiles, Ratio, RatioAndPercentiles};

/// The report of a run.
struct Report {
    rows: Vec<Value>,
}

impl Report {
    fn of(output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
        assert!(report["cores"].as_u64().unwrap() > 0);
        let busy = report["busy_before"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&busy), "{busy}");
        Self {
            rows: report["rows"].as_array().unwrap().clone(),
        }
    }

    /// The figure of a row that is there once, whole.
    fn has(&self, work: &str, unit: &str, beside: Beside) -> f64 {
        let value = self.measured(work, unit, beside);
        assert!(value > 0.0, "{work}: {value}");
        value
    }

    fn measured(&self, work: &str, unit: &str, beside: Beside) -> f64 {
        let named: Vec<&Value> = self.rows.iter().filter(|row| row["work"] == work).collect();
        let [row] = named[..] else {
            panic!("{work} is there {} times in {:#?}", named.len(), self.rows);
        };
        assert_eq!(row["unit"], unit, "{row}");
        let has_ratio = matches!(beside, Ratio | RatioAndPercentiles);
        assert_eq!(row["ratio"].is_null(), !has_ratio, "{row}");
        if has_ratio {
            assert!(number(&row["ratio"]) > 0.0, "{row}");
        }
        if matches!(beside, Percentiles | RatioAndPercentiles) {
            let note = row["note"].as_str().unwrap();
            let p99 = note.split_once("p99 ").unwrap_or_else(|| panic!("{row}")).1;
            let p99 = p99.split(' ').next().unwrap();
            assert!(p99.parse::<f64>().unwrap().is_finite(), "{row}");
        }
        number(&row["value"])
    }
}

/// JSON has no NaN and no infinity: either would be null here.
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no finite number"))
}

/// Runs the benchmark, small. All that it starts ends with it: they are one process group.
fn bench(more: &[&str]) -> Report {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = tempfile::tempdir().unwrap();
    let output = Command::new("timeout")
        .args(["--kill-after=10", "600", ORDERMILL, "bench"])
        .args(["--busy-machine", "--json", "--rounds", "1", "--scratch"])
        .arg(scratch.path())
        .args(more)
        .output()
        .unwrap();
    Report::of(&output)
}

/// What of the benchmark takes longer than seconds is measured with `ORDERMILL_LONG=1` alone.
fn is_long() -> bool {
    std::env::var_os("ORDERMILL_LONG").is_some_and(|value| value == "1")
}

/// Intake in rows that are there once, with the ratios that are promised; orders a second at 256 connections.
fn assert_intake(report: &Report) -> f64 {
    let mut durable = 0.0;
    for connections in [1, 64, 256] {
        let of = |what: &str| format!("{what}, {connections} connections");
        report.has(&of("ceiling: no store"), "orders/s", Percentiles);
        let intake = of("SQLite durable intake");
        durable = report.has(&intake, "orders/s", RatioAndPercentiles);
        let keyed = of("the same with key + external id");
        report.has(&keyed, "orders/s", RatioAndPercentiles);
    }
    durable
}

#[test]
fn start_and_fan_out_are_measured_within_seconds() {
    let report = bench(&["--only", "start,fan-out", "--sockets", "20"]);
    report.has("ready after exec", "ms", Nothing);
    report.has("idle memory", "MiB", Nothing);
    report.has("WebSocket fan-out", "messages/s", Nothing);
    // So few sockets may fit into memory that the server has already.
    let memory = report.measured("memory a WebSocket", "KiB", Nothing);
    assert!(memory >= 0.0, "{memory}");
}

#[test]
fn whole_lives_are_measured_at_both_rates_and_as_fast_as_it_goes() {
    if !is_long() {
        return;
    }
    let report = bench(&["--only", "intake,life", "--rate", "200"]);
    let half = (assert_intake(&report) / 2.0).floor();
    for rate in ["200".to_owned(), half.to_string()] {
        for what in [
            "the disk alone, two flushes in a row",
            "created -> processed -> pushed",
        ] {
            let work = format!("{what}, open loop at {rate}/s");
            report.has(&work, "ms (p99)", Percentiles);
        }
    }
    let work = "whole life, as fast as it goes, 64 connections";
    report.has(work, "orders/s", Ratio);
}

#[test]
fn dialects_and_grpc_are_measured_against_their_likes() {
    if !is_long() {
        return;
    }
    let report = bench(&["--only", "dialects,grpc"]);
    for dialect in ["orderflow", "orderSystem", "Order System"] {
        let ours = format!("/v1 with the order of {dialect}, 64 connections");
        report.has(&ours, "orders/s", Percentiles);
        let theirs = format!("POST of {dialect} against it, 64 connections");
        report.has(&theirs, "orders/s", RatioAndPercentiles);
    }
    for callers in [64, 256] {
        let kind = format!("CreateOrder, {callers} callers on 8 connections");
        report.has(&format!("gRPC ceiling: {kind}"), "orders/s", Percentiles);
        report.has(&format!("gRPC {kind}"), "orders/s", RatioAndPercentiles);
    }
    report.has("gRPC ceiling: IntakeOrders, 4 streams", "orders/s", Nothing);
    report.has("gRPC IntakeOrders, 4 streams", "orders/s", Ratio);
}

#[test]
fn reads_and_a_large_store_are_measured() {
    if !is_long() {
        return;
    }
    let sizes = ["--orders", "2000", "--large", "2000"];
    let report = bench(&[&["--only", "reads"][..], &sizes].concat());
    for connections in [1, 64] {
        let of = |what: &str| format!("{what}, 2000 orders, {connections} connections");
        report.has(&of("read by id"), "reads/s", Percentiles);
        report.has(&of("list by user"), "lists/s", Percentiles);
    }
    for what in ["intake", "read by id", "list by user"] {
        let work = format!("{what} with 2000 orders, 16 connections");
        report.has(&work, "ms (p99)", RatioAndPercentiles);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_is_measured_against_pgbench() {
    if !is_long() {
        return;
    }
    let postgres = Postgres::start().await;
    let dsn = postgres.dsn.clone();
    let bench = move || bench(&["--only", "start", "--postgres", &dsn]);
    let report = tokio::task::spawn_blocking(bench).await.unwrap();
    let plain = "pgbench, the same rows, 64 clients";
    report.has(plain, "orders/s", Nothing);
    for connections in [64, 256] {
        let work = format!("PostgreSQL durable intake, {connections} connections");
        report.has(&work, "orders/s", RatioAndPercentiles);
    }
}
