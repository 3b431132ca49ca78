//! The decisions of workers: an attempt begins, and ends in one of several ways. Called by the worker and, for claims and
//! lost leases, by the stores.

use std::sync::Arc;
use std::time::Duration;

use crate::decision::{Decision, Job, Refusal, Step};
use crate::event::Cause;
use crate::order::{Failure, Order};
use crate::status::Transition;
use crate::time::Timestamp;

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
        let step = self.next_attempt(Some(failure), delay, now);
        self.change(Transition::Retry, step)
    }

    /// The attempt does not count: a worker that stops gives back what it has not finished, or the fault was not the
    /// order's (the endpoint could not be reached). Due again in `delay`.
    ///
    /// # Errors
    /// If it is not PROCESSING.
    pub fn give_back(
        &self,
        failure: Option<Failure>,
        delay: Duration,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let busy_since = self.busy_since.filter(|_| failure.is_none());
        let failure = failure.or_else(|| self.failure.clone());
        let mut step = self.next_attempt(failure, delay, now);
        step.attempt = self.attempt.saturating_sub(1);
        step.busy_since = busy_since;
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
        let mut step = self.next_attempt(Some(failure), delay, now);
        step.attempt = self.attempt.saturating_sub(1);
        step.busy_since = self.busy_since.or(Some(now.max(self.updated_at)));
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
        let mut step = self.next_attempt(Some(failure), delay, now);
        step.attempt = self.attempt.saturating_sub(1);
        step.record_work(result);
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

    /// The attempt ends with `failure`, and the next one is due in `delay`.
    fn next_attempt(&self, failure: Option<Failure>, delay: Duration, now: Timestamp) -> Step {
        let mut step = self.step(now, Cause::default(), Job::DueIn(delay));
        step.failure = failure;
        step.retry_in = Some(delay);
        step
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
}
