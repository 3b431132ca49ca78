//! gRPC against its own ceilings: CreateOrder call by call, and IntakeOrders as fast as its streams go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream;
use hdrhistogram::Histogram;
use proto::ordermill::v1 as pb;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::closed_loop::{Load, Span, rate};
use super::error::{BenchError, Result};
use super::grpc_connection::{Client, open};
use super::server::Server;
use super::{Bench, cores, intake, orders};

/// Callers of CreateOrder at a time, over so many connections.
const CALLERS: [usize; 2] = [64, 256];
const CONNECTIONS: usize = 8;
/// Streams of IntakeOrders, each on a connection of its own.
const STREAMS: usize = 4;
/// Those of the callers, then that of the streams.
const LOADS: usize = CALLERS.len() + 1;

/// Measures both against the same edge before a store that keeps nothing.
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    let ceiling_server = Server::start(&["bench-ceiling".to_owned()]).await?;
    // A store for each load: the streams alone take millions of orders.
    let mut servers = Vec::new();
    for _ in 0..LOADS {
        servers.push(Server::start(&bench.fresh_store(false)).await?);
    }
    let mut loads: [[Vec<Load>; 2]; LOADS] = Default::default();
    for _ in 0..bench.arguments.rounds {
        for (kind, server) in servers.iter().enumerate() {
            for (side, server) in [&ceiling_server, server].into_iter().enumerate() {
                let address = server.grpc_address.as_deref().ok_or_else(|| {
                    BenchError::unexpected("the server under test serves no gRPC")
                })?;
                let load = match CALLERS.get(kind) {
                    Some(callers) => calls(address, *callers, bench.span()).await?,
                    None => streams(address, bench.span()).await?,
                };
                loads[kind][side].push(load);
            }
        }
    }
    ceiling_server.stop().await?;
    for server in servers {
        server.stop().await?;
    }
    let of_callers =
        |callers| format!("CreateOrder, {callers} callers on {CONNECTIONS} connections");
    let kinds = [
        of_callers(CALLERS[0]),
        of_callers(CALLERS[1]),
        format!("IntakeOrders, {STREAMS} streams"),
    ];
    for (kind, [ceilings, durables]) in kinds.iter().zip(&loads) {
        let (ceiling, durable) = (intake::middle(ceilings), intake::middle(durables));
        let note = |loads: &[Load]| {
            let has_latency = loads.iter().any(|load| load.latency.max() > 0);
            if has_latency {
                intake::percentiles(loads)
            } else {
                String::new()
            }
        };
        bench.add(
            format!("gRPC ceiling: {kind}"),
            ceiling,
            "orders/s",
            None,
            note(ceilings),
        );
        bench.add(
            format!("gRPC {kind}"),
            durable,
            "orders/s",
            Some(intake::ratio(durables, ceilings)),
            note(durables),
        );
    }
    Ok(())
}

/// What the tasks of a load share.
struct Running {
    address: String,
    numbers: AtomicU64,
    begin: Instant,
    end: Instant,
}

impl Running {
    fn new(address: &str, span: Span) -> Arc<Self> {
        let begin = Instant::now() + span.warm_up;
        Arc::new(Self {
            address: address.to_owned(),
            numbers: AtomicU64::new(0),
            begin,
            end: begin + span.measured,
        })
    }

    fn next(&self) -> pb::CreateOrderRequest {
        orders::message(self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    fn is_measured(&self, from: Instant, to: Instant) -> bool {
        from >= self.begin && to <= self.end
    }
}

/// Callers that each send their next order when the last is answered.
async fn calls(address: &str, callers: usize, span: Span) -> Result<Load> {
    let running = Running::new(address, span);
    let latencies = cores::share_out(CONNECTIONS, move |connections| {
        call_on(connections, callers / CONNECTIONS, Arc::clone(&running))
    });
    let mut latency = Histogram::<u64>::new(3)?;
    for part in latencies.await? {
        latency.add(part)?;
    }
    Ok(Load {
        per_second: rate(latency.len(), span),
        latency,
    })
}

/// The connections of one core, with so many callers on each.
async fn call_on(
    connections: usize,
    callers: usize,
    running: Arc<Running>,
) -> Result<Histogram<u64>> {
    let mut open_connections = JoinSet::new();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let client = open(&running.address, &mut open_connections).await?;
        for _ in 0..callers {
            tasks.spawn(call_again_and_again(client.clone(), Arc::clone(&running)));
        }
    }
    let mut latency = Histogram::<u64>::new(3)?;
    while let Some(finished) = tasks.join_next().await {
        latency.add(finished??)?;
    }
    Ok(latency)
}

async fn call_again_and_again(mut client: Client, running: Arc<Running>) -> Result<Histogram<u64>> {
    let mut latency = Histogram::<u64>::new(3)?;
    let mut answered = Instant::now();
    while answered < running.end {
        let order = running.next();
        let sent = Instant::now();
        let response = client.create_order(order).await?.into_inner();
        answered = Instant::now();
        if response.placement() != pb::Placement::Created {
            return Err(BenchError::unexpected(format!(
                "an order was not new: {response:?}"
            )));
        }
        if running.is_measured(sent, answered) {
            latency.record(u64::try_from((answered - sent).as_micros()).unwrap_or(u64::MAX))?;
        }
    }
    Ok(latency)
}

/// Streams that send as fast as they are read; an order counts when it is answered.
async fn streams(address: &str, span: Span) -> Result<Load> {
    let running = Running::new(address, span);
    let answered = cores::share_out(STREAMS, move |streams| {
        stream_on(streams, Arc::clone(&running))
    });
    Ok(Load {
        per_second: rate(answered.await?.into_iter().sum(), span),
        latency: Histogram::new(3)?,
    })
}

/// The streams of one core, each on a connection of its own.
async fn stream_on(streams: usize, running: Arc<Running>) -> Result<u64> {
    let mut connections = JoinSet::new();
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        let client = open(&running.address, &mut connections).await?;
        tasks.spawn(stream_orders(client, Arc::clone(&running)));
    }
    let mut answered = 0;
    while let Some(finished) = tasks.join_next().await {
        answered += finished??;
    }
    Ok(answered)
}

async fn stream_orders(mut client: Client, running: Arc<Running>) -> Result<u64> {
    let source = Arc::clone(&running);
    let orders = stream::repeat_with(move || source.next());
    let mut answers = client.intake_orders(orders).await?.into_inner();
    let mut answered = 0;
    loop {
        let answer = answers.message().await?;
        let answer = answer.ok_or_else(|| BenchError::unexpected("the stream ended"))?;
        let Some(pb::order_result::Outcome::Placed(_)) = answer.outcome else {
            return Err(BenchError::unexpected(format!(
                "an order was not taken: {answer:?}"
            )));
        };
        let now = Instant::now();
        if now > running.end {
            return Ok(answered);
        }
        answered += u64::from(now >= running.begin);
    }
}
