//! Dead letters: replayed or discarded by what they have in common, and counted by their reason.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{EventFeed as _, ListFilter};
use application::{DeadLetterReason, DeadLetterReasons};
use domain::{Failure, Order, OrderCommand, Reason, Status, Version};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::order_store::sample;

async fn dead(subject: &Subject, user: &str, code: &str, message: &str) -> Arc<Order> {
    let order = subject.place(sample::plain(user, 1)).await;
    let dead = subject.fail(&order, Failure::new(code, message)).await;
    subject.pass(Duration::from_secs(1)).await;
    dead
}

/// The letters that match a filter take a command with its reason, up to a limit; the others are left as they are.
pub async fn letters_are_replayed_by_their_reason(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let no_stock = dead(&subject, "alice", "no_stock", "none left").await;
    let rejected = [
        dead(&subject, "alice", "rejected", "no").await,
        dead(&subject, "bob", "rejected", "no").await,
    ];
    let by = caller();
    let filter = ListFilter {
        failure_code: Some("rejected".to_owned()),
        ..ListFilter::default()
    };
    let why = Reason::new("the endpoint was repaired").expect("a valid reason");
    for (limit, expected) in [(1, 1), (100, 1), (100, 0)] {
        let replaying = subject.orders.command_dead_letters(
            &by,
            filter.clone(),
            OrderCommand::Replay,
            Some(why.clone()),
            limit,
        );
        assert_eq!(replaying.await, Ok(expected), "at most {limit}");
    }
    assert_eq!(subject.stored(no_stock.id).await, no_stock);
    for letter in rejected {
        let replayed = subject.stored(letter.id).await;
        assert_eq!(replayed.status, Status::Pending);
        let before = Version::from_number(replayed.version.get() - 1);
        let events = subject.store.order_events(letter.id, before, 10).await;
        let events = events.expect("it reads").expect("it is there");
        assert_eq!(events[0].event.cause, by.cause(Some(why.clone())));
    }
    let filter = ListFilter::default();
    let discard = OrderCommand::Discard;
    let discarding = subject
        .orders
        .command_dead_letters(&by, filter, discard, None, 10);
    assert_eq!(discarding.await, Ok(1));
    let discarded = subject.stored(no_stock.id).await;
    assert_eq!(discarded.status, Status::Cancelled);
}

/// Each reason says how many letters have it, when the newest failed and what it said; a count that ends at its limit says so.
pub async fn letters_are_counted_by_their_reason(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    dead(&subject, "alice", "rejected", "first").await;
    let newest = dead(&subject, "bob", "rejected", "no address («Ü»)").await;
    let other = dead(&subject, "alice", "no_stock", "none left").await;
    let by = caller();
    let of = |order: &Order, count| {
        let failure = order.failure.as_ref().expect("a dead letter says why");
        DeadLetterReason {
            code: Arc::clone(&failure.code),
            count,
            newest_at: order.updated_at,
            sample_message: Arc::clone(&failure.message),
        }
    };
    let all = DeadLetterReasons {
        reasons: vec![of(&newest, 2), of(&other, 1)],
        counted: 3,
        has_more: false,
    };
    let counted = subject.orders.dead_letter_reasons(&by, None, 100).await;
    assert_eq!(counted, Ok(all));
    let of_bob = DeadLetterReasons {
        reasons: vec![of(&newest, 1)],
        counted: 1,
        has_more: false,
    };
    let bob = Some(newest.user_id.clone());
    let counted = subject.orders.dead_letter_reasons(&by, bob, 100).await;
    assert_eq!(counted, Ok(of_bob));
    let first = DeadLetterReasons {
        reasons: vec![of(&other, 1)],
        counted: 1,
        has_more: true,
    };
    let counted = subject.orders.dead_letter_reasons(&by, None, 1).await;
    assert_eq!(counted, Ok(first));
}
