//! The bounded queue in front of the writer: callers put requests in, the writer takes all that wait, up to a bound.
//! Nothing in it ever waits for room: a full queue refuses at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use application::ports::StoreError;
use tokio::time::Instant;

use crate::failure::unavailable;
use crate::request::{Lane, Request};
use crate::together::{self, Asked};

/// From so many callers on that usually come while a commit is made, the next one waits for as many again. Most of what
/// a commit costs is its flush, however few it carries, and whoever comes while it is made has to wait for it whole
/// (PostgreSQL's `commit_delay` and `commit_siblings` are against the same). With fewer, waiting costs the whole life of
/// orders more than it saves. Work that is under way is never kept waiting: what a claim or an outcome is for has already
/// waited once.
const CROWD: usize = 20;
/// A commit of so many decisions waits for nobody: its flush is a small part of what it costs.
const PLENTY: usize = 256;
/// The longest that a commit waits for company.
const COMPANY: Duration = Duration::from_millis(1);

/// Whoever found nothing to write for so long is not under load.
const REST: Duration = Duration::from_millis(1);

pub(crate) struct WriteQueue {
    limit: usize,
    company: Duration,
    waiting: Mutex<Waiting>,
    wake_writer: Condvar,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    decisions: usize,
    writer_sleeps: bool,
    /// The writer sleeps until so many callers wait; 0 where it does not wait for company.
    wanted: usize,
    /// Work that is under way is among what waits.
    is_urgent: bool,
    usual: Usual,
    closed: Option<String>,
}

impl Waiting {
    /// Why nothing more is taken in, where nothing is.
    fn refusal(&self, lane: Lane, limit: usize) -> Option<StoreError> {
        if let Some(reason) = &self.closed {
            return Some(unavailable(reason));
        }
        let limit = match lane {
            Lane::Intake => limit,
            Lane::Outcome => limit.saturating_mul(2),
        };
        (self.decisions >= limit).then_some(StoreError::Overloaded { limit })
    }

    fn add(&mut self, request: Request, lane: Lane) {
        self.decisions += request.weight();
        self.requests.push_back(request);
        self.is_urgent |= lane == Lane::Outcome;
    }

    /// Whether a commit that would wait for `wanted` callers is made now.
    fn is_enough(&self, wanted: usize) -> bool {
        self.is_urgent || self.requests.len() >= wanted || self.decisions >= PLENTY
    }
}

/// How many callers usually come while a commit is made: a moving average, 16 times as large.
#[derive(Default)]
struct Usual(usize);

impl Usual {
    const fn saw(&mut self, callers: usize) {
        self.0 = self.0 - self.0 / 16 + callers;
    }

    /// How many callers a commit waits for; 0 where it is made at once.
    const fn wanted(&self) -> usize {
        let usual = self.0 / 16;
        if usual < CROWD { 0 } else { usual * 2 }
    }
}

impl WriteQueue {
    pub(crate) fn new(limit: usize) -> Self {
        Self::with_company(limit, COMPANY)
    }

    fn with_company(limit: usize, company: Duration) -> Self {
        Self {
            limit,
            company,
            waiting: Mutex::default(),
            wake_writer: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request in, or refuses it at once. Within a [`Together`](crate::together::Together) of this thread it is put
    /// in, or refused, when that ends.
    pub(crate) fn push(&self, request: Request, lane: Lane) -> Result<(), StoreError> {
        let Some(request) = together::keep(self, request, lane) else {
            return Ok(());
        };
        let mut waiting = self.lock();
        if let Some(refusal) = waiting.refusal(lane, self.limit) {
            return Err(refusal);
        }
        waiting.add(request, lane);
        self.wake_where_wanted(waiting);
        Ok(())
    }

    /// Puts requests in that were asked for in one go; who is refused is answered.
    pub(crate) fn push_all(&self, asked: Vec<Asked>) {
        let mut refused = Vec::new();
        let mut waiting = self.lock();
        for (request, lane) in asked {
            match waiting.refusal(lane, self.limit) {
                Some(refusal) => refused.push((request, refusal)),
                None => waiting.add(request, lane),
            }
        }
        self.wake_where_wanted(waiting);
        for (request, refusal) in refused {
            request.refuse(&refusal);
        }
    }

    fn wake_where_wanted(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let is_work = waiting.writer_sleeps && !waiting.requests.is_empty();
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

    /// Moves what waits into `taken`, up to about `batch` decisions; waits where nothing does. `false` once the queue
    /// is closed and empty.
    pub(crate) fn take(&self, taken: &mut Vec<Request>, batch: usize) -> bool {
        let mut waiting = self.lock();
        let came = waiting.requests.len();
        let mut rests_since = None;
        while waiting.requests.is_empty() {
            if waiting.closed.is_some() {
                return false;
            }
            rests_since.get_or_insert_with(Instant::now);
            waiting.writer_sleeps = true;
            waiting = self
                .wake_writer
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if rests_since.is_some_and(|since| since.elapsed() > REST) {
            waiting.usual = Usual::default();
        } else {
            waiting.usual.saw(came);
        }
        waiting = self.wait_for_company(waiting);
        let mut weight = 0;
        while weight < batch
            && let Some(request) = waiting.requests.pop_front()
        {
            weight += request.weight();
            taken.push(request);
        }
        waiting.decisions -= weight;
        // What a full commit left behind may be work under way.
        waiting.is_urgent &= !waiting.requests.is_empty();
        true
    }

    /// Under load, waits a moment for as many callers as may come.
    fn wait_for_company<'q>(
        &'q self,
        mut waiting: MutexGuard<'q, Waiting>,
    ) -> MutexGuard<'q, Waiting> {
        let wanted = waiting.usual.wanted();
        if waiting.is_enough(wanted) || waiting.closed.is_some() {
            return waiting;
        }
        waiting.wanted = wanted;
        let waited = self
            .wake_writer
            .wait_timeout_while(waiting, self.company, |waiting| waiting.wanted > 0);
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

    /// Throws away what waits, for a writer that cannot go on: dropping a request tells its caller.
    pub(crate) fn clear(&self) {
        let mut waiting = self.lock();
        waiting.decisions = 0;
        let dropped = std::mem::take(&mut waiting.requests);
        drop(waiting);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::{CROWD, Lane, PLENTY, REST, Request, WriteQueue};
    use crate::request::Taking;

    /// Longer than any test: who waits for company that does not come never ends.
    const FOR_EVER: Duration = Duration::from_secs(86_400);

    fn heartbeat() -> Request {
        let (reply, _) = oneshot::channel();
        Request::Heartbeat {
            claims: Vec::new(),
            lease: Duration::ZERO,
            reply,
        }
    }

    fn call(queue: &WriteQueue) {
        queue.push(heartbeat(), Lane::Intake).unwrap();
    }

    fn outcome(queue: &WriteQueue) {
        queue.push(heartbeat(), Lane::Outcome).unwrap();
    }

    /// One caller with so many decisions.
    fn many(queue: &WriteQueue, decisions: usize) {
        let (reply, _) = oneshot::channel();
        let request = Request::Take {
            limit: decisions,
            taking: Taking::Claim(Duration::ZERO),
            reply,
        };
        queue.push(request, Lane::Intake).unwrap();
    }

    /// A queue to which so many callers usually come while a commit is made.
    fn crowded(usual: usize) -> Arc<WriteQueue> {
        let queue = WriteQueue::with_company(1_000, FOR_EVER);
        for _ in 0..200 {
            queue.lock().usual.saw(usual);
        }
        Arc::new(queue)
    }

    fn take(queue: &WriteQueue) -> usize {
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken, 1_000));
        taken.len()
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
    fn under_load_a_commit_waits_for_twice_as_many_as_usual() {
        let queue = crowded(2 * CROWD);
        let writer = waiting_taker(&queue);
        let wanted = queue.lock().wanted;
        assert!(wanted > 2 * CROWD, "{wanted}");
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
        let queue = crowded(2 * CROWD);
        many(&queue, PLENTY);
        outcome(&queue);
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken, PLENTY));
        assert_eq!(taken.len(), 1);
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
        let queue = WriteQueue::with_company(1_000, Duration::from_millis(1));
        for _ in 0..200 {
            queue.lock().usual.saw(2 * CROWD);
        }
        call(&queue);
        assert_eq!(take(&queue), 1);
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
        let queue = crowded(2 * CROWD);
        let writer = taker(&queue);
        while !queue.lock().writer_sleeps {
            std::thread::yield_now();
        }
        std::thread::sleep(10 * REST);
        call(&queue);
        assert_eq!(writer.join().unwrap(), 1);
    }
}
