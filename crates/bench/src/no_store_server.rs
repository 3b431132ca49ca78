//! `ordermill bench-ceiling`, hidden: serves the edges before a store that keeps nothing, for the benchmark's ceilings.
//! It prints its addresses as `serve` does and runs until it is killed.

use std::sync::Arc;

use application::health::NoWork;
use application::in_process::InProcessHints;
use application::ports::{Ids, OrderStore, StorePorts};
use application::store_health::CommitHealth;
use application::system::{SystemClock, SystemIds};
use application::watch::{Hub, WatchSettings, WatchTuning};
use application::{LocalOrders, Orders, OrdersDependencies, Receipts, Settings};
use edge_grpc::GrpcEdge;
use edge_http::EdgeState;
use server::{Configuration, grpc_settings, http_settings};
use tokio_util::sync::CancellationToken;

use crate::error::{Doing as _, Result};
use crate::no_store::NoStore;

/// Serves until killed.
///
/// # Errors
/// If no port is free.
pub async fn run() -> Result<()> {
    let store = StorePorts::of(&(Arc::new(NoStore::default()) as Arc<dyn OrderStore>));
    let hub = Hub::new(
        Arc::clone(&store.feed),
        Arc::new(InProcessHints::new(store.feed.shards())),
        WatchSettings {
            max_watchers: 0,
            tuning: WatchTuning::default(),
        },
    );
    let ids: Arc<dyn Ids> = Arc::new(SystemIds);
    let orders: Arc<dyn Orders> = Arc::new(LocalOrders::new(OrdersDependencies {
        commits: CommitHealth::new(store.feed.shards()),
        store,
        receipts: Receipts::Rendered,
        clock: Arc::new(SystemClock::new()),
        ids: Arc::clone(&ids),
        settings: Settings::default(),
    }));
    let config = Configuration::defaults().settings;
    let grpc = GrpcEdge::new(
        Arc::clone(&orders),
        hub.clone(),
        Arc::clone(&ids),
        grpc_settings(&config),
    );
    let grpc_listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .doing(|| "listening on loopback".to_owned())?;
    println!("ceiling: grpc://{}", grpc_listener.local_addr()?);
    let state = EdgeState::new(orders, hub, ids, http_settings(&config), Arc::new(NoWork));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .doing(|| "listening on loopback".to_owned())?;
    println!("ceiling: http://{}", listener.local_addr()?);
    let never = CancellationToken::new;
    tokio::join!(
        edge_http::serve(listener, state, never(), never()),
        edge_grpc::serve(grpc_listener, grpc, never(), never()),
    );
    Ok(())
}
