//! Decisions: the only way in which an order comes to be or changes. Pure; a store makes them durable.

use std::sync::Arc;
use std::time::Duration;

use crate::event::{Event, EventType, Trace};
use crate::id::{OrderId, Version};
use crate::order::{Failure, Order};
use crate::place::PlaceOrder;
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
    /// Work, due this long after the commit by the store's clock.
    DueIn(Duration),
    /// A worker holds it; the lease is the store's business.
    Leased,
    /// None: the order is final or waits for a person.
    Nothing,
}

/// A change that the state machine does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {status} cannot take {transition:?}")]
pub struct Refusal {
    /// Where the order stands.
    pub status: Status,
    /// What was asked for.
    pub transition: Transition,
}

/// What a change is made of, beside the transition itself.
struct Step {
    at: Timestamp,
    trace: Trace,
    attempt: u32,
    failure: Option<Failure>,
    result: Option<Arc<str>>,
    receipt_key: Option<Arc<str>>,
    retry_in: Option<Duration>,
    job: Job,
}

impl Order {
    /// A fresh order: PENDING, version 1, due at once.
    #[must_use]
    pub fn place(command: PlaceOrder, id: OrderId, now: Timestamp, trace: Trace) -> Decision {
        let order = Self {
            id,
            external_id: command.external_id,
            user_id: command.user_id,
            source: command.source,
            amount: command.amount,
            lines: command.lines,
            metadata: command.metadata,
            created_at: now,
            status: Status::Pending,
            version: Version::FIRST,
            attempt: 0,
            failure: None,
            result: None,
            receipt_key: None,
            updated_at: now,
        };
        let event = order.record(EventType::Created, trace, None);
        Decision {
            order: Arc::new(order),
            event,
            earlier: Vec::new(),
            job: Job::DueIn(Duration::ZERO),
        }
    }

    /// An order of the past that somebody else has worked off: its whole life in one decision, no work left.
    /// `created_at` becomes the time of all three of its events.
    ///
    /// # Errors
    /// Never, as long as the state machine leads from PENDING to PROCESSED.
    pub fn place_history(
        command: PlaceOrder,
        id: OrderId,
        created_at: Timestamp,
        trace: Trace,
        receipt_key: Arc<str>,
    ) -> Result<Decision, Refusal> {
        let created = Self::place(command, id, created_at, trace.clone());
        let claimed = created.order.claim(created_at)?;
        let processed = claimed.order.complete(None, receipt_key, created_at)?;
        let stamp = |event: Event| Event {
            trace: trace.clone(),
            ..event
        };
        Ok(Decision {
            order: processed.order,
            event: stamp(processed.event),
            earlier: vec![created.event, stamp(claimed.event)],
            job: Job::Nothing,
        })
    }

    /// A worker takes it: the attempt counts from here on, so that a crash is an attempt.
    ///
    /// # Errors
    /// Where it is neither PENDING nor RETRYING.
    pub fn claim(&self, now: Timestamp) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Trace::default(), Job::Leased);
        step.attempt = self.attempt.saturating_add(1);
        step.failure.clone_from(&self.failure);
        self.change(Transition::Claim, step)
    }

    /// The work is done and the receipt is safe at `receipt_key`.
    ///
    /// # Errors
    /// Where it is not PROCESSING.
    pub fn complete(
        &self,
        result: Option<Arc<str>>,
        receipt_key: Arc<str>,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Trace::default(), Job::Nothing);
        step.result = result;
        step.receipt_key = Some(receipt_key);
        self.change(Transition::Complete, step)
    }

    /// The attempt failed; the next one is due in `delay`.
    ///
    /// # Errors
    /// Where it is not PROCESSING.
    pub fn retry(
        &self,
        failure: Failure,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Trace::default(), Job::DueIn(delay));
        step.failure = Some(failure);
        step.retry_in = Some(delay);
        self.change(Transition::Retry, step)
    }

    /// The attempt does not count: a worker that stops gives back what it has not finished, or the fault was not the
    /// order's (the endpoint or the receipt store could not be reached). Due again in `delay`.
    ///
    /// # Errors
    /// Where it is not PROCESSING.
    pub fn give_back(
        &self,
        failure: Option<Failure>,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Trace::default(), Job::DueIn(delay));
        step.attempt = self.attempt.saturating_sub(1);
        step.failure = failure.or_else(|| self.failure.clone());
        step.retry_in = Some(delay);
        self.change(Transition::Retry, step)
    }

    /// The lease ran out: another attempt, or the dead letters where `max_attempts` are used up. The attempt is due
    /// after `delay` and up to as much again, by a draw of the order's own, so that orders whose worker died do not all
    /// come back together. After a loss at the second attempt, or a later one, the next is made alone
    /// ([`Order::runs_alone`]).
    ///
    /// # Errors
    /// Where it is not PROCESSING.
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

    /// A part of `whole` that is this order's at this version: drawn from the random bits of its id, the same however
    /// often it is asked for, and any part as likely as any other.
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
    /// Where it is not PROCESSING.
    pub fn fail(&self, failure: Failure, now: Timestamp) -> Result<Decision, Refusal> {
        let mut step = self.step(now, Trace::default(), Job::Nothing);
        step.failure = Some(failure);
        self.change(Transition::Fail, step)
    }

    /// A person's or a client's change: cancel, hold, release, replay or discard.
    ///
    /// # Errors
    /// Where the state machine does not allow it.
    pub fn steer(
        &self,
        steering: Steering,
        now: Timestamp,
        trace: Trace,
    ) -> Result<Decision, Refusal> {
        let (transition, job) = match steering {
            Steering::Cancel => (Transition::Cancel, Job::Nothing),
            Steering::Hold => (Transition::Hold, Job::Nothing),
            Steering::Release => (Transition::Release, Job::DueIn(Duration::ZERO)),
            Steering::Replay => (Transition::Replay, Job::DueIn(Duration::ZERO)),
            Steering::Discard => (Transition::Discard, Job::Nothing),
        };
        let mut step = self.step(now, trace, job);
        match steering {
            Steering::Replay => step.attempt = 0,
            Steering::Cancel | Steering::Hold | Steering::Release | Steering::Discard => {
                step.failure.clone_from(&self.failure);
            }
        }
        self.change(transition, step)
    }

    fn step(&self, at: Timestamp, trace: Trace, job: Job) -> Step {
        Step {
            at,
            trace,
            attempt: self.attempt,
            failure: None,
            result: None,
            receipt_key: None,
            retry_in: None,
            job,
        }
    }

    fn change(&self, transition: Transition, step: Step) -> Result<Decision, Refusal> {
        let (status, event_type) = self.status.after(transition).ok_or(Refusal {
            status: self.status,
            transition,
        })?;
        // A clock that was set back must not make an order change before it was created.
        let at = step.at.max(self.updated_at);
        let order = Self {
            status,
            version: self.version.next(),
            attempt: step.attempt,
            failure: step.failure,
            result: step.result,
            receipt_key: step.receipt_key,
            updated_at: at,
            ..self.clone()
        };
        let event = order.record(
            event_type,
            step.trace,
            step.retry_in.map(|delay| at.saturating_add(delay)),
        );
        Ok(Decision {
            order: Arc::new(order),
            event,
            earlier: Vec::new(),
            job: step.job,
        })
    }

    fn record(&self, event_type: EventType, trace: Trace, retry_at: Option<Timestamp>) -> Event {
        let failure = match event_type {
            EventType::Retrying | EventType::Failed => self.failure.clone(),
            EventType::Created
            | EventType::Processing
            | EventType::Processed
            | EventType::Held
            | EventType::Released
            | EventType::Cancelled
            | EventType::Replayed => None,
        };
        Event {
            order_id: self.id,
            version: self.version,
            event_type,
            user_id: self.user_id.clone(),
            occurred_at: self.updated_at,
            attempt: self.attempt,
            failure,
            retry_at,
            trace,
        }
    }
}

/// What a person or a client can do to an order that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Steering {
    /// PENDING, ON_HOLD, RETRYING or FAILED become CANCELLED.
    Cancel,
    /// PENDING becomes ON_HOLD.
    Hold,
    /// ON_HOLD becomes PENDING.
    Release,
    /// FAILED becomes PENDING, its attempts start at 0.
    Replay,
    /// FAILED becomes CANCELLED.
    Discard,
}
