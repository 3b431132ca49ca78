//! One import from its first chunk to its last: sends the orders, counts what became of them, and writes the report. A dry
//! run counts as the real one would.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use order_import::{Ready, Refusal, Refused, Repeats, Taken};
use tokio::sync::mpsc;

use super::chunk::Chunk;
use super::flags::ImportFlags;
use super::progress::Bar;
use super::reading::{Message, Reading};
use super::report::Report;
use super::send::{RowOutcome, Sender};
use super::shape::Shape;
use super::show::shown;
use super::summary::Counts;
use crate::client::Problem;

/// Batches on their way at a time.
const BATCHES_IN_FLIGHT: usize = 2;
/// How often the bar is redrawn while no batch is answered.
const TICK: Duration = Duration::from_millis(200);

/// What the orders are sent to.
pub enum Target {
    /// Nowhere.
    DryRun,
    /// To a server.
    Server(Sender),
}

/// An import.
pub struct Import {
    /// What was counted.
    pub counts: Counts,
    /// The file of refused orders.
    pub report: Report,
    /// The bar.
    pub bar: Bar,
    /// The first orders, for `--show` with `--json`.
    pub shown: Vec<serde_json::Value>,
    /// Whether Ctrl-C ended it.
    pub is_interrupted: bool,
    shape: Shape,
    target: Target,
    repeats: Repeats,
    to_show: usize,
    is_json: bool,
}

/// What comes out of the pipeline, in the order of the files.
enum Step {
    Pass {
        name: &'static str,
        progress: std::sync::Arc<order_import::Progress>,
        size: u64,
    },
    Chunk {
        chunk: Chunk,
        outcomes: Option<anyhow::Result<Vec<RowOutcome>>>,
    },
    End(anyhow::Result<()>),
}

impl Import {
    /// An import that has not begun.
    pub fn new(
        shape: Shape,
        target: Target,
        report: Report,
        bar: Bar,
        flags: &ImportFlags,
    ) -> Self {
        Self {
            counts: Counts::default(),
            report,
            bar,
            shown: Vec::new(),
            is_interrupted: false,
            shape,
            target,
            repeats: Repeats::default(),
            to_show: flags.show,
            is_json: flags.json,
        }
    }

    /// Imports everything, or until Ctrl-C.
    ///
    /// # Errors
    /// If the files cannot be read to their end, the server does not take the orders, or they are not as expected.
    pub async fn run(&mut self, reading: Reading) -> anyhow::Result<()> {
        let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
        // Not joined after an interruption: it may wait for standard input. It ends with the process.
        std::thread::Builder::new()
            .name("import-reader".to_owned())
            .spawn(move || reading.run(&sender))
            .context("cannot start the reading thread")?;
        let target = match &self.target {
            Target::DryRun => None,
            Target::Server(sender) => Some(sender.clone()),
        };
        let steps = futures_util::stream::unfold(receiver, async |mut receiver| {
            let message: Message = receiver.recv().await?;
            Some((message, receiver))
        });
        let steps = steps
            .map(|message| judge(target.clone(), message))
            .buffered(BATCHES_IN_FLIGHT);
        let mut steps = std::pin::pin!(steps);
        let mut tick = tokio::time::interval(TICK);
        let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            tokio::select! {
                biased;
                _ = &mut interrupt => {
                    self.is_interrupted = true;
                    return Ok(());
                }
                step = steps.next() => match step.context("the reading thread stopped")? {
                    Step::Pass { name, progress, size } => self.bar.begin(name, progress, size),
                    Step::Chunk { chunk, outcomes } => self.take(chunk, outcomes)?,
                    Step::End(result) => return result.and_then(|()| self.compare()),
                },
                _ = tick.tick() => {}
            }
            self.bar.show(&self.counts);
        }
    }

    /// Compares with what the mapping expects; a real run has done so before anything was sent.
    fn compare(&self) -> anyhow::Result<()> {
        match (&self.shape, &self.target) {
            (Shape::Mapped(mapping), Target::DryRun) => match &mapping.expect {
                Some(expect) => self
                    .counts
                    .taken
                    .compare(expect)
                    .context("the files are not as the mapping expects"),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn take(
        &mut self,
        chunk: Chunk,
        outcomes: Option<anyhow::Result<Vec<RowOutcome>>>,
    ) -> anyhow::Result<()> {
        for name in &chunk.empty_files {
            self.bar.say(&format!("{name} is empty"));
        }
        self.counts.skipped += chunk.skipped;
        for refused in &chunk.refused {
            self.refuse(refused)?;
        }
        let outcomes = match outcomes {
            Some(outcomes) => outcomes?,
            None => chunk
                .orders
                .iter()
                .map(|order| self.foresee(order))
                .collect(),
        };
        for (order, outcome) in chunk.orders.iter().zip(outcomes) {
            self.show(order);
            self.count(order, outcome)?;
        }
        Ok(())
    }

    fn count(&mut self, order: &Ready, outcome: RowOutcome) -> anyhow::Result<()> {
        match outcome {
            RowOutcome::Accepted => {
                self.counts.accepted += 1;
                self.counts.unrepeatable += u64::from(!order.is_repeatable);
                self.counts.taken.add(order);
            }
            RowOutcome::Existing => {
                self.counts.existing += 1;
                self.counts.taken.add(order);
            }
            RowOutcome::Refused(problem) => {
                let refused = Refused {
                    refusals: self.refusals(order, &problem),
                    is_counted: false,
                };
                self.refuse(&refused)?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, refused: &Refused) -> anyhow::Result<()> {
        self.counts.refused += u64::from(!refused.is_counted);
        self.report.write(&refused.refusals)
    }

    /// What a server without orders would answer.
    fn foresee(&mut self, order: &Ready) -> RowOutcome {
        match self.repeats.take(order) {
            Taken::New => RowOutcome::Accepted,
            Taken::Existing => RowOutcome::Existing,
            Taken::Differs => RowOutcome::Refused(Problem {
                status: 409,
                code: "external_id_taken".to_owned(),
                title: "An earlier order of these files has the same number and other content"
                    .to_owned(),
                ..Problem::default()
            }),
        }
    }

    fn show(&mut self, order: &Ready) {
        if self.to_show == 0 {
            return;
        }
        self.to_show -= 1;
        if self.is_json {
            let value = serde_json::from_str(&order.json).unwrap_or_default();
            self.shown.push(value);
        } else {
            self.bar.print(&shown(order));
        }
    }

    /// The server's faults, at the rows and columns that they speak of.
    fn refusals(&self, order: &Ready, problem: &Problem) -> Vec<Refusal> {
        if problem.errors.is_empty() {
            let column = if problem.code.contains("external") {
                self.shape.column_of("/external_id", order)
            } else {
                String::new()
            };
            let code = if problem.code.is_empty() {
                problem.status.to_string()
            } else {
                problem.code.clone()
            };
            return vec![order.refusal("", column, &code, &problem.to_string())];
        }
        let refusal = |fault: &crate::client::Fault| {
            let column = self.shape.column_of(&fault.pointer, order);
            order.refusal(&fault.pointer, column, &fault.code, &fault.detail)
        };
        problem.errors.iter().map(refusal).collect()
    }
}

async fn judge(target: Option<Sender>, message: Message) -> Step {
    match message {
        Message::Pass {
            name,
            progress,
            size,
        } => Step::Pass {
            name,
            progress,
            size,
        },
        Message::End(result) => Step::End(result),
        Message::Chunk(chunk) => {
            let outcomes = match target {
                None => None,
                Some(_) if chunk.orders.is_empty() => Some(Ok(Vec::new())),
                Some(sender) => Some(sender.send(&chunk.orders).await),
            };
            Step::Chunk { chunk, outcomes }
        }
    }
}
