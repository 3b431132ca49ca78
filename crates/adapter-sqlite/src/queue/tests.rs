//! When the queue delays a commit, and what ends the delay.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Class, MAX_DELAYED_DECISIONS, Request, WriteQueue};
use crate::commit_delay::{COMMIT_SIBLINGS, CommitDelay};
use crate::request::ClaimKind;

/// Longer than any test: a commit that waits for callers that do not arrive never ends.
const FOREVER: Duration = Duration::from_secs(86_400);
const SHORT: Duration = Duration::from_millis(1);

fn heartbeat() -> Request {
    let (reply, _) = oneshot::channel();
    Request::Heartbeat {
        claims: Vec::new(),
        lease: Duration::ZERO,
        reply,
    }
}

fn add_call(queue: &WriteQueue) {
    queue.request(heartbeat(), Class::Intake).unwrap();
}

fn add_outcome(queue: &WriteQueue) {
    queue.request(heartbeat(), Class::Outcome).unwrap();
}

/// Adds one call with this many decisions.
fn add_large_call(queue: &WriteQueue, decisions: usize) {
    let (reply, _) = oneshot::channel();
    let request = Request::Claim {
        limits: application::ports::ClaimLimits::any(decisions),
        kind: ClaimKind::Shared,
        lease: Duration::ZERO,
        reply,
    };
    queue.request(request, Class::Intake).unwrap();
}

/// A queue under the load of this many callers.
fn loaded(callers: usize) -> Arc<WriteQueue> {
    loaded_with(callers, 1_000)
}

/// As [`loaded`], with this commit limit.
fn loaded_with(callers: usize, commit_limit: usize) -> Arc<WriteQueue> {
    let queue = WriteQueue::with_max_delay(1_000, commit_limit, FOREVER);
    queue.lock().commit_delay = CommitDelay::under_load(callers, FOREVER);
    Arc::new(queue)
}

/// Takes the next batches; returns the number of their callers.
fn take(queue: &WriteQueue) -> usize {
    let mut taken = Vec::new();
    assert!(queue.take(&mut taken));
    taken.iter().map(|batch| batch.callers).sum()
}

fn spawn_take(queue: &Arc<WriteQueue>) -> std::thread::JoinHandle<usize> {
    let queue = Arc::clone(queue);
    std::thread::spawn(move || take(&queue))
}

#[test]
fn a_commit_under_low_load_is_not_delayed() {
    let queue = loaded(COMMIT_SIBLINGS - 1);
    add_call(&queue);
    assert_eq!(take(&queue), 1);
}

/// Adds one call, starts a writer, and returns once it delays its commit.
fn spawn_delayed_take(queue: &Arc<WriteQueue>) -> std::thread::JoinHandle<usize> {
    add_call(queue);
    let writer = spawn_take(queue);
    while queue.lock().target_callers == 0 {
        assert!(!writer.is_finished(), "the commit was not delayed");
        std::thread::yield_now();
    }
    writer
}

#[test]
fn a_commit_under_load_is_delayed_until_the_target_number_of_callers_is_queued() {
    let queue = loaded(10 * COMMIT_SIBLINGS);
    let writer = spawn_delayed_take(&queue);
    let target = queue.lock().target_callers;
    assert!(
        (2 * COMMIT_SIBLINGS..4 * COMMIT_SIBLINGS).contains(&target),
        "{target}"
    );
    for _ in 1..target {
        add_call(&queue);
    }
    assert_eq!(writer.join().unwrap(), target);
}

#[test]
fn a_commit_with_an_outcome_is_not_delayed() {
    let queue = loaded(2 * COMMIT_SIBLINGS);
    let writer = spawn_delayed_take(&queue);
    add_outcome(&queue);
    assert_eq!(writer.join().unwrap(), 2);
    // An outcome that is queued first is not delayed either, and the commit after it is delayed again.
    add_outcome(&queue);
    assert_eq!(take(&queue), 1);
    let writer = spawn_delayed_take(&queue);
    queue.close("the test ends");
    assert_eq!(writer.join().unwrap(), 1);
}

#[test]
fn an_outcome_that_did_not_fit_into_a_full_commit_is_not_delayed() {
    let queue = loaded_with(2 * COMMIT_SIBLINGS, MAX_DELAYED_DECISIONS);
    add_large_call(&queue, MAX_DELAYED_DECISIONS);
    add_outcome(&queue);
    assert_eq!(take(&queue), 1);
    assert_eq!(take(&queue), 1);
}

#[test]
fn a_large_commit_is_not_delayed() {
    let queue = loaded(2 * COMMIT_SIBLINGS);
    let writer = spawn_delayed_take(&queue);
    add_large_call(&queue, MAX_DELAYED_DECISIONS);
    assert_eq!(writer.join().unwrap(), 2);
}

#[test]
fn a_delay_ends_without_further_callers() {
    for (commit_time, max_delay) in [(SHORT, FOREVER), (FOREVER, SHORT)] {
        let queue = WriteQueue::with_max_delay(1_000, 1_000, max_delay);
        queue.lock().commit_delay = CommitDelay::under_load(2 * COMMIT_SIBLINGS, commit_time);
        add_call(&queue);
        assert_eq!(take(&queue), 1);
    }
}

#[test]
fn closing_the_queue_ends_a_delay() {
    let queue = loaded(2 * COMMIT_SIBLINGS);
    let writer = spawn_delayed_take(&queue);
    queue.close("the test ends");
    assert_eq!(writer.join().unwrap(), 1);
}

#[test]
fn the_first_commit_after_an_idle_time_is_not_delayed() {
    let queue = WriteQueue::new(1_000, 1_000);
    queue.lock().commit_delay = CommitDelay::under_load(100 * COMMIT_SIBLINGS, SHORT);
    let queue = Arc::new(queue);
    let writer = spawn_take(&queue);
    while !queue.lock().writer_is_idle {
        std::thread::yield_now();
    }
    std::thread::sleep(10 * SHORT);
    add_call(&queue);
    assert_eq!(writer.join().unwrap(), 1);
    assert_eq!(queue.lock().commit_delay.target_callers(), 0);
}
