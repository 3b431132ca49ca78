//! `import`: brings orders in, from CSV or NDJSON by a mapping, or from whole orders a line. A thread reads and checks rows, batches travel two at a time, and the
//! report and the counts follow in the order of the files. Bounded memory, whatever the size of the files; a second
//! run, or one after a crash, takes nothing twice that has an external id or a key.

mod assemble;
mod csv_rows;
mod fields;
mod group;
mod json_rows;
mod local_time;
mod mapping;
mod progress;
mod reading;
mod report;
mod rows;
mod sample;
mod send;
mod whole_orders;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use application::ports::Ids as _;
use application::system::SystemIds;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use sample::{SampleOrder, sample};

use crate::client::{Problem, Server, ServerFlags};
use crate::config::ConfigError;
use crate::exit::SOME_REFUSED;
use assemble::{Item, RunKeys};
use group::{Ready, Refusal};
use mapping::Mapping;
use progress::{Counts, Progress};
use reading::{Chunk, Reading, Shape};
use report::Report;
use rows::{Format, Input};
use send::{Sender, Verdict};

/// Batches on their way at a time.
const BATCHES_IN_FLIGHT: usize = 2;

/// As what orders come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum As {
    /// New orders, to be worked off
    Pending,
    /// History: with their original time, and never handed to the handler
    Processed,
}

/// Flags of `import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ordermill import --mapping examples/online-retail.toml examples/online-retail/*.csv\n\
         Example: zcat orders.ndjson.gz | ordermill import --mapping mapping.toml --as processed -\n\
         Example: ordermill import exported.ndjson"
)]
pub struct ImportFlags {
    /// Which column is what (see examples/online-retail.toml); without it, each line is an order as JSON, as `export`
    /// writes it and POST /v1/orders takes it
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Where refused orders are listed by file, row and column; by default ordermill-import-refused.csv, if there are any
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// As what the orders come in
    #[arg(long = "as", value_enum, default_value_t = As::Pending)]
    kind: As,
    /// How the files are written; by default each file is looked at
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Read and check everything, write the report, send nothing
    #[arg(long)]
    dry_run: bool,
    /// How long to keep trying when the server does not answer
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    /// Print the summary as JSON, and no progress bar
    #[arg(long)]
    json: bool,
    /// CSV or NDJSON files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    server: ServerFlags,
}

/// Imports all files; exit 0 where nothing was refused, 3 where something was.
pub async fn run(flags: ImportFlags) -> anyhow::Result<ExitCode> {
    let as_processed = flags.kind == As::Processed;
    let shape = shape(&flags, as_processed)?;
    let inputs: Vec<Input> = flags.files.iter().map(|path| Input::new(path)).collect();
    let bytes_read = Arc::new(AtomicU64::new(0));
    let reading = Reading {
        shape,
        keys: RunKeys::of(SystemIds.random()),
        inputs,
        format: flags.format,
        as_processed,
        bytes_read: Arc::clone(&bytes_read),
    };
    reading.check_headings()?;
    let report = Report::new(flags.report.clone())?;
    let sender = Sender {
        server: Server::new(&flags.server)?,
        as_processed,
        patience: Duration::from_secs(flags.patience),
    };
    let progress = Progress::new(reading.size(), flags.json);
    let mut import = Import {
        sender: (!flags.dry_run).then_some(sender),
        shape: reading.shape.clone(),
        counts: Counts::default(),
        report,
        progress,
        bytes_read,
    };
    let result = import.run(reading).await;
    let took = import.progress.finish();
    let counts = import.counts;
    let report = import.report.finish()?;
    let summary = progress::summary(&counts, took, report.as_deref(), flags.json);
    result.with_context(|| format!("the import stopped ({summary})"))?;
    writeln!(std::io::stdout().lock(), "{summary}")?;
    Ok(if counts.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_REFUSED)
    })
}

/// How the files are to be read.
fn shape(flags: &ImportFlags, as_processed: bool) -> Result<Shape, ConfigError> {
    let refuse = |fault: String| ConfigError {
        faults: vec![fault],
    };
    let Some(path) = &flags.mapping else {
        return match flags.format {
            Some(Format::Csv) => Err(refuse(
                "--format csv needs --mapping FILE, which says which column is what".to_owned(),
            )),
            Some(Format::Ndjson) | None => Ok(Shape::Whole),
        };
    };
    let mapping = Mapping::read(path)?;
    if as_processed && mapping.order.created_at.is_none() {
        return Err(refuse(format!(
            "{}: --as processed needs order.created_at: when each order was made",
            path.display()
        )));
    }
    Ok(Shape::Mapped(Arc::new(mapping)))
}

struct Import {
    /// `None` where nothing is sent.
    sender: Option<Sender>,
    shape: Shape,
    counts: Counts,
    report: Report,
    progress: Progress,
    bytes_read: Arc<AtomicU64>,
}

/// A chunk of the files with what the server said of its orders.
struct Judged {
    chunk: Chunk,
    verdicts: anyhow::Result<Vec<Verdict>>,
}

impl Import {
    async fn run(&mut self, reading: Reading) -> anyhow::Result<()> {
        let (chunks, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
        let mut reader = JoinSet::new();
        reader.spawn_blocking(move || reading.run(&chunks));
        let chunks = futures_util::stream::unfold(receiver, async |mut receiver| {
            let chunk = receiver.recv().await?;
            Some((chunk, receiver))
        });
        let sender = self.sender.clone();
        let judged = chunks
            .map(|chunk: Chunk| judge(sender.clone(), chunk))
            .buffered(BATCHES_IN_FLIGHT);
        let mut judged = std::pin::pin!(judged);
        while let Some(judged) = judged.next().await {
            self.take(judged)?;
        }
        match reader.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(error).context("the reader stopped"),
            None => Ok(()),
        }
    }

    fn take(&mut self, judged: Judged) -> anyhow::Result<()> {
        let verdicts = judged.verdicts?;
        let mut verdicts = verdicts.into_iter();
        self.counts.rows += judged.chunk.rows;
        for notice in &judged.chunk.notices {
            self.progress.say(notice);
        }
        for item in judged.chunk.items {
            let refusals = match item {
                Item::Refused(refusals) => refusals,
                Item::Ready(order) => {
                    match verdicts.next().context("the server answers each row")? {
                        Verdict::Accepted => {
                            self.counts.accepted += 1;
                            self.counts.unrepeatable += u64::from(!order.is_repeatable);
                            continue;
                        }
                        Verdict::Existing => {
                            self.counts.existing += 1;
                            continue;
                        }
                        Verdict::Refused(problem) => self.refusals(&order, &problem),
                    }
                }
            };
            self.counts.refused += 1;
            self.report.write(&refusals)?;
        }
        self.progress
            .show(&self.counts, self.bytes_read.load(Ordering::Relaxed));
        Ok(())
    }

    /// The server's faults, at the rows and columns that they speak of.
    fn refusals(&self, order: &Ready, problem: &Problem) -> Vec<Refusal> {
        if problem.errors.is_empty() {
            let names_external_id = problem.code.contains("external");
            return vec![Refusal {
                place: group::place_of("", &order.places).clone(),
                column: if names_external_id {
                    self.shape.column_of("/external_id")
                } else {
                    String::new()
                },
                external_id: order.external_id.clone(),
                code: if problem.code.is_empty() {
                    problem.status.to_string()
                } else {
                    problem.code.clone()
                },
                reason: problem.to_string(),
            }];
        }
        let refusal = |fault: &crate::client::Fault| Refusal {
            place: group::place_of(&fault.pointer, &order.places).clone(),
            column: self.shape.column_of(&fault.pointer),
            external_id: order.external_id.clone(),
            code: fault.code.clone(),
            reason: fault.detail.clone(),
        };
        problem.errors.iter().map(refusal).collect()
    }
}

async fn judge(sender: Option<Sender>, chunk: Chunk) -> Judged {
    let orders: Vec<Ready> = chunk.orders().cloned().collect();
    let verdicts = match sender {
        Some(sender) if !orders.is_empty() => sender.send(&orders).await,
        Some(_) => Ok(Vec::new()),
        None => Ok(orders.iter().map(|_| Verdict::Accepted).collect()),
    };
    Judged { chunk, verdicts }
}
