//! `export`: every order that the filters let through, newest first, as NDJSON or CSV, page by page by cursor: never
//! more than one page in memory. A page that fails for a moment is asked for again.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;

use super::list::FilterFlags;
use crate::client::{OrderPage, OrderView, Server, ServerFlags};

/// Orders a request.
const PAGE: &str = "500";
/// How often a page is tried again.
const RETRIES: u32 = 6;

/// How orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One order a line, as the server prints it
    Ndjson,
    /// One row a line of an order; the order's columns are repeated
    Csv,
}

/// Flags of `export`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ordermill export --format csv --output orders.csv\n\
         Example: ordermill export --status PROCESSED --created-from 2026-01-01T00:00:00Z > orders.ndjson"
)]
pub struct ExportFlags {
    #[command(flatten)]
    filter: FilterFlags,
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// The file to write; standard output where it is missing
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerFlags,
}

/// Writes all pages.
pub async fn run(flags: ExportFlags) -> anyhow::Result<ExitCode> {
    let server = Server::new(&flags.server)?;
    let out: Box<dyn Write> = match &flags.output {
        Some(path) => Box::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        ),
        None => Box::new(std::io::stdout()),
    };
    let mut sink = Sink::new(flags.format, BufWriter::new(out))?;
    let mut cursor: Option<String> = None;
    let mut exported = 0_u64;
    loop {
        let mut query = flags.filter.query();
        query.push(("limit", PAGE.to_owned()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let body = page(&server, &query).await?;
        let page: OrderPage<'_> =
            serde_json::from_slice(&body).context("the server's list cannot be read")?;
        for order in &page.data {
            sink.write(order.get())?;
            exported += 1;
        }
        cursor = page.next_cursor.filter(|_| page.has_more);
        if cursor.is_none() {
            break;
        }
    }
    sink.finish()?;
    eprintln!("{exported} orders exported");
    Ok(ExitCode::SUCCESS)
}

async fn page(server: &Server, query: &[(&str, String)]) -> anyhow::Result<Bytes> {
    let mut wait = Duration::from_millis(200);
    for _ in 0..RETRIES {
        match server.get(&["v1", "orders"], query).await {
            Ok(answer) => return Ok(answer.body),
            Err(error) if error.is_temporary() => {
                tokio::time::sleep(
                    error
                        .retry_after()
                        .unwrap_or(wait)
                        .min(Duration::from_secs(10)),
                )
                .await;
                wait *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(server.get(&["v1", "orders"], query).await?.body)
}

enum Sink {
    Ndjson(BufWriter<Box<dyn Write>>),
    Csv(Box<csv::Writer<BufWriter<Box<dyn Write>>>>),
}

const COLUMNS: [&str; 20] = [
    "order_id",
    "external_id",
    "user_id",
    "source",
    "status",
    "version",
    "currency",
    "amount",
    "line",
    "sku",
    "product_name",
    "quantity",
    "unit_price",
    "attempt",
    "failure_code",
    "failure_message",
    "receipt_key",
    "metadata",
    "created_at",
    "updated_at",
];

impl Sink {
    fn new(format: Format, out: BufWriter<Box<dyn Write>>) -> anyhow::Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(out),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(COLUMNS)?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    fn write(&mut self, order: &str) -> anyhow::Result<()> {
        match self {
            Self::Ndjson(out) => writeln!(out, "{order}")?,
            Self::Csv(writer) => {
                let order: OrderView<'_> =
                    serde_json::from_str(order).context("the server's order cannot be read")?;
                for row in rows(&order)? {
                    writer.write_record(&row)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Ndjson(mut out) => out.flush()?,
            Self::Csv(mut writer) => writer.flush()?,
        }
        Ok(())
    }
}

/// One row a line; an order without lines is one row with empty line columns.
fn rows(order: &OrderView<'_>) -> anyhow::Result<Vec<Vec<String>>> {
    let lines: Vec<[String; 5]> = if order.lines.is_empty() {
        vec![Default::default()]
    } else {
        let line = |(index, line): (usize, &crate::client::LineView<'_>)| {
            [
                (index + 1).to_string(),
                line.sku.clone().unwrap_or_default(),
                line.product_name.clone(),
                line.quantity.to_string(),
                line.unit_price.to_string(),
            ]
        };
        order.lines.iter().enumerate().map(line).collect()
    };
    let metadata = serde_json::to_string(&order.metadata).context("metadata cannot be written")?;
    let failure = order.failure.as_ref();
    let rows = lines.into_iter().map(|line| {
        let head = [
            order.id.clone(),
            order.external_id.clone().unwrap_or_default(),
            order.user_id.clone(),
            order.source.clone(),
            order.status.clone(),
            order.version.to_string(),
            order.currency.clone(),
            order.amount.to_string(),
        ];
        let tail = [
            order.attempt.to_string(),
            failure
                .map(|failure| failure.code.clone())
                .unwrap_or_default(),
            failure
                .map(|failure| failure.message.clone())
                .unwrap_or_default(),
            order.receipt_key.clone().unwrap_or_default(),
            metadata.clone(),
            order.created_at.clone(),
            order.updated_at.clone(),
        ];
        head.into_iter().chain(line).chain(tail).collect()
    });
    Ok(rows.collect())
}
