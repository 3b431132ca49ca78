//! `cancel`, `hold` and `release`: change orders by id, one after the other, and print what each is afterwards.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use order_json::OrderView;

use crate::client::{ApiError, Server, ServerFlags};
use crate::exit::{FAILED, one_line};

/// Flags of a command that changes orders by id.
#[derive(Debug, clap::Args)]
pub struct OrderCommandFlags {
    /// The orders' ids
    #[arg(required = true)]
    ids: Vec<String>,
    /// Why, for the record: it is kept with the order's event
    #[arg(long)]
    reason: Option<String>,
    /// Print each changed order as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Posts `action` for each order; fails at the end if one of them was refused.
pub async fn run(flags: OrderCommandFlags, action: &str) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let change = Change {
        prefix: &["v1", "orders"],
        action,
        reason: flags.reason.as_deref(),
    };
    change_each(&server, &flags.ids, &change, flags.json).await
}

/// What is posted for each id.
pub struct Change<'a> {
    /// The address before the id.
    pub prefix: &'a [&'a str],
    /// The address after the id: `cancel`.
    pub action: &'a str,
    /// Why.
    pub reason: Option<&'a str>,
}

impl Change<'_> {
    /// The request's body: empty without a reason.
    fn body(&self) -> String {
        self.reason
            .map(|reason| serde_json::json!({ "reason": reason }).to_string())
            .unwrap_or_default()
    }
}

/// Posts `prefix/{id}/{action}` for each id, and prints what each order is afterwards.
pub async fn change_each(
    server: &Server,
    ids: &[String],
    change: &Change<'_>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    let mut failed = 0;
    for id in ids {
        let path: Vec<&str> = change
            .prefix
            .iter()
            .copied()
            .chain([id.as_str(), change.action])
            .collect();
        match server.post(&path, change.body(), None).await {
            // The reader of the output may have closed it; the other orders are changed nevertheless.
            Ok(answer) if as_json => {
                let _ = writeln!(out, "{}", String::from_utf8_lossy(&answer.body));
            }
            Ok(answer) => {
                let order =
                    OrderView::read(&answer.body).context("the server's order cannot be read")?;
                let _ = writeln!(out, "{} {}", order.id, order.status);
            }
            Err(error @ ApiError::Unreachable { .. }) => return Err(error.into()),
            Err(error) => {
                eprintln!(
                    "ordermill: {}: {}",
                    one_line(id),
                    one_line(&error.to_string())
                );
                failed += 1;
            }
        }
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}
