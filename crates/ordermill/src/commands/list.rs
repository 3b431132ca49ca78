//! `list`: orders, newest first, by any filter that the server knows. Follows the server's cursors until `--limit`.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use order_json::{OrderPage, OrderView, did_you_mean};

use super::table::Table;
use crate::client::{Server, ServerFlags};

/// The most orders of one request.
const PAGE: usize = 1000;

/// Which orders; shared by `list` and `export`.
#[derive(Debug, Clone, clap::Args)]
pub struct FilterFlags {
    /// Of this user
    #[arg(long)]
    user: Option<String>,
    /// With this number of your own
    #[arg(long)]
    external_id: Option<String>,
    /// PENDING, PROCESSING, RETRYING, PROCESSED, FAILED, ON_HOLD or CANCELLED
    #[arg(long, value_parser = parse_status)]
    status: Option<String>,
    /// web, pos, mobile, api or import
    #[arg(long)]
    source: Option<String>,
    /// Created then or later (RFC 3339, such as 2026-01-31T12:00:00Z)
    #[arg(long, value_name = "TIME")]
    created_from: Option<String>,
    /// Created before then
    #[arg(long, value_name = "TIME")]
    created_to: Option<String>,
    /// With an external id, a SKU or a product name that begins with this text
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

/// Flags of `list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ordermill list --user alice --status FAILED\n\
         Example: ordermill list --limit 5000 --json | jq -r .id")]
pub struct ListFlags {
    #[command(flatten)]
    filter: FilterFlags,
    /// The most orders to show
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Continue an earlier list at this cursor
    #[arg(long)]
    cursor: Option<String>,
    /// Print one order a line as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

impl FilterFlags {
    /// The filters as query parameters.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("user_id", &self.user),
            ("external_id", &self.external_id),
            ("status", &self.status),
            ("source", &self.source),
            ("created_from", &self.created_from),
            ("created_to", &self.created_to),
            ("q", &self.search),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }
}

fn parse_status(text: &str) -> Result<String, String> {
    let name = text.to_uppercase().replace('-', "_");
    domain::Status::from_name(&name)
        .map(|_| name)
        .ok_or_else(|| {
            let known: Vec<_> = domain::Status::ALL
                .iter()
                .map(|status| status.as_str())
                .collect();
            let hint = did_you_mean(&text.to_uppercase(), known.iter().copied());
            format!("is not one of {}{hint}", known.join(", "))
        })
}

/// Prints the orders.
pub async fn run(flags: ListFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let limit = flags.limit as usize;
    let mut shown = 0;
    let mut cursor = flags.cursor.clone();
    let mut table = Table::new(
        &[
            "CREATED",
            "ORDER",
            "USER",
            "STATUS",
            "AMOUNT",
            "EXTERNAL ID",
            "PRODUCTS",
        ],
        &[4],
    );
    loop {
        let mut query = flags.filter.query();
        query.push(("limit", (limit - shown).min(PAGE).to_string()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let answer = server.get(&["v1", "orders"], &query).await?;
        let page = OrderPage::read(&answer.body).context("the server's list cannot be read")?;
        shown += page.data.len();
        for order in page.data {
            if flags.json {
                writeln!(std::io::stdout().lock(), "{order}")?;
            } else {
                let order = OrderView::read(order.as_bytes())
                    .context("the server's order cannot be read")?;
                table.row(row(&order));
            }
        }
        cursor = page.next_cursor.filter(|_| page.has_more);
        if shown >= limit || cursor.is_none() {
            break;
        }
    }
    if !flags.json {
        write!(std::io::stdout().lock(), "{table}")?;
        match cursor {
            Some(cursor) => eprintln!("{} orders; there are more: --cursor {cursor}", table.len()),
            None => eprintln!("{} orders", table.len()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(order: &OrderView<'_>) -> Vec<String> {
    let products = match order.lines.as_slice() {
        [] => String::new(),
        [line] => format!("{} x {}", line.quantity, line.product_name),
        [first, rest @ ..] => format!(
            "{} x {} and {} more",
            first.quantity,
            first.product_name,
            rest.len()
        ),
    };
    vec![
        order.created_at.clone(),
        order.id.clone(),
        order.user_id.clone(),
        order.status.clone(),
        format!("{} {}", order.amount, order.currency),
        order.external_id.clone().unwrap_or_default(),
        products,
    ]
}
