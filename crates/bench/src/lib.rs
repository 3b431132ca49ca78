//! The benchmark: how fast this build is on this machine, as ratios to a ceiling measured in the same run. The command line
//! calls [`run`] for `ordermill bench`, and [`serve_ceiling`] for the hidden command that it starts.
//!
//! The servers under test are processes of their own, started from the same binary; the load generator is this process, on
//! the same cores. It asserts nothing and keeps nothing: every folder that it makes is removed.

mod closed_loop;
mod connection;
mod cores;
mod dialects;
mod disk;
mod error;
mod fan_out;
mod grpc;
mod grpc_connection;
mod intake;
mod large_store;
mod machine;
mod no_store;
mod no_store_server;
mod open_loop;
mod orders;
mod postgres;
mod reads;
mod report;
mod server;
mod socket;
mod startup;
mod whole_life;

use std::time::Duration;

use clap::Args;

use closed_loop::Span;
pub use error::BenchError;
use error::Result;
use machine::Usage;
pub use no_store_server::run as serve_ceiling;
use report::Report;

/// What to measure, and how long.
#[derive(Debug, Args)]
#[command(after_help = "Example: ordermill bench --only intake,life --json > figures.json")]
pub struct BenchArguments {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Measure only these, comma-separated.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// Seconds that each load is measured, after a warm-up of as long, of one second at most.
    #[arg(long, default_value = "2", value_parser = seconds)]
    seconds: Duration,
    /// How often each load is repeated, in turn with its ceiling; medians are shown, of ratios those of each turn.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=99))]
    rounds: u64,
    /// Orders a second in the open loop of whole lives; a second rate is half of the measured intake.
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// Also measure PostgreSQL: the DSN of a server on which databases may be created and dropped.
    #[arg(long, value_name = "DSN")]
    postgres: Option<String>,
    /// The folder in which the stores are made, and thrown away. Default: the system's temporary folder, which should
    /// be on the disk that matters.
    #[arg(long, value_name = "DIR")]
    scratch: Option<std::path::PathBuf>,
    /// Orders in the store in which reads and lists are measured.
    #[arg(long, default_value_t = 1_000_000)]
    orders: u64,
    /// Also compare an empty store with one of this many orders (10000000 takes a few minutes and 10 GB).
    #[arg(long, value_name = "ORDERS")]
    large: Option<u64>,
    /// WebSockets that watch everything in the fan-out.
    #[arg(long, default_value_t = 5_000)]
    sockets: u64,
    /// Go on even if the machine is not idle; the figures then say little.
    #[arg(long)]
    busy_machine: bool,
}

/// 0.1 to 600 seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.1..=600.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "is not a number of seconds from 0.1 to 600".to_owned())
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Durable intake against the ceiling, without and with key and external id.
    Intake,
    /// Each dialect's POST against `/v1`'s.
    Dialects,
    /// gRPC, call by call and in streams, against its own ceilings.
    Grpc,
    /// From the intended send time to the push of PROCESSED, and as fast as it goes.
    Life,
    /// Reads by id and lists by user in a large store.
    Reads,
    /// Many WebSockets.
    FanOut,
    /// Idle memory and start time.
    Start,
}

/// What every part needs.
struct Bench {
    arguments: BenchArguments,
    report: Report,
    scratch: tempfile::TempDir,
    stores: u32,
}

impl Bench {
    fn wants(&self, part: Part) -> bool {
        self.arguments.only.is_empty() || self.arguments.only.contains(&part)
    }

    fn span(&self) -> Span {
        Span {
            warm_up: self.arguments.seconds.min(Duration::from_secs(1)),
            measured: self.arguments.seconds,
        }
    }

    fn add(
        &mut self,
        work: impl Into<String>,
        value: f64,
        unit: &'static str,
        ratio: Option<f64>,
        note: String,
    ) {
        let row = report::Row {
            work: work.into(),
            value,
            unit,
            ratio,
            note,
        };
        self.report.add(row, self.arguments.json);
    }

    /// Arguments of a server on a fresh embedded store; `worker` says whether it processes orders.
    fn fresh_store(&mut self, worker: bool) -> Vec<String> {
        self.stores += 1;
        let folder = self.scratch.path().join(format!("store-{}", self.stores));
        serve_arguments(&["--data-dir", &folder.display().to_string()], worker)
    }
}

/// Arguments of `serve` on free ports.
fn serve_arguments(store: &[&str], worker: bool) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "serve",
        "--http-addr",
        "127.0.0.1:0",
        "--ws-addr",
        "127.0.0.1:0",
        "--grpc-addr",
        "127.0.0.1:0",
    ]
    .map(str::to_owned)
    .into();
    arguments.extend(store.iter().map(ToString::to_string));
    arguments.extend(["--set".to_owned(), format!("worker.enabled={worker}")]);
    // The server's own logs would appear between the lines of the report.
    arguments.extend(["--set", "log.level=warn"].map(str::to_owned));
    arguments
}

/// Runs the benchmark and prints its report.
///
/// # Errors
/// If the machine is busy, or a server under test fails or answers something else than it should.
pub async fn run(arguments: BenchArguments) -> Result<(), BenchError> {
    let busy_before = machine::busy_share().await?;
    if !arguments.busy_machine {
        machine::check_idle(busy_before)?;
    }
    let usage_before = Usage::now()?;
    let scratch = match &arguments.scratch {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        cores: cores::count(),
        busy_before,
        disturbance: None,
        rows: Vec::new(),
    };
    let mut bench = Bench {
        arguments,
        report,
        scratch,
        stores: 0,
    };
    if !bench.arguments.json {
        bench.report.print_head();
    }
    if bench.wants(Part::Start) {
        startup::measure(&mut bench).await?;
    }
    let mut intake_per_second = None;
    if bench.wants(Part::Intake) {
        intake_per_second = Some(intake::measure(&mut bench).await?);
    }
    if bench.wants(Part::Dialects) {
        dialects::measure(&mut bench).await?;
    }
    if bench.wants(Part::Grpc) {
        grpc::measure(&mut bench).await?;
    }
    if bench.wants(Part::Life) {
        whole_life::measure(&mut bench, intake_per_second).await?;
    }
    if bench.wants(Part::Reads) {
        reads::measure(&mut bench).await?;
    }
    if bench.wants(Part::FanOut) {
        measure_fan_out(&mut bench).await?;
    }
    if let Some(dsn) = bench.arguments.postgres.clone() {
        postgres::measure(&mut bench, &dsn).await?;
    }
    if let Some(orders) = bench.arguments.large {
        large_store::measure(&mut bench, orders).await?;
    }
    if bench.arguments.postgres.is_none() {
        bench.report.disturbance = Some(Usage::now()?.disturbance_since(usage_before));
    }
    if bench.arguments.json {
        println!("{}", serde_json::to_string_pretty(&bench.report)?);
    } else {
        bench.report.print_end();
    }
    Ok(())
}

async fn measure_fan_out(bench: &mut Bench) -> Result<()> {
    let server = server::Server::start(&bench.fresh_store(true)).await?;
    let sockets = bench.arguments.sockets;
    let measured = fan_out::run(&server, sockets, 10).await?;
    server.stop().await?;
    let note = format!("{sockets} sockets, 10 bursts of 100 orders, three changes each");
    bench.add(
        "WebSocket fan-out",
        measured.messages_per_second,
        "messages/s",
        None,
        note,
    );
    bench.add(
        "memory a WebSocket",
        measured.bytes_per_socket / 1024.0,
        "KiB",
        None,
        String::new(),
    );
    Ok(())
}
