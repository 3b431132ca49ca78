//! `get`: one order, by its id or by the client's own number for it; also how every command prints one order.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use order_json::{OrderPage, OrderView, WaitingForView};

use super::table::Table;
use crate::client::{Server, ServerFlags};
use crate::exit::one_line;

/// Flags of `get`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ordermill get 019a8b3c-7f60-7a11-9b1e-3c5d7e9f1a2b\n\
         Example: ordermill get --external-id 536365 --user 17850 --json"
)]
pub struct GetFlags {
    /// The order's id
    #[arg(
        required_unless_present = "external_id",
        conflicts_with = "external_id"
    )]
    id: Option<String>,
    /// Your own number of the order; needs --user
    #[arg(long, requires = "user")]
    external_id: Option<String>,
    /// The user who placed it
    #[arg(long, requires = "external_id")]
    user: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Finds the order and prints it.
pub async fn run(flags: GetFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    if let Some(id) = &flags.id {
        let answer = server
            .get(&["v1", "orders", id], &[])
            .await
            .map_err(|error| {
                if error.is_unknown_order() {
                    anyhow::anyhow!("there is no order {id}; `ordermill list` shows what is there")
                } else {
                    error.into()
                }
            })?;
        print(&answer.body, flags.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let external_id = flags.external_id.unwrap_or_default();
    let user = flags.user.unwrap_or_default();
    let query = [
        ("external_id", external_id.clone()),
        ("user_id", user.clone()),
    ];
    let answer = server.get(&["v1", "orders"], &query).await?;
    let page = OrderPage::read(&answer.body).context("the server's list cannot be read")?;
    let Some(order) = page.data.first() else {
        bail!("user {user} has no order with the external id {external_id}");
    };
    print(order.as_bytes(), flags.json)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints an order, for people or as the JSON that the server sent.
pub fn print(body: &[u8], as_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        out.write_all(body)?;
        out.write_all(b"\n")?;
        return Ok(());
    }
    let order = OrderView::read(body).context("the server's order cannot be read")?;
    let mut facts = vec![
        ("order", order.id.clone()),
        ("user", order.user_id.clone()),
        (
            "status",
            format!(
                "{} (version {}, attempt {})",
                order.status, order.version, order.attempt
            ),
        ),
        ("amount", format!("{} {}", order.amount, order.currency)),
        ("source", order.source.clone()),
        ("created", order.created_at.clone()),
        ("updated", order.updated_at.clone()),
    ];
    let optional = [
        ("external id", order.external_id.clone()),
        ("not before", order.process_after.clone()),
        ("waits for", order.waiting_for.as_ref().map(waiting_for)),
        (
            "failure",
            order
                .failure
                .as_ref()
                .map(|failure| format!("{}: {}", failure.code, failure.message)),
        ),
        ("result", order.result.map(str::to_owned)),
        ("receipt", order.receipt_key.clone()),
    ];
    facts.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    facts.extend(
        order
            .metadata
            .iter()
            .map(|(name, value)| ("metadata", format!("{name} = {value}"))),
    );
    for (name, value) in facts {
        writeln!(out, "{name:12} {}", one_line(&value))?;
    }
    if !order.lines.is_empty() {
        let heading = ["SKU", "PRODUCT", "QUANTITY", "UNIT PRICE", "TOTAL"];
        let mut table = Table::new(&heading, &[2, 3, 4]);
        for line in &order.lines {
            table.row(vec![
                line.sku.clone().unwrap_or_default(),
                line.product_name.clone(),
                line.quantity.to_string(),
                line.unit_price.map(ToString::to_string).unwrap_or_default(),
                line.total.to_string(),
            ]);
        }
        write!(out, "\n{table}")?;
    }
    if !order.adjustments.is_empty() {
        let mut table = Table::new(&["ADJUSTMENT", "LABEL", "AMOUNT", ""], &[2]);
        for adjustment in &order.adjustments {
            let included = if adjustment.included {
                "included in the prices"
            } else {
                ""
            };
            table.row(vec![
                adjustment.kind.clone(),
                adjustment.label.clone().unwrap_or_default(),
                adjustment.amount.to_string(),
                included.to_owned(),
            ]);
        }
        write!(out, "\n{table}")?;
    }
    Ok(())
}

/// In words: `a free worker`, `its time, 2026-12-01T08:00:00.000Z`. A word that this build does not know is
/// shown as it is.
fn waiting_for(waiting_for: &WaitingForView) -> String {
    let what = match waiting_for.what.as_str() {
        "worker" => "a free worker",
        "process_after" => "its time",
        "handler" => "the handler's answer",
        "retry" => "its next attempt",
        "release" => "a person who releases it",
        "operator" => "an operator, to replay or discard it",
        other => other,
    };
    match &waiting_for.until {
        Some(until) => format!("{what}, {until}"),
        None => what.to_owned(),
    }
}
