//! `cancel`: cancels orders by id, one after the other, and says of each what became of it.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::client::{ApiError, OrderView, Server, ServerFlags};
use crate::exit::{FAILED, one_line};

/// Flags of `cancel`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill cancel 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b")]
pub struct CancelFlags {
    /// The orders' ids
    #[arg(required = true)]
    ids: Vec<String>,
    /// Print each cancelled order as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Cancels each; fails at the end where one could not be cancelled.
pub async fn run(flags: CancelFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    steer_each(&server, &flags.ids, &["v1", "orders"], "cancel", flags.json).await
}

/// Posts `prefix/{id}/{action}` for each id, and prints what each order is afterwards.
pub async fn steer_each(
    server: &Server,
    ids: &[String],
    prefix: &[&str],
    action: &str,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    let mut failed = 0;
    for id in ids {
        let path: Vec<&str> = prefix
            .iter()
            .copied()
            .chain([id.as_str(), action])
            .collect();
        match server.post(&path, String::new(), None).await {
            // Whoever reads may have gone; the other orders are cancelled all the same.
            Ok(answer) if as_json => {
                let _ = writeln!(out, "{}", String::from_utf8_lossy(&answer.body));
            }
            Ok(answer) => {
                let order: OrderView<'_> = serde_json::from_slice(&answer.body)
                    .context("the server's order cannot be read")?;
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
