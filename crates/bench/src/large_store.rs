//! Does it get slower with what it keeps? Intake, reads and lists on an empty store against one with many orders,
//! in turn, medians of five.

use super::closed_loop::{self, Load};
use super::error::Result;
use super::report::median;
use super::server::Server;
use super::{Bench, intake, orders, reads};

const ROUNDS: usize = 5;

/// p99 in milliseconds of one load.
#[expect(
    clippy::cast_precision_loss,
    reason = "latencies are far below 2^52 microseconds"
)]
fn p99(load: &Load) -> f64 {
    load.latency.value_at_quantile(0.99) as f64 / 1000.0
}

/// Measures with `count` orders in one of two stores.
pub(super) async fn measure(bench: &mut Bench, count: u64) -> Result<()> {
    let empty = Server::start(&bench.fresh_store(false)).await?;
    let large = Server::start(&bench.fresh_store(false)).await?;
    let few = reads::fill(&empty.address, 10_000).await?;
    let many = reads::fill(&large.address, count).await?;
    let mut figures: [[Vec<f64>; 2]; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (side, server, ids) in [(0, &empty, &few), (1, &large, &many)] {
            let load = closed_loop::run(
                &server.address,
                16,
                bench.span(),
                201,
                intake::requests(false),
            )
            .await?;
            figures[0][side].push(p99(&load));
            let ids = std::sync::Arc::clone(ids);
            let gets: closed_loop::MakeRequest = std::sync::Arc::new(move |number, request| {
                let at = usize::try_from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20)
                    .unwrap_or(0)
                    % ids.len();
                request
                    .extend_from_slice(&super::connection::get(&format!("/v1/orders/{}", ids[at])));
            });
            figures[1][side].push(p99(&closed_loop::run(
                &server.address,
                16,
                bench.span(),
                200,
                gets,
            )
            .await?));
            let lists: closed_loop::MakeRequest = std::sync::Arc::new(|number, request| {
                let path = format!("/v1/orders?user_id={}&limit=20", orders::user(number));
                request.extend_from_slice(&super::connection::get(&path));
            });
            figures[2][side].push(p99(&closed_loop::run(
                &server.address,
                16,
                bench.span(),
                200,
                lists,
            )
            .await?));
        }
    }
    empty.stop().await?;
    large.stop().await?;
    for (what, [small, large]) in ["intake", "read by id", "list by user"]
        .into_iter()
        .zip(figures)
    {
        let (small, large) = (median(small), median(large));
        let note = format!("p99 {small:.2} ms in an empty store; median of {ROUNDS}");
        bench.add(
            format!("{what} with {count} orders, 16 connections"),
            large,
            "ms (p99)",
            Some(large / small),
            note,
        );
    }
    Ok(())
}
