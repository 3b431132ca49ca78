//! One run: what every fault test shares from its beginning to its verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use super::checker::{Expectations, Violation, judge};
use super::endpoint::Endpoint;
use super::facts::Facts;
use super::history::{Fault, History, Operation, Outcome, Request};
use super::load::{Load, Plan, Targets, http_client, place};
use super::process::{Binary, Setup, StoreAt};
use super::readback::{ReadBack, Reader};

/// So long after the last fault every order has to be at its end.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);

/// Whether the long runs were asked for.
pub(super) fn is_long() -> bool {
    std::env::var_os("ORDERMILL_LONG").is_some_and(|value| value == "1")
}

/// `short` in a usual run, `long` with `ORDERMILL_LONG=1`.
pub(super) fn times(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// A run in a folder of its own.
#[derive(Debug)]
pub(super) struct Run {
    folder: TempDir,
    /// Where orders are worked off.
    pub(super) endpoint: Endpoint,
    /// Where the processes answer now.
    pub(super) targets: Targets,
    began: Instant,
    faults: Vec<Fault>,
    /// What was asked for beside the load.
    operations: Vec<Operation>,
}

impl Run {
    /// Begins.
    pub(super) async fn begin() -> Self {
        Self {
            folder: tempfile::Builder::new()
                .prefix("omfault")
                .tempdir()
                .expect("a temporary folder"),
            endpoint: Endpoint::start().await,
            targets: Targets::default(),
            began: Instant::now(),
            faults: Vec::new(),
            operations: Vec::new(),
        }
    }

    /// A data folder on the machine's own disk.
    pub(super) fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// How a process is started, with waits that suit a test.
    pub(super) fn setup(&self, binary: Binary, store: StoreAt) -> Setup {
        Setup {
            binary,
            store,
            handler_url: self.endpoint.url.clone(),
            handler_timeout: Duration::from_secs(5),
            lease: Duration::from_secs(30),
            max_attempts: 30,
            backoff_last: Duration::from_secs(1),
            drain: Duration::from_secs(10),
            more: Vec::new(),
            environment: Vec::new(),
            logs: self.folder.path().to_owned(),
        }
    }

    /// A load of some hundred orders a second.
    pub(super) fn load(&self, seed: u64) -> Load {
        let plan = Plan {
            clients: 16,
            pause_most: Duration::from_millis(40),
            seed,
        };
        Load::start(&self.targets, plan, self.began)
    }

    /// Notes a fault that was really fired.
    pub(super) fn fired(&mut self, what: impl Into<String>) {
        let fault = Fault {
            at: self.began.elapsed(),
            what: what.into(),
        };
        println!("{:>9.3} s: {}", fault.at.as_secs_f64(), fault.what);
        self.faults.push(fault);
    }

    /// Sends one order once, beside the load, and records what came of it: asked again with the same key, as a further
    /// request of the same operation.
    pub(super) async fn ask(
        &mut self,
        client: &reqwest::Client,
        facts: Facts,
        key: Option<String>,
    ) -> Outcome {
        let sent = Instant::now();
        let target = self.targets.pick(0);
        let outcome = place(client, target, key.as_deref(), &facts.body()).await;
        let request = Request {
            sent: sent - self.began,
            took: sent.elapsed(),
            outcome: outcome.clone(),
        };
        let mut asked_before = self.operations.iter_mut();
        let same = |known: &&mut Operation| {
            known.key.is_some() && known.key == key && known.facts == facts
        };
        if let Some(known) = asked_before.find(same) {
            known.requests.push(request);
        } else {
            self.record(Operation {
                key,
                facts,
                fault: None,
                requests: vec![request],
                cancel: None,
            });
        }
        outcome
    }

    /// Records an order that was asked for beside the load.
    pub(super) fn record(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// Since the run began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Reads from the first process.
    pub(super) fn reader(&self) -> Reader {
        Reader::new(http_client(), self.targets.pick(0))
    }

    /// Ends the load, waits until all orders are at their end, reads everything back and judges.
    pub(super) async fn judge(mut self, load: Load, expectations: &Expectations) -> Verdict {
        self.operations.append(&mut load.finish().await);
        self.judge_recorded(expectations).await
    }

    /// As [`Run::judge`], where everything was asked for without a load.
    pub(super) async fn judge_recorded(self, expectations: &Expectations) -> Verdict {
        let history = History {
            operations: self.operations.clone(),
            faults: self.faults.clone(),
        };
        let reader = self.reader();
        let reading = Instant::now();
        reader.settle(SETTLE_WITHIN).await;
        let settled_after = reading.elapsed();
        let answers = history.operations.iter().flat_map(Operation::answers);
        let known: Vec<String> = answers.map(|answer| answer.order_id.clone()).collect();
        let readback = reader.everything(known).await;
        let violations = judge(&history, &readback, &self.endpoint.effects(), expectations);
        println!(
            "{}; settled after {:.1} s, read back in {:.1} s: {} orders; {} calls of the handler; {} violations {:?}",
            history.summary(),
            settled_after.as_secs_f64(),
            (reading.elapsed() - settled_after).as_secs_f64(),
            readback.kept.len(),
            self.endpoint.calls(),
            violations.len(),
            by_name(&violations),
        );
        Verdict {
            violations,
            history,
            readback,
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) violations: Vec<Violation>,
    pub(super) history: History,
    pub(super) readback: ReadBack,
}

impl Verdict {
    /// Fails the test unless every promise was kept.
    pub(super) fn assert_kept(&self) {
        assert!(
            self.violations.is_empty(),
            "promises were broken:\n{}",
            self.describe()
        );
    }

    /// Fails the test unless the checker saw a violation of the kind that was broken.
    pub(super) fn assert_shows(&self, kind: &str, is_it: fn(&Violation) -> bool) {
        let shown = self.violations.iter().any(is_it);
        assert!(
            shown,
            "the checker did not see {kind}; it saw:\n{}",
            self.describe()
        );
    }

    /// Fails the test where the checker saw a violation that the defect cannot cause.
    pub(super) fn assert_never(&self, kind: &str, is_it: fn(&Violation) -> bool) {
        let shown = self.violations.iter().any(is_it);
        assert!(!shown, "the checker saw {kind}:\n{}", self.describe());
    }

    /// The violations by name and number, and the first of each in full.
    fn describe(&self) -> String {
        let lines: Vec<String> = by_name(&self.violations)
            .iter()
            .map(|(name, count)| {
                let first = self
                    .violations
                    .iter()
                    .find(|violation| violation.name() == *name);
                format!("{count} x {name}, such as {first:?}")
            })
            .collect();
        let faults: Vec<String> = self
            .history
            .faults
            .iter()
            .map(|fault| format!("{:.3} s {}", fault.at.as_secs_f64(), fault.what))
            .collect();
        format!(
            "{}\nfaults: {}\n{}",
            lines.join("\n"),
            faults.join("; "),
            self.history.summary()
        )
    }
}

/// How many violations there are of each name.
fn by_name(violations: &[Violation]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for violation in violations {
        *counts.entry(violation.name()).or_default() += 1;
    }
    counts
}
