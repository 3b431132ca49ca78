//! Idle memory, and the time from exec until the server says that it is ready.

use std::time::Duration;

use super::Bench;
use super::error::Result;
use super::machine::resident_bytes;
use super::report::median;
use super::server::Server;

/// Measures on a store that is there already, as at every start but the first.
#[expect(
    clippy::cast_precision_loss,
    reason = "a process has far less than 2^52 bytes"
)]
pub(super) async fn measure(bench: &mut Bench) -> Result<()> {
    let arguments = bench.fresh_store(true);
    Server::start(&arguments).await?.stop().await?;
    let (mut ready, mut memory) = (Vec::new(), Vec::new());
    let starts = bench.arguments.rounds.min(5);
    for _ in 0..starts {
        let server = Server::start(&arguments).await?;
        ready.push(server.ready_after.as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.push(resident_bytes(server.pid()?)? as f64 / (1024.0 * 1024.0));
        server.stop().await?;
    }
    bench.add(
        "ready after exec",
        median(ready),
        "ms",
        None,
        format!("median of {starts}"),
    );
    bench.add(
        "idle memory",
        median(memory),
        "MiB",
        None,
        format!("median of {starts}, resident, one second after the start"),
    );
    Ok(())
}
