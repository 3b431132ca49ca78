//! `ordermill bench-ceiling`, hidden: serves the HTTP edge before a store that keeps nothing, for the benchmark's
//! ceiling. It prints its address as `serve` does and runs until it is killed.

use std::sync::Arc;

use anyhow::Result;
use application::system::{SystemClock, SystemIds};
use application::{Application, Receipts, Settings};
use edge_http::{EdgeSettings, EdgeState, NoWork};
use tokio_util::sync::CancellationToken;

use super::no_store::NoStore;

/// Serves until killed.
///
/// # Errors
/// Where no port can be had.
pub async fn run() -> Result<()> {
    let application = Application::new(
        Arc::new(NoStore::default()),
        Receipts::InStore,
        Arc::new(SystemClock::new()),
        Arc::new(SystemIds),
        Settings::default(),
    );
    let state = EdgeState::new(application, EdgeSettings::default(), Arc::new(NoWork));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("ceiling: http://{}", listener.local_addr()?);
    edge_http::serve(
        listener,
        state,
        CancellationToken::new(),
        CancellationToken::new(),
    )
    .await;
    Ok(())
}
