//! Commands on one order: what they change and record, at which version, and why they are refused.

use std::sync::Arc;

use application::ports::EventFeed as _;
use application::{CommandError, ExpectedVersion};
use domain::order::MAX_OPERATOR_COMMANDS;
use domain::{Failure, Order, OrderCommand, OrderId, Reason, Refusal, Status, Transition, Version};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::faulty::FaultMode;
use crate::order_store::sample;

async fn command(
    subject: &Subject,
    id: OrderId,
    command: OrderCommand,
) -> Result<Arc<Order>, CommandError> {
    let by = caller();
    let changing = subject
        .orders
        .command(&by, id, command, ExpectedVersion::Any, None);
    changing.await
}

async fn set_status(
    subject: &Subject,
    id: OrderId,
    status: Status,
) -> Result<Arc<Order>, CommandError> {
    let by = caller();
    let changing = subject
        .orders
        .set_status(&by, id, status, ExpectedVersion::Any, None);
    changing.await
}

/// Each command answers the order as it is stored after it.
pub async fn each_command_changes_the_order(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::full("alice", "A-1")).await;
    let mut operator_commands = 0;
    for (asked, status) in [
        (OrderCommand::Hold, Status::OnHold),
        (OrderCommand::Release, Status::Pending),
        (OrderCommand::Replay, Status::Pending),
        (OrderCommand::Discard, Status::Cancelled),
    ] {
        if matches!(asked, OrderCommand::Replay | OrderCommand::Discard) {
            let waiting = subject.stored(order.id).await;
            subject
                .fail(&waiting, Failure::new("no_stock", "none left"))
                .await;
        }
        let changed = command(&subject, order.id, asked).await;
        let changed = changed.unwrap_or_else(|error| panic!("{asked:?}: {error}"));
        if asked != OrderCommand::Discard {
            operator_commands += 1;
        }
        assert_eq!(changed.status, status, "{asked:?}");
        assert_eq!(changed.operator_commands, operator_commands, "{asked:?}");
        assert_eq!(subject.stored(order.id).await, changed, "{asked:?}");
    }
    let other = subject.place(sample::plain("bob", 1)).await;
    let cancelled = command(&subject, other.id, OrderCommand::Cancel).await;
    assert_eq!(cancelled.map(|order| order.status), Ok(Status::Cancelled));
}

/// Who sent a command, by which request and why, is recorded with the change.
pub async fn a_command_is_recorded_with_who_and_why(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    let by = caller();
    let reason = Reason::new("the customer called («Ü» 😀)").expect("a valid reason");
    let expected = ExpectedVersion::Any;
    let (hold, why) = (OrderCommand::Hold, Some(reason.clone()));
    let held = subject
        .orders
        .command(&by, order.id, hold, expected, why)
        .await;
    held.expect("a waiting order can be held");
    let (pending, expected) = (Status::Pending, ExpectedVersion::Any);
    let why = Some(reason.clone());
    let released = subject
        .orders
        .set_status(&by, order.id, pending, expected, why)
        .await;
    released.expect("a held order can be released");
    let events = subject
        .store
        .order_events(order.id, Some(Version::FIRST), 10)
        .await;
    for found in events.expect("it reads").expect("it is there") {
        assert_eq!(found.event.cause, by.cause(Some(reason.clone())));
    }
}

/// A command changes an order at an expected version alone, and else says at which one it is.
pub async fn a_command_waits_for_an_expected_version(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    let held = subject.apply(&order, OrderCommand::Hold).await;
    let by = caller();
    let current = held.version;
    let third = current.next();
    for expected in [vec![Version::FIRST], vec![third, Version::FIRST], vec![]] {
        let expected = ExpectedVersion::OneOf(expected);
        let (release, pending) = (OrderCommand::Release, Status::Pending);
        let answer = subject
            .orders
            .command(&by, order.id, release, expected.clone(), None);
        assert_eq!(answer.await, Err(CommandError::VersionMismatch { current }));
        let answer = subject
            .orders
            .set_status(&by, order.id, pending, expected, None);
        assert_eq!(answer.await, Err(CommandError::VersionMismatch { current }));
    }
    let expected = ExpectedVersion::OneOf(vec![Version::FIRST, current]);
    let release = OrderCommand::Release;
    let released = subject
        .orders
        .command(&by, order.id, release, expected, None)
        .await;
    assert_eq!(released.map(|order| order.version), Ok(third));
}

/// A command on an order that is not there finds none.
pub async fn a_command_on_no_order_finds_none(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let unknown = OrderId::new(subject.now(), &sample::user("alice"), 1 << 2);
    let answer = command(&subject, unknown, OrderCommand::Cancel).await;
    assert_eq!(answer, Err(CommandError::NotFound));
    let answer = set_status(&subject, unknown, Status::Cancelled).await;
    assert_eq!(answer, Err(CommandError::NotFound));
}

/// What the rules of orders refuse is said with the rule: the transition, the work that is done, too many commands.
pub async fn what_the_rules_refuse_is_said_with_the_reason(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    let answer = command(&subject, order.id, OrderCommand::Replay).await;
    let refusal = Refusal::NotAllowed {
        status: Status::Pending,
        transition: Transition::Replay,
    };
    assert_eq!(answer, Err(CommandError::Illegal(refusal)));
    for (status, transition) in [
        (Status::Processing, Transition::Claim),
        (Status::Retrying, Transition::Retry),
        (Status::Processed, Transition::Complete),
        (Status::Failed, Transition::Fail),
    ] {
        let answer = set_status(&subject, order.id, status).await;
        let status = Status::Pending;
        let refusal = Refusal::NotAllowed { status, transition };
        assert_eq!(answer, Err(CommandError::Illegal(refusal)));
    }
    let claimed = subject.claim(&order).await;
    let failure = Failure::new("receipt_store", "away");
    let waits = claimed.await_receipt(None, failure, std::time::Duration::ZERO, subject.now());
    subject
        .decide(&claimed, waits.expect("it is claimed"))
        .await;
    let answer = command(&subject, order.id, OrderCommand::Cancel).await;
    assert_eq!(answer, Err(CommandError::Illegal(Refusal::WorkDone)));
    let mut tired = subject.place(sample::plain("bob", 1)).await;
    for _ in 0..MAX_OPERATOR_COMMANDS / 2 {
        tired = subject.apply(&tired, OrderCommand::Hold).await;
        tired = subject.apply(&tired, OrderCommand::Release).await;
    }
    let answer = command(&subject, tired.id, OrderCommand::Hold).await;
    assert_eq!(answer, Err(CommandError::Illegal(Refusal::TooManyCommands)));
}

/// An order that others keep changing is given up after some tries.
pub async fn an_order_that_keeps_changing_is_contended(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    subject.store.set_mode(FaultMode::Overtaken);
    let answer = command(&subject, order.id, OrderCommand::Cancel).await;
    assert_eq!(answer, Err(CommandError::Contended));
}

/// A status is reached by the command that leads there; an order that has it already is not changed.
pub async fn a_status_is_reached_by_its_command(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::full("alice", "A-1")).await;
    let same = set_status(&subject, order.id, Status::Pending).await;
    assert_eq!(same, Ok(Arc::clone(&order)));
    for status in [Status::OnHold, Status::Pending, Status::Cancelled] {
        let changed = set_status(&subject, order.id, status).await;
        let changed = changed.unwrap_or_else(|error| panic!("{status}: {error}"));
        assert_eq!(changed.status, status);
        assert_eq!(subject.stored(order.id).await, changed);
    }
}
