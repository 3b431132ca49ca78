//! What attempts leave behind: the lane of an order, the wait after a lost worker, and work that is done once.

use std::time::Duration;

use domain::{Cause, Failure, Job, Order, OrderCommand, OrderId, Refusal, Status};

use crate::made::{DELAY, at, place, place_order, plain_order};

/// How long the orders of a worker that was lost wait after `attempts` such losses.
fn waits_after_losses(orders: u64, attempts: u32) -> Vec<Duration> {
    let wait = |random| {
        let command = place_order("alice", None, 100);
        let id = OrderId::new(at(1_000_000), &command.user_id, random << 2);
        let mut order = place(command, id, at(1_000_000)).order;
        let mut last = Job::Nothing;
        for _ in 0..attempts {
            let claimed = order.claim(order.updated_at).expect("it waits").order;
            let lost = claimed
                .lose_lease(u32::MAX, DELAY, claimed.updated_at)
                .expect("it is held");
            (order, last) = (lost.order, lost.job);
        }
        match last {
            Job::DueIn(wait) => wait,
            other => panic!("{other:?}"),
        }
    };
    (0..orders).map(wait).collect()
}

#[test]
fn an_order_is_quarantined_once_it_has_lost_its_lease_at_the_second_attempt() {
    let placed = plain_order().order;
    let claim = |order: &Order| order.claim(order.updated_at).expect("it waits").order;
    let lose = |order: &Order| {
        let lost = order.lose_lease(u32::MAX, DELAY, order.updated_at);
        lost.expect("it is held").order
    };
    let once = lose(&claim(&placed));
    let twice = lose(&claim(&once));
    let alone = claim(&twice);
    let retried = alone.retry(
        Failure::new("timeout", "no answer"),
        DELAY,
        alone.updated_at,
    );
    let given_back = alone.give_back(None, DELAY, alone.updated_at);
    let dead = alone.lose_lease(3, DELAY, alone.updated_at).unwrap().order;
    let replayed = dead.apply(OrderCommand::Replay, dead.updated_at, Cause::default());
    let apply = |order: &Order, command| {
        let applied = order.apply(command, order.updated_at, Cause::default());
        applied.unwrap().order
    };
    let held = apply(&twice, OrderCommand::Hold);
    let released = apply(&held, OrderCommand::Release);
    let cases = [
        ("placed", &placed, false),
        ("lost once", &once, false),
        ("lost twice", &twice, true),
        ("held by its worker", &alone, false),
        ("lost again", &lose(&alone), true),
        (
            "given back without a word",
            &given_back.unwrap().order,
            true,
        ),
        ("failed in another way", &retried.unwrap().order, false),
        ("a dead letter", &dead, false),
        ("replayed", &replayed.unwrap().order, false),
        ("held by a person", &held, false),
        ("released by a person", &released, true),
    ];
    for (what, order, expected) in cases {
        assert_eq!(order.is_quarantined(), expected, "{what}");
    }
}

#[test]
fn an_order_was_tried_once_a_worker_has_claimed_it_whatever_people_did() {
    let now = at(1_000_000);
    let apply = |order: &Order, command| {
        let applied = order.apply(command, now, Cause::default());
        applied.unwrap().order
    };
    let placed = plain_order().order;
    let held = apply(&placed, OrderCommand::Hold);
    let released = apply(&held, OrderCommand::Release);
    let claimed = released.claim(now).unwrap().order;
    let given_back = claimed.give_back(None, DELAY, now).unwrap().order;
    let held_again = apply(&given_back, OrderCommand::Hold);
    let released_again = apply(&held_again, OrderCommand::Release);
    let dead = claimed.fail(Failure::new("declined", ""), now).unwrap();
    let replayed = apply(&dead.order, OrderCommand::Replay);
    let second_claim = replayed.claim(now).unwrap().order;
    for (what, order, expected) in [
        ("placed", &placed, false),
        ("held", &held, false),
        ("released", &released, false),
        ("at its first attempt", &claimed, false),
        ("given back", &given_back, true),
        ("given back, held and released", &released_again, true),
        ("replayed", &replayed, true),
        ("at its second attempt", &second_claim, true),
    ] {
        assert_eq!(order.was_tried(), expected, "{what}");
    }
}

#[test]
fn work_that_is_done_cannot_be_cancelled_before_its_receipt_failed_for_good() {
    let now = at(1_000_000);
    let claimed = plain_order().order.claim(now).unwrap().order;
    let failure = Failure::new("receipt_store_unavailable", "away");
    let waiting = claimed
        .await_receipt(None, failure.clone(), DELAY, now)
        .unwrap()
        .order;
    let cancel = |order: &Order| order.apply(OrderCommand::Cancel, now, Cause::default());
    assert_eq!(cancel(&waiting), Err(Refusal::WorkDone));
    let held = waiting
        .apply(OrderCommand::Hold, now, Cause::default())
        .unwrap();
    assert_eq!(cancel(&held.order), Err(Refusal::WorkDone));
    let again = waiting.claim(now).unwrap().order;
    assert!(matches!(cancel(&again), Err(Refusal::NotAllowed { .. })));
    let dead = again.fail(failure, now).unwrap().order;
    assert_eq!(cancel(&dead).unwrap().order.status, Status::Cancelled);
}

/// The orders of a worker that died would all come back to the next one at once, if they came back together.
#[test]
fn orders_that_lost_their_worker_together_come_back_apart_and_in_another_order_each_time() {
    let order_of = |waits: &[Duration]| {
        let mut order: Vec<usize> = (0..waits.len()).collect();
        order.sort_by_key(|index| waits[*index]);
        order
    };
    let (once, twice) = (waits_after_losses(64, 1), waits_after_losses(64, 2));
    for waits in [&once, &twice] {
        // All over the range, although the ids follow each other: no tenth of it is empty.
        for tenth in 0..10 {
            let (from, to) = (DELAY + DELAY * tenth / 10, DELAY + DELAY * (tenth + 1) / 10);
            let inside = waits.iter().filter(|wait| (from..=to).contains(*wait));
            assert!((1..=20).contains(&inside.count()), "{from:?} to {to:?}");
        }
    }
    assert_ne!(order_of(&once), order_of(&twice));
    assert_eq!(
        once,
        waits_after_losses(64, 1),
        "the same however often it is asked for"
    );
}
