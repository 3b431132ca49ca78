//! Decisions: the only way in which an order is created or changes. Pure; a store makes them durable.

use std::sync::Arc;
use std::time::Duration;

use crate::event::{Cause, Event, EventType};
use crate::id::{OrderId, Version};
use crate::order::{Failure, MAX_OPERATOR_COMMANDS, Order};
use crate::place::PlaceOrder;
use crate::receipt::{Receipt, ReceiptForm, ReceiptLocation};
use crate::status::{Status, Transition};
use crate::time::Timestamp;

/// One step of one order, to be committed whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The order after it.
    pub order: Arc<Order>,
    /// What is recorded of it.
    pub event: Event,
    /// Events of the same decision that come before `event`; empty but where several steps are committed as one.
    pub earlier: Vec<Event>,
    /// What the worker has to do after it.
    pub job: Job,
}

impl Decision {
    /// This decision and the one that follows it as one: they are committed together, with the events of both.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let mut earlier = self.earlier;
        earlier.push(self.event);
        earlier.extend(next.earlier);
        Self { earlier, ..next }
    }
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

/// What was recorded elsewhere of an order of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryStatus {
    /// It was processed elsewhere.
    Processed,
    /// It was cancelled elsewhere.
    Cancelled,
}

/// What a change is made of, beside the transition itself.
struct Step {
    at: Timestamp,
    cause: Cause,
    attempt: u32,
    operator_commands: u32,
    failure: Option<Failure>,
    busy_since: Option<Timestamp>,
    work_done: bool,
    result: Option<Arc<str>>,
    receipt_key: Option<Arc<str>>,
    retry_in: Option<Duration>,
    job: Job,
}

impl Step {
    /// The handler has done the work. What an earlier attempt recorded stays.
    fn record_work(&mut self, result: Option<Arc<str>>) {
        if !self.work_done {
            self.work_done = true;
            self.result = result;
        }
    }
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
                    .steer(Steering::Cancel, created_at, cause.clone())?
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

    /// A worker takes it: the attempt counts from here on, so that a crash is an attempt.
    ///
    /// # Errors
    /// If it is neither PENDING nor RETRYING.
    pub fn claim(&self, now: Timestamp) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Cause::default(), Job::Leased);
        step.attempt = self.attempt.saturating_add(1);
        step.failure.clone_from(&self.failure);
        step.busy_since = self.busy_since;
        self.change(Transition::Claim, step)
    }

    /// The work is done and the receipt is safe at `receipt_key`. If the work was done at an earlier attempt, its result is
    /// kept and `result` is not used.
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn complete(
        &self,
        result: Option<Arc<str>>,
        receipt_key: Arc<str>,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Cause::default(), Job::Nothing);
        step.record_work(result);
        step.receipt_key = Some(receipt_key);
        self.change(Transition::Complete, step)
    }

    /// The attempt failed; the next one is due in `delay`.
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn retry(
        &self,
        failure: Failure,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Cause::default(), Job::DueIn(delay));
        step.failure = Some(failure);
        step.retry_in = Some(delay);
        self.change(Transition::Retry, step)
    }

    /// The attempt does not count: a worker that stops gives back what it has not finished, or the fault was not the
    /// order's (the endpoint or the receipt store could not be reached). Due again in `delay`.
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn give_back(
        &self,
        failure: Option<Failure>,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Cause::default(), Job::DueIn(delay));
        step.attempt = self.attempt.saturating_sub(1);
        if failure.is_none() {
            step.busy_since = self.busy_since;
        }
        step.failure = failure.or_else(|| self.failure.clone());
        step.retry_in = Some(delay);
        self.change(Transition::Retry, step)
    }

    /// The endpoint is too busy for the order: the attempt does not count. Due again in `delay`. The first of several busy
    /// answers in a row begins [`Order::busy_since`].
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn postpone_busy(
        &self,
        failure: Failure,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Cause::default(), Job::DueIn(delay));
        step.attempt = self.attempt.saturating_sub(1);
        step.failure = Some(failure);
        step.busy_since = self.busy_since.or(Some(now));
        step.retry_in = Some(delay);
        self.change(Transition::Retry, step)
    }

    /// The handler has done the work, with `result`, and the receipt cannot be written now: `failure` says why. The next
    /// attempt, due in `delay`, only writes the receipt. The attempt counts once: it goes on.
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn await_receipt(
        &self,
        result: Option<Arc<str>>,
        failure: Failure,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Cause::default(), Job::DueIn(delay));
        step.attempt = self.attempt.saturating_sub(1);
        step.record_work(result);
        step.failure = Some(failure);
        step.retry_in = Some(delay);
        self.change(Transition::Retry, step)
    }

    /// The lease ran out: another attempt, or the dead letters if `max_attempts` are used up. The attempt is due after
    /// `delay` to twice `delay`, drawn from the order's id, so that orders whose worker died do not all come back
    /// together. After a loss at the second attempt, or a later one, the order is quarantined ([`Order::is_quarantined`]).
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn lose_lease(
        &self,
        max_attempts: u32,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let failure = Failure::new(
            Failure::LEASE_LOST,
            "the worker stopped or crashed while it worked on the order",
        );
        if self.attempt >= max_attempts {
            self.fail(failure, now)
        } else {
            self.retry(failure, delay.saturating_add(self.part_of(delay)), now)
        }
    }

    /// A part of `whole`, uniformly drawn from the random bits of the order's id and its version: always the same for one
    /// order at one version.
    fn part_of(&self, whole: Duration) -> Duration {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [.., a, b, c, d, e, f, g, h] = *self.id.as_bytes();
        let own = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        // The mixer of SplitMix64: numbers that differ in one bit end far apart.
        let mut draw = own.wrapping_add(ODD.wrapping_mul(u64::from(self.version.get())));
        draw = (draw ^ (draw >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        draw = (draw ^ (draw >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        draw ^= draw >> 31;
        let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
        // The product of two 64-bit numbers keeps its upper half: even over the range, without a float.
        let part = (u128::from(draw) * u128::from(micros)) >> 64;
        Duration::from_micros(u64::try_from(part).unwrap_or(micros))
    }

    /// The attempt failed for good: a dead letter.
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn fail(&self, failure: Failure, now: Timestamp) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Cause::default(), Job::Nothing);
        step.failure = Some(failure);
        self.change(Transition::Fail, step)
    }

    /// A person's or a client's change: cancel, hold, release, replay or discard.
    ///
    /// # Errors
    /// If the state machine does not allow it, if people have changed the order too often, or for a cancellation if the work
    /// is done already.
    pub fn steer(
        &self,
        steering: Steering,
        now: Timestamp,
        cause: Cause,
    ) -> Result<Decision, Refusal> {
        let (transition, job) = match steering {
            Steering::Cancel => (Transition::Cancel, Job::Nothing),
            Steering::Hold => (Transition::Hold, Job::Nothing),
            Steering::Release => (Transition::Release, self.first_due(now)),
            Steering::Replay => (Transition::Replay, self.first_due(now)),
            Steering::Discard => (Transition::Discard, Job::Nothing),
        };
        if self.work_done && steering == Steering::Cancel && self.status != Status::Failed {
            self.status.after(transition).ok_or(Refusal::NotAllowed {
                status: self.status,
                transition,
            })?;
            return Err(Refusal::WorkDone);
        }
        let mut step = self.step(now, cause, job);
        match steering {
            Steering::Replay => step.attempt = 0,
            Steering::Cancel | Steering::Hold | Steering::Release | Steering::Discard => {
                step.failure.clone_from(&self.failure);
            }
        }
        // A hold leaves room for its release, so that no order is held for ever.
        let (counted, needed) = match steering {
            Steering::Hold => (1, 2),
            Steering::Replay => (1, 1),
            Steering::Release => (1, 0),
            Steering::Cancel | Steering::Discard => (0, 0),
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

    fn step(&self, at: Timestamp, cause: Cause, job: Job) -> Step {
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

    fn change(&self, transition: Transition, step: Step) -> Result<Decision, Refusal> {
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
pub enum Steering {
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
