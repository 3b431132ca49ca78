//! The role `all`: store, use cases, edges and workers in one process, handed to the [`Supervisor`]. A task that ends before
//! the stop began ends the whole process, because half a server is worse than none.

use std::sync::Arc;

use application::health::WorkHealth;
use application::ports::Ids;
use application::system::SystemIds;
use application::watch::{Hub, WatchSettings, WatchTuning};
use application::{LocalOrders, Orders, OrdersDependencies, Settings};
use edge_grpc::GrpcEdge;
use edge_http::EdgeState;
use worker::Worker;

use crate::check::Checked;
use crate::config::Config;
use crate::edges::{grpc_settings, http_settings};
use crate::error::ServerError;
use crate::signals::StopSignals;
use crate::store::SupervisedStore;
use crate::supervisor::Supervisor;
use crate::wiring::Wiring;
use crate::work::Health;
use crate::{folders, listeners, receipts, store, work};

/// Runs until a signal or a failure.
///
/// # Errors
/// What could not be started, or which task ended.
pub async fn run(checked: Checked, wiring: &mut dyn Wiring) -> Result<(), ServerError> {
    let Checked {
        config,
        clock,
        handling,
    } = checked;
    let mut signals = StopSignals::new().map_err(ServerError::Signals)?;
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    let receipts = receipts::open(&config)?;
    let opened = tokio::select! {
        opened = store::open(&config, wiring.sqlite_tuning(), Arc::clone(&clock)) => opened?,
        signal = signals.next() => return Err(ServerError::StoppedEarly { signal }),
    };
    let mut supervisor = Supervisor::default();
    let store = store::supervise(opened, wiring, &mut supervisor);
    let hub = live_watching(&config, &store, &mut supervisor);
    let orders: Arc<dyn Orders> = Arc::new(LocalOrders::new(OrdersDependencies {
        store: store.ports.clone(),
        commits: store.commits.clone(),
        receipts: receipts.clone(),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        settings: Settings::default(),
    }));
    let worker = config.worker.enabled.then(|| {
        let handler = wiring.handler(handling.handler);
        work::worker(&config, &store, handler, receipts, clock, Arc::clone(&ids))
    });
    let health: Arc<dyn WorkHealth> = Arc::new(Health {
        handler: config.handler.kind,
        status: worker.as_ref().map(Worker::status),
    });
    if let Some(worker) = worker {
        let (soft, hard) = (supervisor.soft.clone(), supervisor.hard.clone());
        supervisor.spawn("the worker", async move {
            worker.run(soft, hard).await.broken.map_or(Ok(()), Err)
        });
    }
    let grpc = GrpcEdge::new(
        Arc::clone(&orders),
        hub.clone(),
        Arc::clone(&ids),
        grpc_settings(&config),
        Arc::clone(&health),
    );
    let http = EdgeState::new(orders, hub, ids, http_settings(&config), health);
    let http_addr = listeners::serve(&config, &http, grpc, &mut supervisor)?;
    if config.worker.enabled {
        tracing::info!("handler: {}", handling.description);
    }
    folders::warn_of_open(&config);
    wiring.listening(http_addr, &mut supervisor);
    let ended = supervisor
        .supervise(&mut signals, config.shutdown.drain)
        .await;
    store.ports.writer.close().await;
    ended
}

/// Live watching of the store's changes.
fn live_watching(config: &Config, store: &SupervisedStore, supervisor: &mut Supervisor) -> Hub {
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
    hub
}
