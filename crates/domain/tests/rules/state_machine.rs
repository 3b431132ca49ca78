//! The state machine, under any sequence of commands, against its picture written down a second time.

use std::sync::Arc;
use std::time::Duration;

use domain::order::MAX_OPERATOR_COMMANDS;
use domain::{
    Cause, Decision, Event, EventType, Failure, HistoryStatus, Job, Lane, Order, OrderCommand,
    OrderId, Receipt, ReceiptLocation, Refusal, Status, Timestamp, Version, Wait, WaitingFor,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::made::{
    Command, DELAY, any_command, at, decide, place, place_order, plain_order, reason,
};

/// The picture of the state machine, written down a second time: where a command leads, if anywhere.
fn picture(order: &Order, command: Command) -> Option<Status> {
    use Status as S;
    let lost = |max_attempts| {
        if order.attempt >= max_attempts {
            S::Failed
        } else {
            S::Retrying
        }
    };
    let table = [
        (S::Pending, "claim", S::Processing),
        (S::Retrying, "claim", S::Processing),
        (S::Processing, "complete", S::Processed),
        (S::Processing, "retry", S::Retrying),
        (S::Processing, "fail", S::Failed),
        (S::Pending, "hold", S::OnHold),
        (S::Retrying, "hold", S::OnHold),
        (S::OnHold, "release", S::Pending),
        (S::Failed, "replay", S::Pending),
        (S::Failed, "discard", S::Cancelled),
        (S::Pending, "cancel", S::Cancelled),
        (S::OnHold, "cancel", S::Cancelled),
        (S::Retrying, "cancel", S::Cancelled),
        (S::Failed, "cancel", S::Cancelled),
    ];
    let arrow = match command {
        Command::Claim => "claim",
        Command::Complete => "complete",
        Command::Retry
        | Command::GiveBack { .. }
        | Command::PostponeBusy
        | Command::AwaitReceipt => "retry",
        Command::Fail => "fail",
        Command::LoseLease { max_attempts } if lost(max_attempts) == S::Failed => "fail",
        Command::LoseLease { .. } => "retry",
        // Work that is done is cancelled only by giving up its dead letter.
        Command::Apply(OrderCommand::Cancel) if order.work_done && order.status != S::Failed => {
            return None;
        }
        Command::Apply(OrderCommand::Cancel) => "cancel",
        Command::Apply(OrderCommand::Hold) => "hold",
        Command::Apply(OrderCommand::Release) => "release",
        Command::Apply(OrderCommand::Replay) => "replay",
        Command::Apply(OrderCommand::Discard) => "discard",
    };
    table
        .into_iter()
        .find(|(from, name, _)| *from == order.status && *name == arrow)
        .map(|(_, _, to)| to)
}

fn expected_attempt(order: &Order, command: Command) -> u32 {
    match command {
        Command::Claim => order.attempt + 1,
        Command::GiveBack { .. } | Command::PostponeBusy | Command::AwaitReceipt => {
            order.attempt - 1
        }
        Command::Apply(OrderCommand::Replay) => 0,
        _ => order.attempt,
    }
}

/// The shortest and the longest wait of the order after the command, where there is one.
fn expected_wait(order: &Order, command: Command) -> Option<(Duration, Duration)> {
    match (order.status, command) {
        (Status::Pending, _) => Some((Duration::ZERO, Duration::ZERO)),
        (Status::Retrying, Command::LoseLease { .. }) => Some((DELAY, 2 * DELAY)),
        (Status::Retrying, _) => Some((DELAY, DELAY)),
        _ => None,
    }
}

fn waits_as_expected(command: Command, decision: &Decision) -> TestCaseResult {
    let status = decision.order.status;
    match (decision.job, expected_wait(&decision.order, command)) {
        (Job::DueIn(wait), Some((least, most))) => {
            prop_assert!(least <= wait && wait <= most, "{wait:?}");
            let retry_at = (status == Status::Retrying)
                .then(|| decision.order.updated_at.saturating_add(wait));
            prop_assert_eq!(decision.event.retry_at, retry_at);
        }
        (Job::Leased, None) => prop_assert_eq!(status, Status::Processing),
        (Job::Nothing, None) => prop_assert!(status != Status::Processing),
        (job, expected) => prop_assert!(false, "{job:?}, not {expected:?}"),
    }
    prop_assert_eq!(
        decision.event.retry_at.is_some(),
        status == Status::Retrying
    );
    Ok(())
}

/// The code of what went wrong last: it stays until the work is done or begins anew.
fn expected_code(order: &Order, command: Command) -> Option<Arc<str>> {
    let last = order.failure.clone();
    match command {
        Command::Complete | Command::Apply(OrderCommand::Replay) => None,
        Command::LoseLease { .. } => Some(Arc::from("lease_lost")),
        Command::Claim
        | Command::Retry
        | Command::Fail
        | Command::GiveBack { .. }
        | Command::PostponeBusy
        | Command::AwaitReceipt => reason(command).or(last).map(|failure| failure.code),
        Command::Apply(_) => last.map(|failure| failure.code),
    }
}

fn says_what_went_wrong(order: &Order, command: Command, decision: &Decision) -> TestCaseResult {
    let after = &decision.order;
    let code = after.failure.as_ref().map(|failure| &failure.code);
    let expected = expected_code(order, command);
    prop_assert_eq!(code, expected.as_ref());
    match after.status {
        Status::Failed => prop_assert!(code.is_some(), "a dead letter says why"),
        // What was only ever given back without a word has nothing to say: no attempt counts against it.
        Status::Retrying => prop_assert!(code.is_some() || after.attempt == 0),
        Status::Processed => prop_assert_eq!(code, None),
        // Held while it was RETRYING, an order keeps what went wrong.
        Status::Pending | Status::OnHold | Status::Processing | Status::Cancelled => {}
    }
    let is_told = matches!(after.status, Status::Retrying | Status::Failed);
    let told = after.failure.as_ref().filter(|_| is_told);
    prop_assert_eq!(decision.event.failure.as_ref(), told);
    Ok(())
}

/// What a command does to the record of the work and of busy answers.
fn remembers_the_work(order: &Order, command: Command, after: &Order) -> TestCaseResult {
    let does_work = matches!(command, Command::Complete | Command::AwaitReceipt);
    prop_assert_eq!(after.work_done, order.work_done || does_work);
    let expected = match (&order.result, command) {
        (Some(first), _) => Some(&**first),
        (None, Command::Complete) => Some("{}"),
        (None, Command::AwaitReceipt) => Some("[1]"),
        (None, _) => None,
    };
    prop_assert_eq!(after.result.as_deref(), expected, "the first result stays");
    let busy_since = match command {
        Command::Claim | Command::GiveBack { says_why: false } => order.busy_since,
        Command::PostponeBusy => order.busy_since.or(Some(after.updated_at)),
        _ => None,
    };
    prop_assert_eq!(after.busy_since, busy_since);
    let (lane, what) = match (after.work_done, after.was_tried()) {
        (true, _) => (Lane::Receipts, Wait::Receipts),
        (false, true) => (Lane::Retries, Wait::Retry),
        (false, false) => (Lane::Fresh, Wait::Worker),
    };
    prop_assert_eq!(after.lane(), lane);
    if after.status == Status::Retrying {
        prop_assert_eq!(after.waiting_for().map(|wait| wait.what), Some(what));
    }
    if after.status == Status::Processing {
        prop_assert_eq!(
            after.lane(),
            order.lane(),
            "its claim is no attempt before it"
        );
    }
    Ok(())
}

fn keeps_the_rules(order: &Order, command: Command, decision: &Decision) -> TestCaseResult {
    let after = &decision.order;
    prop_assert_eq!(after.version.get(), order.version.get() + 1);
    prop_assert_eq!(after.attempt, expected_attempt(order, command));
    waits_as_expected(command, decision)?;
    prop_assert_eq!(
        after.as_created(),
        order.as_created(),
        "what was ordered never changes"
    );
    prop_assert!(
        after.updated_at >= order.updated_at,
        "time never runs back in an order"
    );
    remembers_the_work(order, command, after)?;
    prop_assert_eq!(
        after.receipt_key.is_some(),
        after.status == Status::Processed
    );
    says_what_went_wrong(order, command, decision)?;
    prop_assert!(decision.earlier.is_empty());
    let event = &decision.event;
    prop_assert_eq!((event.order_id, event.version), (after.id, after.version));
    prop_assert_eq!(
        (event.status(), event.attempt),
        (Some(after.status), after.attempt)
    );
    prop_assert_eq!(event.user_id.as_ref(), Some(&after.user_id));
    prop_assert_eq!(event.retry_at, after.retry_at);
    prop_assert!(!event.history);
    let counted = matches!(
        command,
        Command::Apply(OrderCommand::Hold | OrderCommand::Release | OrderCommand::Replay)
    );
    prop_assert_eq!(
        after.operator_commands,
        order.operator_commands + u32::from(counted)
    );
    prop_assert_eq!(event.occurred_at, after.updated_at);
    Ok(())
}

proptest! {
    #[test]
    fn any_sequence_of_commands_keeps_the_rules(
        commands in prop::collection::vec((any_command(), 0_u64..2_000_000), 1..60),
    ) {
        let placed = plain_order();
        let mut order = Arc::clone(&placed.order);
        let mut events: Vec<Event> = vec![placed.event];
        for (command, now_ms) in commands {
            let decision = decide(&order, command, at(now_ms));
            let status = decision.as_ref().map(|decision| decision.order.status);
            prop_assert_eq!(status, picture(&order, command), "{:?} at {}", command, order.status);
            if order.status.is_final() {
                prop_assert_eq!(status, None, "a final status never changes");
            }
            if let Some(decision) = decision {
                keeps_the_rules(&order, command, &decision)?;
                events.push(decision.event);
                order = decision.order;
            }
        }
        let versions: Vec<u32> = events.iter().map(|event| event.version.get()).collect();
        let gapless: Vec<u32> = (1..=order.version.get()).collect();
        prop_assert_eq!(versions, gapless, "one event a version, without gaps");
    }
}

/// An order of each status that can be reached from this one, itself the first.
fn reachable(from: &Order) -> Vec<Arc<Order>> {
    let mut reached: Vec<Arc<Order>> = Vec::new();
    let mut open = vec![Arc::new(from.clone())];
    while let Some(order) = open.pop() {
        if reached.iter().any(|known| known.status == order.status) {
            continue;
        }
        let of_workers = [
            Command::Claim,
            Command::Complete,
            Command::Fail,
            Command::Retry,
        ];
        let of_people = [
            OrderCommand::Hold,
            OrderCommand::Release,
            OrderCommand::Cancel,
            OrderCommand::Replay,
        ];
        for command in of_workers.into_iter().chain(of_people.map(Command::Apply)) {
            open.extend(decide(&order, command, order.updated_at).map(|decision| decision.order));
        }
        reached.push(order);
    }
    reached
}

#[test]
fn every_status_that_is_not_final_has_a_way_to_a_final_one() {
    let all = reachable(&plain_order().order);
    assert_eq!(all.len(), Status::ALL.len(), "every status can be reached");
    for order in all {
        let ends = reachable(&order);
        assert!(
            ends.iter().any(|end| end.status.is_final()),
            "{:?}",
            order.status
        );
    }
}

fn history(status: HistoryStatus) -> (Vec<Event>, Decision) {
    let command = place_order("alice", Some("536365"), 100);
    let then = at(1_291_191_960_000);
    let id = OrderId::new(then, &command.user_id, 7);
    let receipts = ReceiptLocation::Rendered;
    let decision = Order::place_history(command, id, then, Cause::default(), receipts, status)
        .expect("the state machine leads there");
    let mut events = decision.earlier.clone();
    events.push(decision.event.clone());
    assert!(events.iter().all(|event| event.occurred_at == then));
    assert!(events.iter().all(|event| event.history));
    assert_eq!(
        (decision.order.created_at, decision.order.updated_at),
        (then, then)
    );
    assert_eq!(decision.job, Job::Nothing, "no work is left");
    (events, decision)
}

#[test]
fn history_is_a_whole_life_in_one_decision() {
    let kinds = |events: &[Event]| -> Vec<EventType> {
        events.iter().map(|event| event.event_type).collect()
    };
    let (events, processed) = history(HistoryStatus::Processed);
    let versions: Vec<u32> = events.iter().map(|event| event.version.get()).collect();
    assert_eq!(versions, [1, 2, 3]);
    assert_eq!(processed.order.status, Status::Processed);
    let order = &processed.order;
    let receipt_key = Receipt::key_of(&order.user_id, order.id);
    assert_eq!(order.receipt_key, Some(receipt_key));

    let (events, cancelled) = history(HistoryStatus::Cancelled);
    assert_eq!(kinds(&events), [EventType::Created, EventType::Cancelled]);
    assert_eq!(cancelled.order.status, Status::Cancelled);
    assert_eq!(cancelled.order.receipt_key, None);
}

fn applied(order: &Order, command: OrderCommand, now: Timestamp) -> Decision {
    let decision = order.apply(command, now, Cause::default());
    decision.expect("the status allows it")
}

#[test]
fn an_order_is_due_after_its_process_after_and_says_so() {
    let (now, later) = (at(1_000_000), at(9_000_000));
    let command = |time| domain::PlaceOrder {
        process_after: Some(time),
        ..place_order("alice", None, 100)
    };
    let id = OrderId::new(now, &command(later).user_id, 1);
    let placed = place(command(later), id, now);
    assert_eq!(placed.job, Job::DueAt(later));
    let waiting = |what, until| Some(WaitingFor { what, until });
    assert_eq!(
        placed.order.waiting_for(),
        waiting(Wait::ProcessAfter, Some(later))
    );

    let held = applied(&placed.order, OrderCommand::Hold, at(2_000_000));
    assert_eq!(held.order.waiting_for(), waiting(Wait::Release, None));
    let early = applied(&held.order, OrderCommand::Release, at(3_000_000));
    assert_eq!(
        early.job,
        Job::DueAt(later),
        "a release does not shorten the wait"
    );
    let late = applied(&held.order, OrderCommand::Release, at(9_000_001));
    assert_eq!(late.job, Job::DueIn(Duration::ZERO));
    assert_eq!(late.order.waiting_for(), waiting(Wait::Worker, None));

    let past = place(command(now), id, now);
    assert_eq!(past.job, Job::DueIn(Duration::ZERO));
    assert_eq!(past.order.waiting_for(), waiting(Wait::Worker, None));
}

#[test]
fn every_order_that_is_not_final_names_what_it_waits_for() {
    for order in reachable(&plain_order().order) {
        let waiting_for = order.waiting_for();
        assert_eq!(
            waiting_for.is_none(),
            order.status.is_final(),
            "{}",
            order.status
        );
        if order.status == Status::Retrying {
            assert_eq!(
                waiting_for.and_then(|waiting| waiting.until),
                order.retry_at
            );
            assert!(order.retry_at.is_some());
        }
    }
}

#[test]
fn people_can_hold_release_and_replay_an_order_a_thousand_times() {
    let mut order = plain_order().order;
    let now = order.updated_at;
    for _ in 0..MAX_OPERATOR_COMMANDS / 2 {
        order = applied(&order, OrderCommand::Hold, now).order;
        order = applied(&order, OrderCommand::Release, now).order;
    }
    assert_eq!(order.operator_commands, MAX_OPERATOR_COMMANDS);
    let held = order.apply(OrderCommand::Hold, now, Cause::default());
    assert_eq!(held.unwrap_err(), Refusal::TooManyCommands);

    let claimed = order.claim(now).unwrap().order;
    let failed = claimed
        .fail(Failure::new("declined", "no"), now)
        .expect("the worker is never refused")
        .order;
    let replayed = failed.apply(OrderCommand::Replay, now, Cause::default());
    assert_eq!(replayed.unwrap_err(), Refusal::TooManyCommands);
    assert_eq!(
        applied(&failed, OrderCommand::Discard, now).order.status,
        Status::Cancelled
    );
}

#[test]
fn a_hold_always_leaves_room_for_its_release() {
    let mut order = (*plain_order().order).clone();
    order.operator_commands = MAX_OPERATOR_COMMANDS - 1;
    let now = order.updated_at;
    let held = order.apply(OrderCommand::Hold, now, Cause::default());
    assert_eq!(held.unwrap_err(), Refusal::TooManyCommands);
    order.operator_commands = MAX_OPERATOR_COMMANDS - 2;
    let held = applied(&order, OrderCommand::Hold, now).order;
    let released = applied(&held, OrderCommand::Release, now).order;
    assert_eq!(released.operator_commands, MAX_OPERATOR_COMMANDS);
}

#[test]
fn only_orders_at_rest_can_be_erased_and_nothing_personal_is_left() {
    for order in reachable(&plain_order().order) {
        let erased = order.erase(at(5_000_000));
        let at_rest = matches!(
            order.status,
            Status::Processed | Status::Cancelled | Status::Failed
        );
        let Ok(event) = erased else {
            assert!(!at_rest, "{}", order.status);
            continue;
        };
        assert!(at_rest, "{}", order.status);
        assert_eq!(event.event_type, EventType::Erased);
        assert_eq!(event.version, order.version.next());
        assert_eq!((event.status(), event.user_id), (None, None));
        assert_eq!((event.failure, event.cause), (None, Cause::default()));
    }
    let claimed = plain_order().order.claim(at(1_000_000)).unwrap().order;
    let failed = claimed
        .fail(Failure::new("declined", "alice's card"), at(1_000_000))
        .unwrap();
    let tombstone = failed.event.tombstone();
    assert!(tombstone.is_tombstone());
    assert_eq!(tombstone.id(), failed.event.id());
    assert_eq!(tombstone.event_type, EventType::Failed);
    assert_eq!((tombstone.failure, tombstone.user_id), (None, None));
}

#[test]
fn a_version_is_never_zero() {
    assert_eq!(Version::from_number(0), None);
    assert_eq!(Version::from_number(1), Some(Version::FIRST));
    assert_eq!(Version::FIRST.next().get(), 2);
}
