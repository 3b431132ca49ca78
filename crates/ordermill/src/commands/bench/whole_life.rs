//! Whole lives: created, worked off, pushed.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

use super::connection::{Connection, find, get};
use super::open_loop::{self, OpenLoad};
use super::report::{median, median_ratio};
use super::server::Server;
use super::{Bench, closed_loop, intake};

/// Measures latencies at fixed rates, and the rate of whole lives as fast as it goes.
pub(super) async fn measure(bench: &mut Bench, intake_per_second: Option<f64>) -> Result<()> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate of orders is a small number"
    )]
    let half = intake_per_second.map(|rate| (rate / 2.0) as u64);
    for per_second in [Some(15_000), half].into_iter().flatten() {
        let server = Server::start(&bench.fresh_store(true)).await?;
        let load = OpenLoad {
            address: &server.address,
            per_second,
            warm_up: Duration::from_secs(2),
            measured: Duration::from_secs(bench.arguments.seconds.max(5)),
        };
        let latency = open_loop::run(load, intake::requests(false)).await?;
        server.stop().await?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "latencies are far below 2^52 microseconds"
        )]
        let p99 = latency.value_at_quantile(0.99) as f64 / 1000.0;
        let work = format!("created -> processed -> pushed, open loop at {per_second}/s");
        bench.add(work, p99, "ms (p99)", None, intake::quantiles(&latency));
    }
    as_fast_as_it_goes(bench).await
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
            bail!("{in_flight} orders are still in flight after two minutes");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn number(json: &[u8], name: &[u8]) -> Result<f64> {
    let Some(at) = find(json, name) else {
        bail!("no {} in the stats", String::from_utf8_lossy(name))
    };
    let digits: Vec<u8> = json[at + name.len()..]
        .iter()
        .copied()
        .take_while(u8::is_ascii_digit)
        .collect();
    Ok(String::from_utf8(digits)?.parse()?)
}
