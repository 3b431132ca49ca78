//! Decisions: the only way in which an order is created or changes. Pure; a store makes them durable. Those of workers are
//! in `attempt`.

use std::sync::Arc;
use std::time::Duration;

use crate::event::{Cause, Event};
use crate::id::{OrderId, Version};
use crate::order::{Failure, MAX_OPERATOR_COMMANDS, Order};
use crate::place::PlaceOrder;
use crate::receipt::Receipt;
use crate::receipt_form::{ReceiptForm, ReceiptLocation};
use crate::status::{EventType, Status, Transition};
use crate::time::Timestamp;

/// One step of one order, to be committed whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The order after it.
    pub order: Arc<Order>,
    /// What is recorded of it.
    pub event: Event,
    /// Events of the same decision that come before `event`: the steps of imported history. Empty for every other decision.
    pub earlier: Vec<Event>,
    /// What the worker has to do after it.
    pub job: Job,
}

/// What a decision leaves for the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Work, due this long after the commit. It is stored as a delay: however the store's wall clock is set, the work is
    /// due at the latest when the delay has passed from now.
    DueIn(Duration),
    /// Work, due at this time by the store's wall clock.
    DueAt(Timestamp),
    /// A worker holds it; the lease is the store's business.
    Leased,
    /// None: the order is final or waits for a person.
    Nothing,
}

/// Why a change is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The state machine has no such transition.
    #[error("an order that is {status} cannot take {transition:?}")]
    NotAllowed {
        /// The order's status.
        status: Status,
        /// What was asked for.
        transition: Transition,
    },
    /// People have held, released and replayed the order too often.
    #[error(
        "the order was held, released and replayed {MAX_OPERATOR_COMMANDS} times, which is the limit; it can still be cancelled"
    )]
    TooManyCommands,
    /// The handler has done the work already: a cancellation would hide that.
    #[error(
        "the order's work is done and only its receipt is missing: it can no longer be cancelled"
    )]
    WorkDone,
    /// Only an order that is PROCESSED, CANCELLED or FAILED can be erased.
    #[error(
        "an order that is {status} cannot be erased: cancel it first, or wait until it is processed"
    )]
    NotErasable {
        /// The order's status.
        status: Status,
    },
}

/// What is known of an order of the past, beside its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// When it was made.
    pub created_at: Timestamp,
    /// How it ended.
    pub status: HistoryStatus,
}

/// What was recorded elsewhere of an order of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryStatus {
    /// It was processed elsewhere.
    Processed,
    /// It was cancelled elsewhere.
    Cancelled,
}

impl HistoryStatus {
    /// The status that the order then has.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::Processed => Status::Processed,
            Self::Cancelled => Status::Cancelled,
        }
    }
}

/// What a change is made of, beside the transition itself.
pub(crate) struct Step {
    pub(crate) at: Timestamp,
    pub(crate) cause: Cause,
    pub(crate) attempt: u32,
    pub(crate) operator_commands: u32,
    pub(crate) failure: Option<Failure>,
    pub(crate) busy_since: Option<Timestamp>,
    pub(crate) work_done: bool,
    pub(crate) result: Option<Arc<str>>,
    pub(crate) receipt_key: Option<Arc<str>>,
    pub(crate) retry_in: Option<Duration>,
    pub(crate) job: Job,
}

impl Order {
    /// A new order: PENDING, version 1, due at once or after its `process_after`. Its receipt will be kept at `receipts`.
    #[must_use]
    pub fn place(
        command: PlaceOrder,
        id: OrderId,
        now: Timestamp,
        cause: Cause,
        receipts: ReceiptLocation,
    ) -> Decision {
        let order = Self {
            id,
            external_id: command.external_id,
            user_id: command.user_id,
            source: command.source,
            amount: command.amount,
            lines: command.lines,
            adjustments: command.adjustments,
            metadata: command.metadata,
            process_after: command.process_after,
            created_at: now,
            receipt: ReceiptForm {
                template: command.receipt_template,
                location: receipts,
            },
            status: Status::Pending,
            version: Version::FIRST,
            attempt: 0,
            operator_commands: 0,
            failure: None,
            retry_at: None,
            busy_since: None,
            work_done: false,
            result: None,
            receipt_key: None,
            updated_at: now,
        };
        let event = order.record(EventType::Created, cause);
        let job = order.first_due(now);
        Decision {
            order: Arc::new(order),
            event,
            earlier: Vec::new(),
            job,
        }
    }

    /// An order of the past that was processed or cancelled elsewhere: its whole life in one decision, no work left.
    /// `created_at` becomes the time of all its events, which are marked as history.
    ///
    /// # Errors
    /// Never, while the state machine leads from PENDING to PROCESSED and to CANCELLED.
    pub fn place_history(
        command: PlaceOrder,
        id: OrderId,
        created_at: Timestamp,
        cause: Cause,
        receipts: ReceiptLocation,
        status: HistoryStatus,
    ) -> Result<Decision, Refusal> {
        let mark = |event: Event| Event {
            cause: cause.clone(),
            history: true,
            ..event
        };
        let created = Self::place(command, id, created_at, cause.clone(), receipts);
        let mut earlier = vec![mark(created.event)];
        let last = match status {
            HistoryStatus::Processed => {
                let claimed = created.order.claim(created_at)?;
                earlier.push(mark(claimed.event));
                let receipt_key = Receipt::key_of(&claimed.order.user_id, id);
                claimed.order.complete(None, receipt_key, created_at)?
            }
            HistoryStatus::Cancelled => {
                created
                    .order
                    .apply(OrderCommand::Cancel, created_at, cause.clone())?
            }
        };
        Ok(Decision {
            order: last.order,
            event: mark(last.event),
            earlier,
            job: Job::Nothing,
        })
    }

    /// When an order that no attempt has failed yet is due: at once, or at its `process_after`.
    fn first_due(&self, now: Timestamp) -> Job {
        match self.process_after {
            Some(time) if time > now => Job::DueAt(time),
            Some(_) | None => Job::DueIn(Duration::ZERO),
        }
    }

    /// A person's or a client's change: cancel, hold, release, replay or discard.
    ///
    /// # Errors
    /// If the state machine does not allow it, if people have changed the order too often, or for a cancellation if the work
    /// is done already.
    pub fn apply(
        &self,
        command: OrderCommand,
        now: Timestamp,
        cause: Cause,
    ) -> Result<Decision, Refusal> {
        let (transition, job) = match command {
            OrderCommand::Cancel => (Transition::Cancel, Job::Nothing),
            OrderCommand::Hold => (Transition::Hold, Job::Nothing),
            OrderCommand::Release => (Transition::Release, self.first_due(now)),
            OrderCommand::Replay => (Transition::Replay, self.first_due(now)),
            OrderCommand::Discard => (Transition::Discard, Job::Nothing),
        };
        if self.work_done && command == OrderCommand::Cancel && self.status != Status::Failed {
            self.status.after(transition).ok_or(Refusal::NotAllowed {
                status: self.status,
                transition,
            })?;
            return Err(Refusal::WorkDone);
        }
        let mut step = self.step(now, cause, job);
        match command {
            OrderCommand::Replay => step.attempt = 0,
            OrderCommand::Cancel
            | OrderCommand::Hold
            | OrderCommand::Release
            | OrderCommand::Discard => {
                step.failure.clone_from(&self.failure);
            }
        }
        // A hold leaves room for its release, so that no order is held for ever.
        let (counted, needed) = match command {
            OrderCommand::Hold => (1, 2),
            OrderCommand::Replay => (1, 1),
            OrderCommand::Release => (1, 0),
            OrderCommand::Cancel | OrderCommand::Discard => (0, 0),
        };
        step.operator_commands = self.operator_commands.saturating_add(counted);
        let decision = self.change(transition, step)?;
        if needed > 0 && self.operator_commands.saturating_add(needed) > MAX_OPERATOR_COMMANDS {
            return Err(Refusal::TooManyCommands);
        }
        Ok(decision)
    }

    /// The last event of an order that is erased: one version after its last change, without personal data.
    ///
    /// # Errors
    /// [`Refusal::NotErasable`] if it is not PROCESSED, CANCELLED or FAILED.
    pub fn erase(&self, now: Timestamp) -> Result<Event, Refusal> {
        if !self.status.is_erasable() {
            return Err(Refusal::NotErasable {
                status: self.status,
            });
        }
        Ok(Event {
            order_id: self.id,
            version: self.version.next(),
            event_type: EventType::Erased,
            user_id: None,
            occurred_at: now.max(self.updated_at),
            attempt: self.attempt,
            failure: None,
            retry_at: None,
            cause: Cause::default(),
            history: false,
        })
    }

    pub(crate) fn step(&self, at: Timestamp, cause: Cause, job: Job) -> Step {
        Step {
            at,
            cause,
            attempt: self.attempt,
            operator_commands: self.operator_commands,
            failure: None,
            busy_since: None,
            work_done: self.work_done,
            result: self.result.clone(),
            receipt_key: None,
            retry_in: None,
            job,
        }
    }

    pub(crate) fn change(&self, transition: Transition, step: Step) -> Result<Decision, Refusal> {
        let (status, event_type) = self.status.after(transition).ok_or(Refusal::NotAllowed {
            status: self.status,
            transition,
        })?;
        // A clock that was set back must not make an order change before it was created.
        let at = step.at.max(self.updated_at);
        let order = Self {
            status,
            version: self.version.next(),
            attempt: step.attempt,
            operator_commands: step.operator_commands,
            failure: step.failure,
            retry_at: step.retry_in.map(|delay| at.saturating_add(delay)),
            busy_since: step.busy_since,
            work_done: step.work_done,
            result: step.result,
            receipt_key: step.receipt_key,
            updated_at: at,
            ..self.clone()
        };
        let event = order.record(event_type, step.cause);
        Ok(Decision {
            order: Arc::new(order),
            event,
            earlier: Vec::new(),
            job: step.job,
        })
    }

    fn record(&self, event_type: EventType, cause: Cause) -> Event {
        let failure = match event_type {
            EventType::Retrying | EventType::Failed => self.failure.clone(),
            EventType::Created
            | EventType::Processing
            | EventType::Processed
            | EventType::Held
            | EventType::Released
            | EventType::Cancelled
            | EventType::Replayed
            | EventType::Erased => None,
        };
        Event {
            order_id: self.id,
            version: self.version,
            event_type,
            user_id: Some(self.user_id.clone()),
            occurred_at: self.updated_at,
            attempt: self.attempt,
            failure,
            retry_at: self.retry_at,
            cause,
            history: false,
        }
    }
}

/// What a person or a client can do to an order that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderCommand {
    /// PENDING, ON_HOLD, RETRYING or FAILED become CANCELLED.
    Cancel,
    /// PENDING and RETRYING become ON_HOLD.
    Hold,
    /// ON_HOLD becomes PENDING; its attempts are kept.
    Release,
    /// FAILED becomes PENDING, its attempts start at 0.
    Replay,
    /// FAILED becomes CANCELLED.
    Discard,
}
