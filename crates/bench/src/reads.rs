//! Reads by id and lists by user in a store with many orders.

use std::sync::Arc;

use super::connection::{Connection, find, post};
use super::error::{BenchError, Result};
use super::server::Server;
use super::{Bench, closed_loop, intake, orders};

const BATCH: u64 = 10_000;

/// Fills a fresh store and measures reads from it.
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    let server = Server::start(&bench.fresh_store(false)).await?;
    let count = bench.arguments.orders;
    let ids = fill(&server.address, count).await?;
    for connections in [1, 64] {
        measure_reads(bench, &server, &ids, connections, count).await?;
    }
    server.stop().await
}

async fn measure_reads(
    bench: &mut Bench,
    server: &Server,
    ids: &Arc<[String]>,
    connections: usize,
    count: u64,
) -> Result<()> {
    let gets = {
        let ids = Arc::clone(ids);
        let make: closed_loop::MakeRequest = Arc::new(move |number, request| {
            let id = &ids[usize::try_from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20)
                .unwrap_or(0)
                % ids.len()];
            request.extend_from_slice(
                format!("GET /v1/orders/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").as_bytes(),
            );
        });
        closed_loop::run(&server.address, connections, bench.span(), 200, make).await?
    };
    let make: closed_loop::MakeRequest = Arc::new(|number, request| {
        let user = orders::user(number);
        request.extend_from_slice(
            format!("GET /v1/orders?user_id={user}&limit=20 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                .as_bytes(),
        );
    });
    let lists = closed_loop::run(&server.address, connections, bench.span(), 200, make).await?;
    let name = |what: &str| format!("{what}, {count} orders, {connections} connections");
    bench.add(
        name("read by id"),
        gets.per_second,
        "reads/s",
        None,
        intake::quantiles(&gets.latency),
    );
    bench.add(
        name("list by user"),
        lists.per_second,
        "lists/s",
        None,
        intake::quantiles(&lists.latency),
    );
    Ok(())
}

/// Places `count` orders in batches; returns the ids of one order of each batch and more, to be read back.
pub(super) async fn fill(address: &str, count: u64) -> Result<Arc<[String]>> {
    let mut connection = Connection::open(address).await?;
    let mut ids = Vec::new();
    let mut placed = 0;
    while placed < count {
        let rows = BATCH.min(count - placed);
        let answer = connection
            .exchange(&post("/v1/orders/batch", "", &orders::batch(placed, rows)))
            .await?;
        if answer.status != 200 {
            return Err(BenchError::unexpected(format!(
                "a batch was answered {}: {}",
                answer.status,
                String::from_utf8_lossy(answer.body)
            )));
        }
        let accepted = format!("\"accepted\":{rows},");
        find(answer.body, accepted.as_bytes())
            .ok_or_else(|| BenchError::unexpected("a batch was not accepted whole"))?;
        ids.extend(some_ids(answer.body));
        placed += rows;
    }
    Ok(ids.into())
}

/// About a hundred ids of a batch's answer, spread over it.
fn some_ids(body: &[u8]) -> Vec<String> {
    let stride = (body.len() / 100).max(1);
    (0..100)
        .filter_map(|part| super::connection::first_id(body.get(part * stride..)?))
        .map(str::to_owned)
        .collect()
}
