//! The role `all`: store, use cases, edges and workers in one process, handed to the [`Supervisor`]. A task that ends before
//! the stop began ends the whole process, because half a server is worse than none.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use application::ports::{Clock, Ids};
use application::store_health::{self, CommitHealth};
use application::system::SystemIds;
use application::watch::{Hub, WatchSettings, WatchTuning};
use application::{Application, Receipts, Settings};
use edge_grpc::GrpcEdge;
use edge_http::EdgeState;
use tokio::net::TcpListener;
use worker::Worker;

use crate::check::Checked;
use crate::config::Config;
use crate::signals::StopSignals;
use crate::store::OpenStore;
use crate::supervisor::Supervisor;
use crate::wiring::Wiring;
use crate::work::Health;
use crate::{grpc, http, owner_only, receipts, store, work};

/// Runs until a signal or a failure.
///
/// # Errors
/// What could not be started, or which task ended.
pub async fn run(checked: Checked, wiring: Wiring) -> anyhow::Result<()> {
    let Checked {
        config,
        clock,
        handling,
    } = checked;
    let mut signals = StopSignals::new()?;
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    let receipts = receipts::open(&config)?;
    let mut store = tokio::select! {
        opened = store::open(&config, Arc::clone(&clock)) => opened?,
        signal = signals.next() => bail!("{signal} came before the store was open"),
    };
    let mut supervisor = Supervisor::default();
    watch_store(&mut store, &mut supervisor);
    let commits = track_commits(&mut store, &mut supervisor);
    let application =
        application(&config, &store, &receipts, &clock, &ids, &mut supervisor).tracking(commits);
    let worker = config
        .worker
        .enabled
        .then(|| work::worker(&config, &store, handling.handler, receipts, clock, ids));
    let health = Health {
        handler: config.handler.kind,
        status: worker.as_ref().map(Worker::status),
    };
    if let Some(worker) = worker {
        let (soft, hard) = (supervisor.soft.clone(), supervisor.hard.clone());
        supervisor.spawn("the worker", async move {
            worker.run(soft, hard).await.broken.map_or(Ok(()), Err)
        });
    }
    let grpc = GrpcEdge::new(application.clone(), grpc::settings(&config));
    let edge = EdgeState::new(application, http::settings(&config), Arc::new(health));
    let http_addr = listen(&config, &edge, grpc, &mut supervisor)?;
    if config.worker.enabled {
        tracing::info!("handler: {}", handling.description);
    }
    owner_only::warn_of_open_folders(&config);
    if let Some((name, companion)) = wiring.companion {
        supervisor.spawn(name, companion(http_addr, supervisor.soft.clone()));
    }
    let ended = supervisor
        .supervise(&mut signals, config.shutdown.drain)
        .await;
    store.ports.writer.close().await;
    ended
}

/// Stops the process where the store gives itself up: only the next one can tell what the disk holds.
fn watch_store(store: &mut OpenStore, supervisor: &mut Supervisor) {
    let gives_up = std::mem::replace(&mut store.gives_up, Box::pin(std::future::pending()));
    let soft = supervisor.soft.clone();
    supervisor.spawn("the store", async move {
        tokio::select! {
            () = soft.cancelled() => Ok(()),
            reason = gives_up => Err(reason),
        }
    });
}

/// From now on failed commits are noted, and probed until they succeed again.
fn track_commits(store: &mut OpenStore, supervisor: &mut Supervisor) -> CommitHealth {
    let commits = CommitHealth::new(store.ports.queue.shards());
    let untracked = Arc::clone(&store.ports.writer);
    store.ports = store_health::tracked(store.ports.clone(), &commits);
    let (probed, soft) = (commits.clone(), supervisor.soft.clone());
    supervisor.spawn("the probing of commits", async move {
        probed.run(untracked, soft).await;
        Ok(())
    });
    commits
}

/// Binds all listeners before the first one is announced, and serves on them; where HTTP is.
fn listen(
    config: &Config,
    edge: &EdgeState,
    grpc: GrpcEdge,
    supervisor: &mut Supervisor,
) -> anyhow::Result<SocketAddr> {
    let listener = http::bind(config.http.addr, "http.addr")?;
    let websockets = match config.http.ws_addr {
        Some(addr) => Some(http::bind(addr, "http.ws_addr")?),
        None => None,
    };
    let calls = match config.grpc.addr {
        Some(addr) => Some(http::bind(addr, "grpc.addr")?),
        None => None,
    };
    let real = |listener: &TcpListener| {
        listener
            .local_addr()
            .context("a bound listener has an address")
    };
    let http_addr = real(&listener)?;
    let serving = edge_http::serve(
        listener,
        edge.clone(),
        supervisor.soft.clone(),
        supervisor.hard.clone(),
    );
    supervisor.spawn("HTTP", async move {
        serving.await;
        Ok(())
    });
    if let Some(listener) = websockets {
        let addr = real(&listener)?;
        let serving = edge_http::serve_websockets(
            listener,
            edge.clone(),
            supervisor.soft.clone(),
            supervisor.hard.clone(),
        );
        supervisor.spawn("the WebSocket port", async move {
            serving.await;
            Ok(())
        });
        http::announce("websocket", "ws", addr, "/ws")?;
    }
    if let Some(listener) = calls {
        let addr = real(&listener)?;
        let serving = edge_grpc::serve(
            listener,
            grpc,
            supervisor.soft.clone(),
            supervisor.hard.clone(),
        );
        supervisor.spawn("gRPC", async move {
            serving.await;
            Ok(())
        });
        http::announce("grpc", "grpc", addr, "")?;
    }
    http::announce("http", "http", http_addr, "")?;
    Ok(http_addr)
}

/// The use cases over the store, with live watching.
fn application(
    config: &Config,
    store: &OpenStore,
    receipts: &Receipts,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn Ids>,
    supervisor: &mut Supervisor,
) -> Application {
    let watching = WatchSettings {
        max_watchers: config.http.max_streams,
        tuning: WatchTuning::default(),
    };
    let hub = Hub::new(
        Arc::clone(&store.ports.feed),
        Arc::clone(&store.wake_ups),
        watching,
    );
    let (running, last) = (hub.clone(), supervisor.last.clone());
    supervisor.spawn_last("live watching", async move { running.run(last).await });
    Application::new(
        store.ports.clone(),
        receipts.clone(),
        Arc::clone(clock),
        Arc::clone(ids),
        Settings::default(),
    )
    .watching(hub)
}
