//! `import`: orders out of files of any shop. A thread reads and checks (the crate order-import), batches go to the server
//! two at a time, and the report and the counts follow in the order of the files. Memory is bounded whatever the size of
//! the files; a second run, or one after a crash, takes nothing twice that has an external id or a key.

mod chunk;
mod flags;
mod progress;
mod reading;
mod report;
mod run;
mod send;
mod shape;
mod show;
mod summary;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use application::ports::Ids as _;
use application::system::SystemIds;
use order_import::suggest::suggest;
use order_import::{RunKeys, presets};

pub use flags::ImportFlags;

use crate::client::Server;
use crate::exit::{INTERRUPTED, SOME_REFUSED};
use progress::Bar;
use reading::Reading;
use report::Report;
use run::{Import, Target};
use send::Sender;
use shape::{Shape, default_fate};
use summary::Summary;

/// Imports all files, or prints a preset or a first mapping; exit 0 if nothing was refused, 3 if something was.
///
/// # Errors
/// If a mapping is wrong, a file cannot be read, the server does not take the orders, or they are not as the mapping
/// expects.
pub async fn run(flags: ImportFlags) -> anyhow::Result<ExitCode> {
    if let Some(path) = &flags.suggest {
        return print(&suggest(path)?);
    }
    if flags.print {
        let preset = flags.preset.as_deref().and_then(presets::find);
        return print(preset.context("--print needs --preset NAME")?.text);
    }
    import(&flags).await
}

async fn import(flags: &ImportFlags) -> anyhow::Result<ExitCode> {
    let shape = Shape::choose(flags)?;
    let report = Report::new(flags.report.clone())?;
    let server = Server::new(&flags.server)?;
    let sender = Sender {
        server,
        retry_timeout: Duration::from_secs(flags.retry_timeout),
    };
    let reading = Reading {
        shape: shape.clone(),
        inputs: flags.inputs(),
        default_fate: default_fate(flags),
        keys: RunKeys::of(SystemIds.random()),
        compares_first: !flags.dry_run,
    };
    let target = if flags.dry_run {
        Target::DryRun
    } else {
        Target::Server(sender)
    };
    let mut import = Import::new(shape, target, report, Bar::new(flags.json), flags);
    let result = import.run(reading).await;
    finish(import, result, flags)
}

/// Prints the summary, whatever the end was.
fn finish(
    import: Import,
    result: anyhow::Result<()>,
    flags: &ImportFlags,
) -> anyhow::Result<ExitCode> {
    let rows = import.bar.rows();
    let took = import.bar.finish();
    let report = import.report.finish()?;
    let summary = Summary {
        counts: &import.counts,
        rows,
        took,
        report: report.as_deref(),
        is_dry_run: flags.dry_run,
        is_interrupted: import.is_interrupted,
    };
    let has_begun = rows.0 > 0 || import.is_interrupted;
    if has_begun || result.is_ok() {
        print_summary(&summary, &import.shown, flags.json)?;
    }
    result.context("the import stopped")?;
    Ok(if import.is_interrupted {
        ExitCode::from(INTERRUPTED)
    } else if import.counts.refused == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_REFUSED)
    })
}

fn print_summary(
    summary: &Summary<'_>,
    shown: &[serde_json::Value],
    is_json: bool,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if is_json {
        writeln!(out, "{}", summary.json(shown))?;
    } else {
        writeln!(out, "{}", summary.text())?;
    }
    Ok(())
}

fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}")?;
    Ok(ExitCode::SUCCESS)
}
