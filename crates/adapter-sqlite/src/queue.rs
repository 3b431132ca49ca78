//! The bounded queue in front of the writer: callers put in what they ask for, the writer takes all that waits, up to a
//! bound. Nothing in it ever waits for room: a full queue refuses at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::{Deadline, StoreError};
use tokio::time::Instant;

use crate::crowd::{COMPANY, Crowd};
use crate::failure::unavailable;
use crate::outcome::Awaited;
use crate::parcel::{Draft, Parcel};
use crate::request::{Class, Request};

/// A commit of so many decisions waits for nobody: its flush is a small part of what it costs. Nor does work that is under
/// way: what a claim or an outcome is for has already waited once.
const PLENTY: usize = 256;

/// So many empty parcels are kept for later.
const SPARE: usize = 16;

pub(crate) struct WriteQueue {
    /// The most decisions that wait.
    limit: usize,
    /// About the most decisions that are taken at once.
    batch: usize,
    company: Duration,
    waiting: Mutex<Waiting>,
    wake_writer: Condvar,
    /// Whether a new order that comes now may be claimed from memory.
    keeps_orders: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    /// The last parcel takes in what comes next.
    is_open: bool,
    /// Empty ones, for what comes next.
    spare: Vec<Parcel>,
    callers: usize,
    decisions: usize,
    writer_sleeps: bool,
    /// The writer sleeps until so many callers wait; 0 where it does not wait for company.
    wanted: usize,
    /// Work that is under way is among what waits.
    is_urgent: bool,
    crowd: Crowd,
    closed: Option<String>,
}

impl Waiting {
    /// Why nothing more is taken in, where nothing is.
    fn refusal(&self, class: Class, limit: usize) -> Option<StoreError> {
        if let Some(reason) = &self.closed {
            return Some(unavailable(reason));
        }
        let limit = match class {
            Class::Intake => limit,
            Class::Outcome => limit.saturating_mul(2),
        };
        (self.decisions >= limit).then_some(StoreError::Overloaded { limit })
    }

    /// Puts in what one caller asks for: into the parcel that is open, or into a new one where that holds a commit's worth.
    fn add<T>(&mut self, class: Class, batch: usize, put: impl FnOnce(&mut Parcel) -> T) -> T {
        let open = self.parcels.back();
        if !self.is_open || open.is_none_or(|parcel| parcel.decisions >= batch) {
            let parcel = self.spare.pop().unwrap_or_default();
            self.parcels.push_back(parcel);
            self.is_open = true;
        }
        let parcel = self.parcels.back_mut().expect("it was put there");
        self.decisions -= parcel.decisions;
        let put = put(parcel);
        self.decisions += parcel.decisions;
        self.callers += 1;
        self.is_urgent |= class == Class::Outcome;
        put
    }

    /// Whether a commit that would wait for `wanted` callers is made now.
    fn is_enough(&self, wanted: usize) -> bool {
        self.is_urgent || self.callers >= wanted || self.decisions >= PLENTY
    }
}

impl WriteQueue {
    /// A queue for at most `limit` decisions, of which about `batch` are taken at once.
    pub(crate) fn new(limit: usize, batch: usize) -> Self {
        Self::with_company(limit, batch, COMPANY)
    }

    fn with_company(limit: usize, batch: usize, company: Duration) -> Self {
        Self {
            limit,
            batch,
            company,
            waiting: Mutex::default(),
            wake_writer: Condvar::new(),
            keeps_orders: AtomicBool::new(true),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether whoever encodes a new order should hand the order itself over, too.
    pub(crate) fn keeps_orders(&self) -> bool {
        self.keeps_orders.load(Ordering::Relaxed)
    }

    pub(crate) fn keep_orders(&self, keep: bool) {
        // Only a change is written: callers read this for every order.
        if self.keeps_orders() != keep {
            self.keeps_orders.store(keep, Ordering::Relaxed);
        }
    }

    /// Hands the writes of a draft over, or refuses them at once.
    pub(crate) fn commit(
        &self,
        draft: &mut Draft,
        deadline: Deadline,
        class: Class,
    ) -> Result<Awaited, StoreError> {
        self.put(class, |parcel| parcel.add(draft, deadline))
    }

    /// Asks for something else, in the same way.
    pub(crate) fn ask(&self, request: Request, class: Class) -> Result<(), StoreError> {
        self.put(class, |parcel| parcel.ask(request))
    }

    fn put<T>(&self, class: Class, put: impl FnOnce(&mut Parcel) -> T) -> Result<T, StoreError> {
        let mut waiting = self.lock();
        if let Some(refusal) = waiting.refusal(class, self.limit) {
            return Err(refusal);
        }
        let put = waiting.add(class, self.batch, put);
        self.wake_where_wanted(waiting);
        Ok(put)
    }

    fn wake_where_wanted(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let is_work = waiting.writer_sleeps && !waiting.parcels.is_empty();
        let is_company = waiting.wanted > 0 && waiting.is_enough(waiting.wanted);
        let wake = is_work || is_company;
        if wake {
            waiting.writer_sleeps = false;
            waiting.wanted = 0;
        }
        drop(waiting);
        if wake {
            self.wake_writer.notify_one();
        }
    }

    /// Moves what waits into `taken`, up to about a batch; waits where nothing does. What is in it must be empty by now: it
    /// is kept for what comes next. `false` once the queue is closed and nothing waits.
    pub(crate) fn take(&self, taken: &mut Vec<Parcel>) -> bool {
        let mut waiting = self.lock();
        waiting.spare.append(taken);
        waiting.spare.truncate(SPARE);
        let came = waiting.callers;
        let ended = Instant::now();
        waiting.crowd.ended(came, ended);
        while waiting.parcels.is_empty() {
            if waiting.closed.is_some() {
                return false;
            }
            waiting.writer_sleeps = true;
            waiting = self
                .wake_writer
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if came == 0 {
            waiting.crowd.rested(ended.elapsed());
        }
        waiting = self.wait_for_company(waiting);
        let (mut callers, mut decisions) = (0, 0);
        while decisions < self.batch
            && let Some(parcel) = waiting.parcels.pop_front()
        {
            decisions += parcel.decisions;
            callers += parcel.callers;
            taken.push(parcel);
        }
        waiting.callers -= callers;
        waiting.decisions -= decisions;
        waiting.crowd.begins(callers, Instant::now());
        // What a full commit left behind may be work under way.
        waiting.is_urgent &= !waiting.parcels.is_empty();
        true
    }

    /// Under load, waits a moment for as many callers as may come.
    fn wait_for_company<'q>(
        &'q self,
        mut waiting: MutexGuard<'q, Waiting>,
    ) -> MutexGuard<'q, Waiting> {
        let wanted = waiting.crowd.wanted();
        if waiting.is_enough(wanted) || waiting.closed.is_some() {
            return waiting;
        }
        waiting.wanted = wanted;
        let company = waiting.crowd.patience().min(self.company);
        let waited = self
            .wake_writer
            .wait_timeout_while(waiting, company, |waiting| waiting.wanted > 0);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.wanted = 0;
        waiting
    }

    /// Refuses everything from now on, for this reason; what waits is still taken.
    pub(crate) fn close(&self, reason: &str) {
        let mut waiting = self.lock();
        waiting.closed.get_or_insert_with(|| reason.to_owned());
        waiting.wanted = 0;
        drop(waiting);
        self.wake_writer.notify_all();
    }

    /// Throws away what waits, for a writer that cannot go on: dropping it tells the callers.
    pub(crate) fn clear(&self) {
        let mut waiting = self.lock();
        waiting.callers = 0;
        waiting.decisions = 0;
        let dropped = std::mem::take(&mut waiting.parcels);
        drop(waiting);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::{Class, PLENTY, Request, WriteQueue};
    use crate::crowd::{CROWD, Crowd};
    use crate::request::Taking;

    /// Longer than any test: who waits for company that does not come never ends.
    const FOR_EVER: Duration = Duration::from_secs(86_400);
    const SHORT: Duration = Duration::from_millis(1);

    fn heartbeat() -> Request {
        let (reply, _) = oneshot::channel();
        Request::Heartbeat {
            claims: Vec::new(),
            lease: Duration::ZERO,
            reply,
        }
    }

    fn call(queue: &WriteQueue) {
        queue.ask(heartbeat(), Class::Intake).unwrap();
    }

    fn outcome(queue: &WriteQueue) {
        queue.ask(heartbeat(), Class::Outcome).unwrap();
    }

    /// One caller with so many decisions.
    fn many(queue: &WriteQueue, decisions: usize) {
        let (reply, _) = oneshot::channel();
        let request = Request::Take {
            limits: application::ports::ClaimLimits::any(decisions),
            taking: Taking::Claim(Duration::ZERO),
            reply,
        };
        queue.ask(request, Class::Intake).unwrap();
    }

    /// A queue with so many callers around.
    fn crowded(around: usize) -> Arc<WriteQueue> {
        crowded_with(around, 1_000)
    }

    /// One of which so many decisions are taken at once.
    fn crowded_with(around: usize, batch: usize) -> Arc<WriteQueue> {
        let queue = WriteQueue::with_company(1_000, batch, FOR_EVER);
        queue.lock().crowd = Crowd::of(around, FOR_EVER);
        Arc::new(queue)
    }

    fn take(queue: &WriteQueue) -> usize {
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken));
        taken.iter().map(|parcel| parcel.callers).sum()
    }

    fn taker(queue: &Arc<WriteQueue>) -> std::thread::JoinHandle<usize> {
        let queue = Arc::clone(queue);
        std::thread::spawn(move || take(&queue))
    }

    #[test]
    fn a_few_callers_are_not_kept_waiting_for_others() {
        let queue = crowded(CROWD - 1);
        call(&queue);
        assert_eq!(take(&queue), 1);
    }

    /// Starts a taker with one caller in the queue, and returns once it waits for company.
    fn waiting_taker(queue: &Arc<WriteQueue>) -> std::thread::JoinHandle<usize> {
        call(queue);
        let writer = taker(queue);
        while queue.lock().wanted == 0 {
            assert!(!writer.is_finished(), "it did not wait");
            std::thread::yield_now();
        }
        writer
    }

    #[test]
    fn under_load_a_commit_waits_for_some_of_those_who_were_around() {
        let queue = crowded(10 * CROWD);
        let writer = waiting_taker(&queue);
        let wanted = queue.lock().wanted;
        assert!((2 * CROWD..4 * CROWD).contains(&wanted), "{wanted}");
        for _ in 1..wanted {
            call(&queue);
        }
        assert_eq!(writer.join().unwrap(), wanted);
    }

    #[test]
    fn work_under_way_is_not_kept_waiting() {
        let queue = crowded(2 * CROWD);
        let writer = waiting_taker(&queue);
        outcome(&queue);
        assert_eq!(writer.join().unwrap(), 2);
        // Nor does it wait where the work is there first; and the next commit waits again.
        outcome(&queue);
        assert_eq!(take(&queue), 1);
        let writer = waiting_taker(&queue);
        queue.close("the test ends");
        assert_eq!(writer.join().unwrap(), 1);
    }

    #[test]
    fn work_under_way_that_a_full_commit_left_behind_is_not_kept_waiting() {
        let queue = crowded_with(2 * CROWD, PLENTY);
        many(&queue, PLENTY);
        outcome(&queue);
        assert_eq!(take(&queue), 1);
        assert_eq!(take(&queue), 1);
    }

    #[test]
    fn a_large_commit_waits_for_nobody() {
        let queue = crowded(2 * CROWD);
        let writer = waiting_taker(&queue);
        many(&queue, PLENTY);
        assert_eq!(writer.join().unwrap(), 2);
    }

    #[test]
    fn a_commit_does_not_wait_for_ever() {
        for (usual, longest) in [(SHORT, FOR_EVER), (FOR_EVER, SHORT)] {
            let queue = WriteQueue::with_company(1_000, 1_000, longest);
            queue.lock().crowd = Crowd::of(2 * CROWD, usual);
            call(&queue);
            assert_eq!(take(&queue), 1);
        }
    }

    #[test]
    fn a_closed_queue_does_not_wait_for_company() {
        let queue = crowded(2 * CROWD);
        let writer = waiting_taker(&queue);
        queue.close("the test ends");
        assert_eq!(writer.join().unwrap(), 1);
    }

    #[test]
    fn after_a_rest_nobody_is_waited_for() {
        let queue = WriteQueue::new(1_000, 1_000);
        queue.lock().crowd = Crowd::of(100 * CROWD, SHORT);
        let queue = Arc::new(queue);
        let writer = taker(&queue);
        while !queue.lock().writer_sleeps {
            std::thread::yield_now();
        }
        std::thread::sleep(10 * SHORT);
        call(&queue);
        assert_eq!(writer.join().unwrap(), 1);
        assert_eq!(queue.lock().crowd.wanted(), 0);
    }
}
