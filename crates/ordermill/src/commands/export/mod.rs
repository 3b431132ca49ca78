//! `export`: every order that the filters match, newest first, as NDJSON or CSV. Reads page by page by cursor, so at
//! most one page is in memory, and retries a page that fails for a moment. CSV is made by [`table`].

mod table;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::builder::ArgPredicate;
use clap::error::ErrorKind;
use order_json::{OrderPage, OrderView};

use super::list::FilterFlags;
use crate::client::{Server, ServerFlags};
use crate::exit::BAD_USAGE;
use table::{Column, Table};

/// Orders per request.
const PAGE: &str = "500";
/// How often a page is tried again.
const RETRIES: u32 = 6;
/// Tells spreadsheet programs that a CSV file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One order per line, as the server prints it
    Ndjson,
    /// One row per line and per adjustment of an order; the order's columns are repeated
    Csv,
}

/// Flags of `export`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ordermill export --format csv --output orders.csv\n\
         Example: ordermill export --format csv --bom --columns external_id,user_id,status,amount,currency > for-excel.csv\n\
         Example: ordermill export --status PROCESSED --created-from 2026-01-01T00:00:00Z > orders.ndjson\n\n\
         Both formats can be imported again: ordermill import orders.csv"
)]
pub struct ExportFlags {
    #[command(flatten)]
    filter: FilterFlags,
    /// How to write them; csv if --columns, --bom or --raw is given
    #[arg(
        long,
        value_enum,
        default_value = "ndjson",
        default_value_ifs([
            ("columns", ArgPredicate::IsPresent, "csv"),
            ("bom", ArgPredicate::Equals("true".into()), "csv"),
            ("raw", ArgPredicate::Equals("true".into()), "csv"),
        ])
    )]
    format: Format,
    /// The columns of a CSV file, in this order; by default all of them, which `import` needs
    #[arg(
        long,
        value_name = "A,B,C",
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true
    )]
    columns: Vec<Column>,
    /// Begin a CSV file with a byte order mark, without which Excel takes it for another encoding than UTF-8
    #[arg(long)]
    bom: bool,
    /// Leave text cells of a CSV file as they are. By default a cell that begins with = + - @ TAB or CR gets a leading
    /// apostrophe, so that no spreadsheet program runs it as a formula; `import` takes it off again
    #[arg(long)]
    raw: bool,
    /// The file to write; by default standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerFlags,
}

impl ExportFlags {
    /// What does not fit together, in a sentence.
    fn conflict(&self) -> Option<String> {
        if self.format == Format::Ndjson {
            let given = [
                (!self.columns.is_empty(), "--columns"),
                (self.bom, "--bom"),
                (self.raw, "--raw"),
            ];
            let flag = given.into_iter().find(|(is_given, _)| *is_given);
            return flag.map(|(_, flag)| format!("{flag} needs --format csv"));
        }
        let columns = self.columns.iter().enumerate();
        let mut repeated =
            columns.filter(|(index, column)| self.columns[..*index].contains(column));
        repeated
            .next()
            .map(|(_, column)| format!("--columns names {} twice", column.name()))
    }
}

/// Writes all pages.
pub async fn run(flags: ExportFlags) -> anyhow::Result<ExitCode> {
    if let Some(conflict) = flags.conflict() {
        clap::Error::raw(ErrorKind::ArgumentConflict, format!("{conflict}\n")).print()?;
        return Ok(ExitCode::from(BAD_USAGE));
    }
    let server = Server::new(&flags.server)?;
    let out: Box<dyn Write> = match &flags.output {
        Some(path) => Box::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        ),
        None => Box::new(std::io::stdout()),
    };
    let mut sink = Sink::new(&flags, BufWriter::new(out))?;
    let mut cursor: Option<String> = None;
    let mut exported = 0_u64;
    loop {
        let mut query = flags.filter.query();
        query.push(("limit", PAGE.to_owned()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let body = page(&server, &query).await?;
        let page = OrderPage::read(&body).context("the server's list cannot be read")?;
        for order in &page.data {
            sink.write(order)?;
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
    Csv(Table, Box<csv::Writer<BufWriter<Box<dyn Write>>>>),
}

impl Sink {
    fn new(flags: &ExportFlags, mut out: BufWriter<Box<dyn Write>>) -> anyhow::Result<Self> {
        Ok(match flags.format {
            Format::Ndjson => Self::Ndjson(out),
            Format::Csv => {
                if flags.bom {
                    out.write_all(BYTE_ORDER_MARK)?;
                }
                let table = Table::new(&flags.columns, flags.raw);
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(table.heading())?;
                Self::Csv(table, Box::new(writer))
            }
        })
    }

    fn write(&mut self, order: &str) -> anyhow::Result<()> {
        match self {
            Self::Ndjson(out) => writeln!(out, "{order}")?,
            Self::Csv(table, writer) => {
                let order = OrderView::read(order.as_bytes())
                    .context("the server's order cannot be read")?;
                for row in table.rows(&order) {
                    writer.write_record(row.iter().map(|cell| cell.as_bytes()))?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Ndjson(mut out) => out.flush()?,
            Self::Csv(_, mut writer) => writer.flush()?,
        }
        Ok(())
    }
}
