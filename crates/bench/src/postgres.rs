//! Intake over HTTP on PostgreSQL, against pgbench writing the same rows to the same server in the same run.

use std::process::Stdio;

use tokio::process::Command;

use super::error::{BenchError, Doing as _, Result};
use super::report::{median, median_ratio};
use super::server::Server;
use super::{Bench, closed_loop, intake, serve_arguments};

/// What pgbench does over and over.
const ONE_ORDER: &str = include_str!("one_order.pgbench.sql");

/// Measures on databases of its own on the server at `dsn`, and drops them.
pub(super) async fn measure(bench: &mut Bench, dsn: &str) -> Result<()> {
    let [ours, theirs] =
        ["ordermill_bench", "ordermill_bench_plain"].map(|name| with_database(dsn, name));
    for database in ["ordermill_bench", "ordermill_bench_plain"] {
        psql(
            dsn,
            &format!("drop database if exists {database} with (force)"),
        )
        .await?;
        psql(dsn, &format!("create database {database}")).await?;
    }
    // A start makes the tables; pgbench then has a database of its own with the very same ones.
    Server::start(&on_postgres(&theirs)).await?.stop().await?;
    psql(&theirs, "create sequence plain_seq").await?;
    let (mut plain, mut intakes_64, mut intakes_256) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.arguments.rounds {
        let server = Server::start(&on_postgres(&ours)).await?;
        intakes_64.push(
            closed_loop::run(
                &server.address,
                64,
                bench.span(),
                201,
                intake::requests(false),
            )
            .await?,
        );
        intakes_256.push(
            closed_loop::run(
                &server.address,
                256,
                bench.span(),
                201,
                intake::requests(false),
            )
            .await?,
        );
        server.stop().await?;
        plain.push(pgbench(bench, &theirs).await?);
    }
    for database in ["ordermill_bench", "ordermill_bench_plain"] {
        psql(dsn, &format!("drop database {database} with (force)")).await?;
    }
    bench.add(
        "pgbench, the same rows, 64 clients",
        median(plain.clone()),
        "orders/s",
        None,
        "one transaction an order, prepared".to_owned(),
    );
    for (connections, loads) in [(64, intakes_64), (256, intakes_256)] {
        let rate = intake::middle(&loads);
        let work = format!("PostgreSQL durable intake, {connections} connections");
        bench.add(
            work,
            rate,
            "orders/s",
            Some(median_ratio(&intake::rates(&loads), &plain)),
            format!("against pgbench; {}", intake::percentiles(&loads)),
        );
    }
    Ok(())
}

/// Arguments of a server on one database, without workers.
fn on_postgres(dsn: &str) -> Vec<String> {
    serve_arguments(
        &[
            "--set",
            "store.kind=postgres",
            "--set",
            &format!("store.shards=[\"{dsn}\"]"),
        ],
        false,
    )
}

/// Transactions a second of pgbench's own clients.
async fn pgbench(bench: &Bench, dsn: &str) -> Result<f64> {
    let script = bench.scratch.path().join("one_order.sql");
    tokio::fs::write(&script, ONE_ORDER).await?;
    let output = Command::new(postgres_program("pgbench"))
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--client=64",
            "--jobs=2",
            "--file",
        ])
        .arg(&script)
        // It takes whole seconds.
        .arg(format!("--time={}", bench.arguments.seconds.as_secs().max(1)))
        .arg(dsn)
        .stdin(Stdio::null())
        .output()
        .await
        .doing(|| "running pgbench (Debian package postgresql)".to_owned())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| {
        line.strip_prefix("tps = ")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    rate.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        BenchError::unexpected(format!("pgbench gave no rate: {text}{errors}"))
    })
}

async fn psql(dsn: &str, statement: &str) -> Result<()> {
    let output = Command::new(postgres_program("psql"))
        .args(["--no-psqlrc", "--quiet", "--command", statement, dsn])
        .stdin(Stdio::null())
        .output()
        .await
        .doing(|| "running psql (Debian package postgresql)".to_owned())?;
    if !output.status.success() {
        return Err(BenchError::unexpected(format!(
            "psql failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    Ok(())
}

/// Debian keeps pgbench beside the server, outside the path.
fn postgres_program(name: &str) -> std::path::PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let found = versions
        .map(|version| version.path().join("bin").join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| name.into())
}

/// The same server, another database.
fn with_database(dsn: &str, database: &str) -> String {
    let (base, query) = dsn
        .split_once('?')
        .map_or((dsn, None), |(base, query)| (base, Some(query)));
    let server = base
        .rfind('/')
        .filter(|at| base[..*at].contains("//") && !base[..*at].ends_with('/'))
        .map_or(base, |at| &base[..at]);
    query.map_or_else(
        || format!("{server}/{database}"),
        |query| format!("{server}/{database}?{query}"),
    )
}
