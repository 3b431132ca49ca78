//! Commands on orders that exist: what is recorded of them, and how many of them an order takes.

use std::sync::Arc;

use application::ports::{ClaimLimits, ListFilter};
use application::{CommandError, ExpectedVersion, Placed};
use domain::order::MAX_OPERATOR_COMMANDS;
use domain::{EventType, Failure, Order, OrderCommand, Reason, Refusal, Status};
use port_conformance::order_store::sample;

use crate::opened::{Opened, caller};

async fn place(opened: &Opened, user_id: &str) -> Arc<Order> {
    let command = sample::plain(user_id, 5);
    match opened.orders.place(&caller(), command, None).await {
        Ok(Placed::Created(order)) => order,
        other => panic!("{other:?}"),
    }
}

async fn steer(
    opened: &Opened,
    order: &Order,
    command: OrderCommand,
) -> Result<Arc<Order>, CommandError> {
    opened
        .orders
        .command(&caller(), order.id, command, ExpectedVersion::Any, None)
        .await
}

/// Brings the order to the number of commands after which it takes no more holds; it is PENDING.
async fn exhausted(opened: &Opened, user_id: &str) -> Arc<Order> {
    let order = place(opened, user_id).await;
    for _ in 0..MAX_OPERATOR_COMMANDS / 2 {
        steer(opened, &order, OrderCommand::Hold).await.unwrap();
        steer(opened, &order, OrderCommand::Release).await.unwrap();
    }
    opened.store.get(order.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn who_changed_an_order_and_why_is_recorded() {
    let opened = Opened::rendered().await;
    let order = place(&opened, "alice").await;
    let by = caller();
    let reason = Reason::new("the customer called").unwrap();
    opened
        .orders
        .command(
            &by,
            order.id,
            OrderCommand::Hold,
            ExpectedVersion::Any,
            Some(reason.clone()),
        )
        .await
        .unwrap();
    let events = opened.store.order_events(order.id, None, 10).await;
    let events = events.unwrap().unwrap();
    let held = &events[1].event;
    assert_eq!(held.event_type, EventType::Held);
    assert_eq!(held.cause, by.cause(Some(reason)));
    assert!(held.cause.trace.span_id.is_some() && held.cause.actor.is_some());
    assert_eq!(events[0].event.cause.reason, None);
    assert!(events[0].event.cause.actor.is_some());
}

#[tokio::test]
async fn people_hold_release_and_replay_an_order_a_thousand_times_at_most() {
    let opened = Opened::rendered().await;
    let order = exhausted(&opened, "alice").await;
    assert_eq!(order.operator_commands, MAX_OPERATOR_COMMANDS);
    let refused = steer(&opened, &order, OrderCommand::Hold).await;
    let Err(CommandError::Illegal(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal, Refusal::TooManyCommands);
    assert_eq!(
        refusal.to_string(),
        "the order was held, released and replayed 1000 times, which is the limit; it can still be cancelled"
    );
    let by_status = opened
        .orders
        .set_status(
            &caller(),
            order.id,
            Status::OnHold,
            ExpectedVersion::Any,
            None,
        )
        .await;
    assert!(
        matches!(
            by_status,
            Err(CommandError::Illegal(Refusal::TooManyCommands))
        ),
        "{by_status:?}"
    );
    // The worker is never refused, and the order can still be cancelled.
    let processed = opened.process(&order).await;
    assert_eq!(processed.status, Status::Processed);
    let other = exhausted(&opened, "bob").await;
    let cancelled = steer(&opened, &other, OrderCommand::Cancel).await.unwrap();
    assert_eq!(cancelled.status, Status::Cancelled);
}

#[tokio::test]
async fn a_replay_of_many_leaves_a_letter_that_was_replayed_too_often() {
    let opened = Opened::rendered().await;
    let mut letters = Vec::new();
    for user_id in ["alice", "bob", "carol"] {
        let order = if user_id == "bob" {
            exhausted(&opened, user_id).await
        } else {
            place(&opened, user_id).await
        };
        let shard = opened.store.shard_of(order.id.bucket());
        let lease = std::time::Duration::from_secs(60);
        let claimed = opened
            .store
            .claim(shard, ClaimLimits::any(1), lease)
            .await
            .unwrap()
            .remove(0);
        let failure = Failure::new("handler_rejected", "no stock");
        let decision = claimed.fail(failure, opened.clock().now()).unwrap();
        opened.write(&claimed, decision).await;
        letters.push(claimed.id);
    }
    let replayed = opened
        .orders
        .command_dead_letters(
            &caller(),
            ListFilter::default(),
            OrderCommand::Replay,
            None,
            100,
        )
        .await
        .unwrap();
    assert_eq!(replayed, 2);
    let status = async |id| opened.store.get(id).await.unwrap().unwrap().status;
    assert_eq!(status(letters[0]).await, Status::Pending);
    assert_eq!(status(letters[1]).await, Status::Failed);
    assert_eq!(status(letters[2]).await, Status::Pending);
    let discarded = opened
        .orders
        .command(
            &caller(),
            letters[1],
            OrderCommand::Discard,
            ExpectedVersion::Any,
            None,
        )
        .await
        .unwrap();
    assert_eq!(discarded.status, Status::Cancelled, "it can be discarded");
}
