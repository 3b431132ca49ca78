//! Whole lives: created, worked off, pushed.

use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::connection::{Connection, find, get};
use super::error::{BenchError, Result};
use super::open_loop::{self, OpenLoad};
use super::report::{median, median_ratio};
use super::server::Server;
use super::{Bench, closed_loop, disk, intake};

/// Measures latencies at fixed rates, and the rate of whole lives as fast as it goes.
pub(super) async fn measure(bench: &mut Bench, intake_per_second: Option<f64>) -> Result<()> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate of orders is a small number"
    )]
    let half = intake_per_second.map(|rate| (rate / 2.0) as u64);
    for per_second in [Some(bench.arguments.rate), half].into_iter().flatten() {
        at_a_fixed_rate(bench, per_second).await?;
    }
    as_fast_as_it_goes(bench).await
}

/// Latencies from the intended send time to the push of PROCESSED, in turn with what the disk alone takes.
async fn at_a_fixed_rate(bench: &mut Bench, per_second: u64) -> Result<()> {
    let (mut disk_alone, mut pushes) = (Vec::new(), Vec::new());
    // Long enough for a batch of the index to be written meanwhile.
    let measured = bench.arguments.seconds.max(Duration::from_secs(5));
    for _ in 0..bench.arguments.rounds {
        let folder = bench.scratch.path().to_owned();
        let flushes = move || disk::two_flushes(&folder, per_second, measured);
        disk_alone.push(tokio::task::spawn_blocking(flushes).await??);
        let server = Server::start(&bench.fresh_store(true)).await?;
        let load = OpenLoad {
            address: &server.address,
            per_second,
            warm_up: Duration::from_secs(2),
            measured,
        };
        pushes.push(open_loop::run(load, intake::requests(false)).await?);
        server.stop().await?;
    }
    for (work, turns) in [
        ("the disk alone, two flushes in a row", disk_alone),
        ("created -> processed -> pushed", pushes),
    ] {
        let turns = Turns::of(turns);
        bench.add(
            format!("{work}, open loop at {per_second}/s"),
            turns.middle_p99(),
            "ms (p99)",
            None,
            turns.note(),
        );
    }
    Ok(())
}

/// Latencies of some turns of one load, the best turn first.
struct Turns(Vec<Histogram<u64>>);

impl Turns {
    fn of(mut turns: Vec<Histogram<u64>>) -> Self {
        turns.sort_by_key(|turn| turn.value_at_quantile(0.99));
        Self(turns)
    }

    fn p99(&self, turn: usize) -> f64 {
        let micros = self.0.get(turn).map(|turn| turn.value_at_quantile(0.99));
        #[expect(
            clippy::cast_precision_loss,
            reason = "latencies are far below 2^52 microseconds"
        )]
        micros.map_or(f64::NAN, |micros| micros as f64 / 1000.0)
    }

    fn middle_p99(&self) -> f64 {
        self.p99(self.0.len() / 2)
    }

    /// The percentiles of the turn in the middle, and what the best and the worst turn had.
    fn note(&self) -> String {
        let middle = self.0.get(self.0.len() / 2).map(intake::quantiles);
        format!(
            "{}; turns {:.2} to {:.2} ms",
            middle.unwrap_or_default(),
            self.p99(0),
            self.p99(self.0.len().saturating_sub(1)),
        )
    }
}

/// Whole lives a second at 64 connections: orders sent, over the time until the last of them is PROCESSED.
async fn as_fast_as_it_goes(bench: &mut Bench) -> Result<()> {
    let mut lives = Vec::new();
    let mut intakes = Vec::new();
    for _ in 0..bench.arguments.rounds {
        let server = Server::start(&bench.fresh_store(false)).await?;
        intakes.push(
            closed_loop::run(
                &server.address,
                64,
                bench.span(),
                201,
                intake::requests(false),
            )
            .await?,
        );
        server.stop().await?;
        let server = Server::start(&bench.fresh_store(true)).await?;
        let begin = Instant::now();
        closed_loop::run(
            &server.address,
            64,
            bench.span(),
            201,
            intake::requests(false),
        )
        .await?;
        let orders = drained(&server.address).await?;
        lives.push(orders / begin.elapsed().as_secs_f64());
        server.stop().await?;
    }
    bench.add(
        "whole life, as fast as it goes, 64 connections",
        median(lives.clone()),
        "orders/s",
        Some(median_ratio(&lives, &intake::rates(&intakes))),
        "against intake alone".to_owned(),
    );
    Ok(())
}

/// Waits until nothing is in flight; returns how many orders were processed.
async fn drained(address: &str) -> Result<f64> {
    let mut connection = Connection::open(address).await?;
    let limit = Instant::now() + Duration::from_secs(120);
    loop {
        let stats = connection.exchange(&get("/v1/stats")).await?.body.to_vec();
        let (in_flight, processed) = (
            number(&stats, b"\"in_flight\":")?,
            number(&stats, b"\"processed\":")?,
        );
        if in_flight == 0.0 {
            return Ok(processed);
        }
        if Instant::now() > limit {
            return Err(BenchError::unexpected(format!(
                "{in_flight} orders are still in flight after two minutes"
            )));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn number(json: &[u8], name: &[u8]) -> Result<f64> {
    let Some(at) = find(json, name) else {
        return Err(BenchError::unexpected(format!(
            "no {} in the stats",
            String::from_utf8_lossy(name)
        )));
    };
    let digits: Vec<u8> = json[at + name.len()..]
        .iter()
        .copied()
        .take_while(u8::is_ascii_digit)
        .collect();
    Ok(String::from_utf8(digits)?.parse()?)
}
