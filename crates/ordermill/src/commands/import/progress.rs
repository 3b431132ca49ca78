//! How far an import has got: the counts, the bar on a terminal, and the summary.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

/// What was counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read.
    pub rows: u64,
    /// Orders that are new.
    pub accepted: u64,
    /// Those of the new ones that another run would take again, because nothing tells that they are the same.
    pub unrepeatable: u64,
    /// Orders that were there before, with the same content.
    pub existing: u64,
    /// Orders, or rows of no order, that were refused.
    pub refused: u64,
}

/// The bar.
pub struct Progress {
    bar: ProgressBar,
    started: tokio::time::Instant,
}

impl Progress {
    /// A bar over `bytes`, or a spinner where they are not known; hidden where nobody looks.
    pub fn new(bytes: Option<u64>, is_quiet: bool) -> Self {
        let bar = if is_quiet {
            ProgressBar::with_draw_target(bytes, ProgressDrawTarget::hidden())
        } else {
            ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr_with_hz(5))
        };
        let template = match bytes {
            Some(_) => "{bar:24} {percent:>3}%  {msg}  {eta} left",
            None => "{spinner} {bytes}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            started: tokio::time::Instant::now(),
        }
    }

    /// Shows where things stand.
    pub fn show(&self, counts: &Counts, bytes: u64) {
        self.bar.set_message(format!(
            "{} rows/s  accepted {}  existing {}  refused {}",
            HumanCount(self.rate(counts.rows)),
            HumanCount(counts.accepted),
            HumanCount(counts.existing),
            HumanCount(counts.refused),
        ));
        self.bar.set_position(bytes);
    }

    /// Says something above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("ordermill: {line}"));
    }

    /// Removes the bar; how long it took.
    pub fn finish(&self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }

    fn rate(&self, rows: u64) -> u64 {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        rows.saturating_mul(1000) / elapsed_ms.max(1)
    }
}

/// The last words of an import.
pub fn summary(
    counts: &Counts,
    took: Duration,
    report: Option<&std::path::Path>,
    as_json: bool,
) -> String {
    if as_json {
        return json!({
            "rows": counts.rows,
            "accepted": counts.accepted,
            "unrepeatable": counts.unrepeatable,
            "existing": counts.existing,
            "refused": counts.refused,
            "seconds": (took.as_secs_f64() * 1000.0).round() / 1000.0,
            "report": report.map(|path| path.display().to_string()),
        })
        .to_string();
    }
    let mut text = format!(
        "{} rows in {:.1} s: {} orders accepted, {} existing, {} refused",
        HumanCount(counts.rows),
        took.as_secs_f64(),
        HumanCount(counts.accepted),
        HumanCount(counts.existing),
        HumanCount(counts.refused),
    );
    if counts.unrepeatable > 0 {
        text.push_str(&format!(
            "; {} of them have no external id and no key, and another run takes them again",
            HumanCount(counts.unrepeatable)
        ));
    }
    if let (Some(path), true) = (report, counts.refused > 0) {
        text.push_str(&format!("; why is in {}", path.display()));
    }
    text
}
