//! The bar on a terminal: which pass is running, and how far it has got.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use order_import::Progress;

use super::reading::LAST_PASS;
use super::summary::Counts;

/// The bar.
pub struct Bar {
    bar: ProgressBar,
    started: tokio::time::Instant,
    pass: Option<(&'static str, Arc<Progress>)>,
}

impl Bar {
    /// A spinner until a pass begins; hidden if no progress is wanted.
    pub fn new(is_quiet: bool) -> Self {
        let target = if is_quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(5)
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.set_message("opening the files");
        Self {
            bar,
            started: tokio::time::Instant::now(),
            pass: None,
        }
    }

    /// A pass over this many bytes begins.
    pub fn begin(&mut self, name: &'static str, progress: Arc<Progress>, size: u64) {
        let template = "{bar:24} {percent:>3}%  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.reset();
        self.bar.set_length(size);
        self.bar.set_message(name);
        self.pass = Some((name, progress));
    }

    /// Rows and left-out rows of the last pass.
    pub fn rows(&self) -> (u64, u64) {
        match &self.pass {
            Some((LAST_PASS, progress)) => (progress.rows(), progress.left_out()),
            _ => (0, 0),
        }
    }

    /// Shows how far it has got.
    pub fn show(&self, counts: &Counts) {
        let Some((name, progress)) = &self.pass else {
            return;
        };
        self.bar.set_position(progress.bytes());
        if *name == LAST_PASS {
            self.bar.set_message(format!(
                "{} rows/s  accepted {}  existing {}  refused {}",
                HumanCount(self.rate(progress.rows())),
                HumanCount(counts.accepted),
                HumanCount(counts.existing),
                HumanCount(counts.refused),
            ));
        }
    }

    /// Prints a line above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("ordermill: {line}"));
    }

    /// Prints to standard output, with the bar out of the way.
    pub fn print(&self, text: &str) {
        self.bar.suspend(|| println!("{text}"));
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
