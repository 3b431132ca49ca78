//! Durable intake over HTTP against the ceiling, at 1, 64 and 256 connections, without and with key and external id.

use std::sync::Arc;

use hdrhistogram::Histogram;

use super::closed_loop::{self, Load, MakeRequest};
use super::error::Result;
use super::report::{median, median_ratio};
use super::server::Server;
use super::{Bench, orders};

/// Requests of orders that no other load has sent.
pub(super) fn requests(keyed: bool) -> MakeRequest {
    let run = keyed.then(fresh_run);
    Arc::new(move |number, request| orders::write_request(number, run, request))
}

fn fresh_run() -> u64 {
    use application::ports::Ids as _;
    application::system::SystemIds.random() >> 24
}

/// Measures, and returns the durable intake at 256 connections in orders a second.
pub(super) async fn measure(bench: &mut Bench) -> Result<f64> {
    let mut durable_at_256 = 0.0;
    for connections in [1, 64, 256] {
        let ceiling_server = Server::start(&["bench-ceiling".to_owned()]).await?;
        let plain_server = Server::start(&bench.fresh_store(false)).await?;
        let keyed_server = Server::start(&bench.fresh_store(false)).await?;
        let (mut ceilings, mut plains, mut keyeds) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bench.arguments.rounds {
            for (server, keyed, loads) in [
                (&ceiling_server, false, &mut ceilings),
                (&plain_server, false, &mut plains),
                (&keyed_server, true, &mut keyeds),
            ] {
                loads.push(
                    closed_loop::run(
                        &server.address,
                        connections,
                        bench.span(),
                        201,
                        requests(keyed),
                    )
                    .await?,
                );
            }
        }
        for server in [ceiling_server, plain_server, keyed_server] {
            server.stop().await?;
        }
        let [ceiling, plain, keyed] = [&ceilings, &plains, &keyeds].map(|loads| middle(loads));
        let name = |what: &str| format!("{what}, {connections} connections");
        bench.add(
            name("ceiling: no store"),
            ceiling,
            "orders/s",
            None,
            percentiles(&ceilings),
        );
        bench.add(
            name("SQLite durable intake"),
            plain,
            "orders/s",
            Some(ratio(&plains, &ceilings)),
            percentiles(&plains),
        );
        let note = format!(
            "{:.2} of the ceiling; {}",
            ratio(&keyeds, &ceilings),
            percentiles(&keyeds)
        );
        bench.add(
            name("the same with key + external id"),
            keyed,
            "orders/s",
            Some(ratio(&keyeds, &plains)),
            note,
        );
        durable_at_256 = plain;
    }
    Ok(durable_at_256)
}

/// The median rate of some loads.
pub(super) fn middle(loads: &[Load]) -> f64 {
    median(rates(loads))
}

/// The rate of some loads against that of others, with which they took turns.
pub(super) fn ratio(loads: &[Load], to: &[Load]) -> f64 {
    median_ratio(&rates(loads), &rates(to))
}

pub(super) fn rates(loads: &[Load]) -> Vec<f64> {
    loads.iter().map(|load| load.per_second).collect()
}

/// Percentiles over all of some loads.
pub(super) fn percentiles(loads: &[Load]) -> String {
    let mut all =
        Histogram::<u64>::new(3).expect("three digits are within what the histogram allows");
    for load in loads {
        all += &load.latency;
    }
    quantiles(&all)
}

/// p50 and p99 of a histogram of microseconds, in milliseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "latencies are far below 2^52 microseconds"
)]
pub(super) fn quantiles(latency: &Histogram<u64>) -> String {
    let ms = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", ms(0.5), ms(0.99))
}
