//! `--demo`: feeds the bundled sample of real orders through the public HTTP interface, a few a second, so that there
//! is something to look at. After the last order it starts over; each round has its own external ids. After a restart it
//! continues with the next order, because orders that exist already are skipped without a pause.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use order_json::{OrderPage, OrderView};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::sample::{SampleOrder, sample};
use crate::client::{Server, ServerFlags};

/// One order each.
const PACE: Duration = Duration::from_millis(250);
/// The pause if the server does not answer.
const WAIT: Duration = Duration::from_secs(1);

/// Feeds until `stop`.
///
/// # Errors
/// If the sample cannot be read. If the server does not take an order, it is tried again.
pub async fn feed(addr: SocketAddr, stop: CancellationToken) -> Result<(), String> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        result = rounds(addr) => result.map_err(|error| format!("{error:#}")),
    }
}

async fn rounds(addr: SocketAddr) -> anyhow::Result<()> {
    let url = format!("http://{}", reachable(addr));
    let mut out = std::io::stdout();
    // The reader of the addresses may have closed the pipe; feeding continues.
    let _ = writeln!(
        out,
        "demo: feeding the bundled sample of real orders, {} a second",
        1000 / PACE.as_millis()
    );
    let _ = writeln!(
        out,
        "demo: open {url} in a browser, or run `ordermill list --url {url}` and `ordermill watch --url {url}`"
    );
    let server = Server::new(&ServerFlags {
        url: url.parse().context("a listener's address is a URL")?,
    })?;
    let orders = sample()?;
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut round = last_round(&server).await;
    loop {
        for order in &orders {
            loop {
                match place(&server, order, round).await {
                    // It was there before: an earlier run got this far.
                    Placed::Existing => break,
                    Placed::Done => {
                        pace.tick().await;
                        break;
                    }
                    Placed::NotNow => tokio::time::sleep(WAIT).await,
                }
            }
        }
        round += 1;
    }
}

/// What became of one order.
enum Placed {
    /// It was taken now, or never will be.
    Done,
    /// It was taken before.
    Existing,
    /// The server does not answer for the moment.
    NotNow,
}

async fn place(server: &Server, order: &SampleOrder, round: u32) -> Placed {
    match server
        .post(&["v1", "orders"], in_round(order, round), None)
        .await
    {
        Ok(answer) if answer.status == StatusCode::OK => Placed::Existing,
        Ok(_) => Placed::Done,
        Err(error) if error.is_temporary() => {
            tracing::warn!(%error, "the demonstration waits for the server");
            Placed::NotNow
        }
        Err(error) => {
            tracing::warn!(%error, external_id = order.external_id, "the demonstration passes an order over");
            Placed::Done
        }
    }
}

/// The first round is the shop's own numbers; the seventh has `-7` behind each.
fn in_round(order: &SampleOrder, round: u32) -> String {
    if round <= 1 {
        return order.json.clone();
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_str(&order.json) else {
        return order.json.clone();
    };
    fields.insert(
        "external_id".to_owned(),
        Value::from(format!("{}-{round}", order.external_id)),
    );
    Value::Object(fields).to_string()
}

/// The round that an earlier run was in.
async fn last_round(server: &Server) -> u32 {
    let query = [("source", "import".to_owned()), ("limit", "1".to_owned())];
    let Ok(answer) = server.get(&["v1", "orders"], &query).await else {
        return 1;
    };
    let newest = OrderPage::read(&answer.body).ok().and_then(|page| {
        let newest = OrderView::read(page.data.first()?.as_bytes()).ok()?;
        newest.external_id
    });
    newest
        .and_then(|external_id| external_id.rsplit_once('-')?.1.parse().ok())
        .unwrap_or(1)
}

/// A listener on all addresses is reached on loopback.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}
