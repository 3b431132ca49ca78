//! What happened, as seen from outside the process under test: every request with its key and body and its outcome,
//! and every fault that was really fired. The load generator writes it, the checker reads it.

use std::time::Duration;

use super::facts::Facts;

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Ok(Answer),
    /// 4xx: nothing may have come of it.
    Refused { status: u16, body: String },
    /// A time-out, a broken connection or 5xx: it may or may not have happened.
    Unknown(String),
}

/// A positive answer to the placing of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) etag: Option<String>,
    pub(super) location: Option<String>,
    /// Whether it said `Idempotent-Replayed: true`.
    pub(super) replayed: bool,
    /// The order's id, from the body.
    pub(super) order_id: String,
}

/// One request that placed, or tried to place, an order.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Since the run began.
    pub(super) sent: Duration,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

/// What became of a request to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CancelOutcome {
    /// 200: it is cancelled for good.
    Cancelled,
    /// 409 and the like: it had gone too far.
    Refused(u16),
    /// It may or may not have happened.
    Unknown,
}

/// One order that a client wanted, however many requests it took.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) key: Option<String>,
    pub(super) facts: Facts,
    /// The fault in the body, for an order that has to be refused.
    pub(super) fault: Option<&'static str>,
    pub(super) requests: Vec<Request>,
    pub(super) cancel: Option<CancelOutcome>,
}

impl Operation {
    /// The answers that acknowledged it.
    pub(super) fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.requests
            .iter()
            .filter_map(|request| match &request.outcome {
                Outcome::Ok(answer) => Some(answer),
                Outcome::Refused { .. } | Outcome::Unknown(_) => None,
            })
    }

    /// Whether any request's fate is open.
    pub(super) fn has_unknown(&self) -> bool {
        let mut requests = self.requests.iter();
        requests.any(|request| matches!(request.outcome, Outcome::Unknown(_)))
    }

    /// The status and body of a refusal, where there was one.
    pub(super) fn refusal(&self) -> Option<(u16, &str)> {
        self.requests
            .iter()
            .find_map(|request| match &request.outcome {
                Outcome::Refused { status, body } => Some((*status, body.as_str())),
                Outcome::Ok(_) | Outcome::Unknown(_) => None,
            })
    }
}

/// A fault that was really fired.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Since the run began.
    pub(super) at: Duration,
    pub(super) what: String,
}

/// A run, as seen from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    pub(super) operations: Vec<Operation>,
    pub(super) faults: Vec<Fault>,
}

impl History {
    /// One line for the log of a test.
    pub(super) fn summary(&self) -> String {
        let count = |test: fn(&Operation) -> bool| {
            let matching = self.operations.iter().filter(|operation| test(operation));
            matching.count()
        };
        let requests = self.operations.iter().flat_map(|op| &op.requests);
        let answered = requests.filter(|request| !matches!(request.outcome, Outcome::Unknown(_)));
        let longest = answered
            .map(|request| request.took)
            .max()
            .unwrap_or_default();
        let requests: usize = self.operations.iter().map(|op| op.requests.len()).sum();
        format!(
            "{} faults; {} orders asked for in {requests} requests: {} acknowledged, {} refused, {} with an unknown outcome on the way; the longest wait for an answer was {} ms",
            self.faults.len(),
            self.operations.len(),
            count(|op| op.answers().next().is_some()),
            count(|op| op.refusal().is_some()),
            count(Operation::has_unknown),
            longest.as_millis(),
        )
    }
}
