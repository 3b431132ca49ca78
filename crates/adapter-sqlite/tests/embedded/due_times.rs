//! Work that is due at a wall-clock time (`process_after`): setting the clock changes when it is due, also across a restart.

use std::sync::Arc;
use std::time::Duration;

use adapter_sqlite::SHARDS;
use application::ports::Clock as _;
use application::system::ManualClock;
use domain::{Order, OrderCommand, Status};
use port_conformance::order_store::{LONG, OpenStore, Subject, sample};

use crate::opened::Opened;

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

struct Waiting {
    subject: Subject,
    clock: Arc<ManualClock>,
    order: Arc<Order>,
}

impl Waiting {
    /// An order that waits for an hour.
    async fn for_an_hour() -> Self {
        let opened = Opened::fresh();
        let clock = Arc::clone(&opened.clock);
        let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
        let due = clock.now().saturating_add(HOUR);
        let (order, _) = subject.place(&sample::later("alice", 100, due)).await;
        Self {
            subject,
            clock,
            order,
        }
    }

    async fn next_due(&self) -> Option<Duration> {
        self.subject.next_due(SHARDS[0]).await
    }

    async fn is_not_due(&self) {
        assert_eq!(self.subject.claim_from(SHARDS[0], 10, LONG).await, []);
    }

    async fn is_due(&self) {
        assert_eq!(self.next_due().await, Some(Duration::ZERO));
        self.subject.claim_only(self.order.id, LONG).await;
        assert_eq!(self.next_due().await, None);
    }

    async fn reopened(self) -> Self {
        let Self {
            subject,
            clock,
            order,
        } = self;
        let subject = subject.reopen().await;
        Self {
            subject,
            clock,
            order,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_due_at_its_time_and_not_a_millisecond_earlier() {
    let waiting = Waiting::for_an_hour().await;
    assert_eq!(waiting.next_due().await, Some(HOUR));
    let last = Duration::from_millis(1);
    waiting.clock.advance(HOUR - last);
    waiting.is_not_due().await;
    waiting.clock.advance(last);
    waiting.is_due().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_the_clock_forward_makes_work_due_at_once() {
    let waiting = Waiting::for_an_hour().await;
    let later = waiting.clock.now().saturating_add(HOUR);
    waiting.clock.jump_to(later);
    waiting.is_due().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_the_clock_back_makes_work_wait_longer_also_after_a_restart() {
    let waiting = Waiting::for_an_hour().await;
    waiting.clock.advance(HOUR - MINUTE);
    let start = waiting.order.created_at;
    waiting.clock.jump_to(start);
    assert_eq!(waiting.next_due().await, Some(HOUR));
    let waiting = waiting.reopened().await;
    assert_eq!(waiting.next_due().await, Some(HOUR));
    waiting.clock.advance(HOUR - MINUTE);
    waiting.is_not_due().await;
    waiting.clock.advance(MINUTE);
    waiting.is_due().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_the_clock_forward_while_the_store_is_closed_makes_work_due_at_the_start() {
    let waiting = Waiting::for_an_hour().await;
    let later = waiting.clock.now().saturating_add(HOUR);
    let clock = Arc::clone(&waiting.clock);
    waiting.subject.store.close().await;
    clock.jump_to(later);
    waiting.reopened().await.is_due().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_orders_are_claimed_while_another_one_waits_for_its_time() {
    let waiting = Waiting::for_an_hour().await;
    let (new, _) = waiting.subject.place(&sample::plain("alice", 1)).await;
    waiting.subject.claim_only(new.id, LONG).await;
    assert_eq!(waiting.next_due().await, Some(HOUR));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_held_while_it_waits_has_no_due_time_until_it_is_released() {
    let waiting = Waiting::for_an_hour().await;
    let held = waiting
        .subject
        .apply(&waiting.order, OrderCommand::Hold)
        .await;
    assert_eq!(waiting.next_due().await, None);
    let released = waiting.subject.apply(&held, OrderCommand::Release).await;
    assert_eq!(released.status, Status::Pending);
    assert_eq!(waiting.next_due().await, Some(HOUR));
    waiting.is_not_due().await;
    let cancelled = waiting.subject.apply(&released, OrderCommand::Cancel).await;
    assert_eq!(cancelled.status, Status::Cancelled);
    assert_eq!(waiting.next_due().await, None);
    waiting.clock.advance(HOUR);
    waiting.is_not_due().await;
}
