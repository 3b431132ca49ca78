//! The ways in which a promise can be broken, one name each.

use std::time::Duration;

use crate::fault::readback::Stats;

/// One broken promise, with what is needed to find it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::fault) enum Violation {
    /// The run proves nothing: nothing was broken in it.
    NoFaultFired,
    /// The run proves nothing: no order was accepted in it.
    NothingAcknowledged,

    /// A client has its positive answer, and the order is not there. `sent` is since the run began.
    AcknowledgedLost {
        marker: String,
        order_id: String,
        sent: Duration,
    },
    /// A client was refused, and the order is there.
    RefusedAppeared {
        marker: String,
        order_ids: Vec<String>,
    },
    /// One order that was asked for is there several times, and no key forbade it: a request whose fate was unknown,
    /// or an external id, made more than one.
    AppearedTwice {
        marker: String,
        order_ids: Vec<String>,
    },
    /// One idempotency key made several orders.
    KeyMadeSeveralOrders { key: String, order_ids: Vec<String> },
    /// Equal requests with one key got different first answers.
    ReplayDiffers { key: String, answers: Vec<String> },
    /// Several equal requests with one key were all told to be the first.
    SeveralFirstAnswers { key: String, count: usize },
    /// A valid order was refused, though nothing but faults stood in its way.
    ValidRefused {
        marker: String,
        status: u16,
        body: String,
    },
    /// A faulty order was accepted.
    FaultyAccepted { marker: String, fault: &'static str },
    /// A cancellation was confirmed, and the order is not cancelled.
    CancellationForgotten { order_id: String, status: String },
    /// There are orders that no client asked for.
    NobodyAskedForIt { order_ids: Vec<String> },

    /// The order is not what was asked for.
    ContentDiffers { order_id: String, what: String },
    /// A processed order has no receipt.
    ReceiptMissing { order_id: String },
    /// The receipt does not say what was ordered.
    ReceiptDiffers {
        order_id: String,
        kept: String,
        expected: String,
    },
    /// There is a receipt of an order that is not processed.
    ReceiptTooEarly { order_id: String, status: String },

    /// The events of an order are not versions 1, 2, 3... under their own names.
    VersionsHaveGaps {
        order_id: String,
        versions: Vec<u64>,
    },
    /// An event that the state machine does not allow.
    IllegalTransition {
        order_id: String,
        version: u64,
        from: String,
        event: String,
    },
    /// A PROCESSED or CANCELLED order changed.
    FinalChanged {
        order_id: String,
        version: u64,
        from: String,
        event: String,
    },
    /// The order and its last event disagree.
    OrderIsNotItsLastEvent {
        order_id: String,
        order: (String, u64),
        event: Option<(String, u64)>,
    },

    /// After all that time an order is still on its way.
    NotAtItsEnd { order_id: String, status: String },
    /// An order ended in the dead letters without a reason of its own.
    UnexpectedDeadLetter {
        order_id: String,
        failure: Option<String>,
    },
    /// A failed order is not among the dead letters.
    DeadLetterMissing { order_id: String },
    /// A processed order was never worked on.
    EffectMissing { order_id: String },
    /// Work was done for an order that does not exist, or under another order's key.
    EffectOfNoOrder { key: String, order_ids: Vec<String> },
    /// The order's result is not what its work answered.
    ResultOfSomethingElse {
        order_id: String,
        result: Option<serde_json::Value>,
    },
    /// The list shows an order not at all, or several times.
    ListShowsIt { order_id: String, times: usize },
    /// The counts do not add up to the orders that are there.
    CountsDoNotReconcile { stats: Stats, orders: usize },
}

impl Violation {
    /// Its bare name, for a summary.
    pub(in crate::fault) fn name(&self) -> String {
        let text = format!("{self:?}");
        let end = text
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(text.len());
        text[..end].to_owned()
    }
}
