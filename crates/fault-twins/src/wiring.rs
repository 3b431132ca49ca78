//! Wires a twin as the shipped binary is wired, around its defect.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::{NotifyBus, PostgresOptions, PostgresStore, ShardMap};
use adapter_sqlite::{SqliteOptions, SqliteStore};
use adapter_webhook::{HttpHandler, HttpHandlerSettings};
use anyhow::Context as _;
use application::in_process::{FanOut, InProcessHints};
use application::ports::{Clock, Ids, OrderHandler, OrderStore, StorePorts};
use application::system::{SystemClock, SystemIds};
use application::{Application, Receipts};
use domain::{Currency, ShardId};
use edge_http::{EdgeSettings, EdgeState, NoWork, OrdersDialect};
use outbound_http::Proxies;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::{BreakerSettings, Tuning, Worker, WorkerParts, WorkerSettings};

use crate::broken_store::broken;
use crate::defect::Defect;
use crate::poison::AbortingHandler;
use crate::settings::{Settings, StoreAt};

/// Decisions that may wait for their commit, and those in one commit.
const QUEUE: usize = 8_192;
const BATCH: usize = 512;

/// Serves until SIGTERM.
///
/// # Errors
/// If something cannot be opened.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(serve(settings))
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    let shard_count = match &settings.store {
        StoreAt::Sqlite(_) => 1,
        StoreAt::Postgres(shards) => shards.len(),
    };
    let shards: Vec<ShardId> = (0..shard_count)
        .map(|shard| u16::try_from(shard).map(ShardId))
        .collect::<Result<_, _>>()?;
    let hints = Arc::new(InProcessHints::new(&shards));
    let sound = open(&settings, &clock, &hints).await?;
    let (store, late_writer) = broken(StorePorts::of(&sound), settings.defect);

    let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
    let mut parts = JoinSet::new();
    parts.spawn(late_writer.run());
    let worker = Worker::new(WorkerParts {
        queue: Arc::clone(&store.queue),
        writer: Arc::clone(&store.writer),
        wake_ups: Arc::clone(&hints) as _,
        handler: handler(&settings, &clock)?,
        receipts: Receipts::Rendered,
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        settings: worker_settings(&settings),
    });
    let (worker_soft, worker_hard) = (soft.clone(), hard.clone());
    parts.spawn(async move {
        worker.run(worker_soft, worker_hard).await;
    });

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let application = Application::new(
        store,
        Receipts::Rendered,
        clock,
        ids,
        application::Settings::default(),
    );
    let state = EdgeState::new(application, edge_settings(&settings), Arc::new(NoWork));
    let serving = edge_http::serve(listener, state, soft.clone(), hard.clone());
    parts.spawn(async move {
        serving.await;
    });
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "http: listening on http://{address}")?;
        out.flush()?;
    }
    terminate.recv().await;
    soft.cancel();
    tokio::time::sleep(settings.drain.min(std::time::Duration::from_secs(1))).await;
    hard.cancel();
    parts.shutdown().await;
    Ok(())
}

async fn open(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    hints: &Arc<InProcessHints>,
) -> anyhow::Result<Arc<dyn OrderStore>> {
    let clock = Arc::clone(clock);
    let hints = Arc::clone(hints);
    Ok(match &settings.store {
        StoreAt::Sqlite(folder) => {
            let options = SqliteOptions {
                data_dir: folder.clone(),
                queue: QUEUE,
                batch: BATCH,
                tuning: adapter_sqlite::Tuning {
                    synchronous_off: settings.defect == Defect::SynchronousOff,
                    ..adapter_sqlite::Tuning::default()
                },
            };
            let ids = Arc::new(SystemIds);
            Arc::new(SqliteStore::open(options, clock, ids, hints)?)
        }
        StoreAt::Postgres(shards) => {
            let options = PostgresOptions {
                shards: shards.clone(),
                map: ShardMap::Spread,
                pool_size: 8,
                queue: QUEUE,
                batch: BATCH,
                connect_timeout: Duration::from_secs(3),
                start_timeout: Duration::from_secs(10),
                tuning: adapter_postgres::Tuning::default(),
            };
            let bus = Arc::new(NotifyBus::start(&options, &hints)?);
            let hints = Arc::new(FanOut::to(vec![hints, bus]));
            Arc::new(PostgresStore::connect(options, clock, hints).await?)
        }
    })
}

fn handler(settings: &Settings, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn OrderHandler>> {
    let http = HttpHandlerSettings {
        url: settings.handler_url.clone(),
        secrets: Vec::new(),
        headers: Vec::new(),
        ca_file: None,
        client_certificate: None,
        connect_timeout: settings.handler_timeout,
        timeout: settings.handler_timeout,
        idle_connections: 32,
        proxies: Proxies::default(),
    };
    let handler = HttpHandler::new(&http, Arc::clone(clock))
        .map_err(|errors| anyhow::anyhow!("the handler cannot be set up: {errors:?}"))?;
    let handler: Arc<dyn OrderHandler> = Arc::new(handler);
    Ok(if settings.defect == Defect::AbortsOnPoison {
        Arc::new(AbortingHandler(handler))
    } else {
        handler
    })
}

fn edge_settings(settings: &Settings) -> EdgeSettings {
    EdgeSettings {
        default_currency: Currency::USD,
        orders_dialect: OrdersDialect::Auto,
        orderflow_health: false,
        max_body_bytes: 1024 * 1024,
        max_batch_bytes: 16 * 1024 * 1024,
        max_bodies_bytes: 64 * 1024 * 1024,
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(30),
        request_deadline: settings.request_timeout,
        max_connections: 10_000,
        max_requests_in_flight: 4_096,
        drain_timeout: settings.drain,
        log_requests: false,
        late_after: None,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tuning: edge_http::Tuning::default(),
    }
}

fn worker_settings(settings: &Settings) -> WorkerSettings {
    let tuning = Tuning::default();
    let seconds = Duration::from_secs;
    WorkerSettings {
        max_in_flight: 32,
        max_per_second: None,
        lease: settings.lease,
        max_attempts: settings.max_attempts,
        backoff_first: settings.backoff_first,
        backoff_most: settings.backoff_last,
        busy_limit: seconds(24 * 3600),
        attempt_timeout: settings.handler_timeout * 2 + tuning.receipt_timeout,
        drain: settings.drain,
        breaker: BreakerSettings {
            faults_in_a_row: 10,
            fault_percent: 50,
            first_probe: seconds(1),
            longest_probe: seconds(30),
            grace: seconds(900),
        },
        tuning,
    }
}
