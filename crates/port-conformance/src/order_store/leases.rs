//! Leases, heartbeats and rescues, all guarded by the fencing token and run by the store's clock.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Claim, CommitError, RescuePolicy, Write};
use domain::{Failure, Order, OrderCommand, OrderId, Status};
use tokio::task::JoinSet;

use super::subject::{Subject, claim_of, versions, write_at};
use super::{LONG, SHORT, StoreFactory, sample};

/// Patient: no order runs out of attempts, and what is rescued is not due soon.
const PATIENT: RescuePolicy = RescuePolicy {
    max_attempts: 100,
    delay: LONG,
};

pub(super) async fn rescue(
    subject: &Subject,
    policy: RescuePolicy,
    limit: usize,
) -> Vec<Arc<Order>> {
    let mut rescued = Vec::new();
    for shard in subject.store.shards() {
        let batch = subject.store.rescue(*shard, policy, limit).await;
        let batch = batch.expect("a healthy store rescues");
        assert!(batch.len() <= limit, "no more than was asked for");
        rescued.extend(batch);
    }
    rescued
}

/// A live lease is left alone, however much time another order's lease has had.
pub async fn a_live_lease_is_never_rescued(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let live = subject
        .place_and_claim(&sample::plain("alice", 1), LONG)
        .await;
    let lost = subject
        .place_and_claim(&sample::plain("alice", 2), SHORT)
        .await;
    subject.pass(SHORT).await;
    let rescued = rescue(&subject, PATIENT, 10).await;
    let ids: Vec<OrderId> = rescued.iter().map(|order| order.id).collect();
    assert_eq!(
        ids,
        [lost.id],
        "a rescue takes what was lost and never a live lease"
    );
    assert_eq!(subject.get(live.id).await, live);
    subject.complete(&live).await;
}

/// A jump of the wall clock ends no lease early.
pub async fn a_jump_of_the_wall_clock_ends_no_lease(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let live = subject
        .place_and_claim(&sample::plain("alice", 1), LONG)
        .await;
    if subject.opened.jump_wall_clock(LONG * 2) {
        assert_eq!(rescue(&subject, PATIENT, 10).await, []);
        assert_eq!(subject.get(live.id).await, live);
    } else {
        eprintln!("a_jump_of_the_wall_clock_ends_no_lease: left out, the clock is not ours");
    }
}

/// A lost lease is rescued once; the attempt counts, and the order is due again as the domain draws it from the
/// policy's delay.
pub async fn a_lost_lease_is_rescued_once(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::full("bob", "B-1"), SHORT)
        .await;
    subject.pass(SHORT).await;
    let policy = RescuePolicy {
        max_attempts: 2,
        delay: SHORT,
    };
    let rescued = rescue(&subject, policy, 10).await;
    assert_eq!(rescued.len(), 1);
    let expected = claimed
        .lose_lease(2, SHORT, rescued[0].updated_at)
        .expect("a claimed order can lose its lease");
    assert_eq!(rescued[0], expected.order, "by the rules of the domain");
    assert_eq!(rescued[0].status, Status::Retrying);
    assert_eq!(rescued[0].attempt, 1, "the attempt counts");
    assert_eq!(subject.get(claimed.id).await, rescued[0]);
    let events = subject.events(claimed.id).await;
    assert_eq!(versions(&events), [1, 2, 3]);
    assert_eq!(*events[2].event, expected.event);
    assert_eq!(rescue(&subject, policy, 10).await, [], "once");

    subject.pass(SHORT * 2).await;
    let again = subject.claim_only(claimed.id, SHORT).await;
    assert_eq!(again.attempt, 2);
    subject.pass(SHORT).await;
    let dead = rescue(&subject, policy, 10).await;
    assert_eq!(
        dead.iter().map(|order| order.status).collect::<Vec<_>>(),
        [Status::Failed],
        "with its attempts used up it is a dead letter"
    );
    let code = dead[0].failure.as_ref().map(|failure| &*failure.code);
    assert_eq!(code, Some("lease_lost"));
    assert!(subject.claim_all(LONG).await.is_empty());
    assert_eq!(
        subject.next_due(subject.shard_of(&claimed.user_id)).await,
        None
    );
}

/// Many rescuers at once, in as many processes as there may be, rescue each order once.
pub async fn concurrent_rescues_are_disjoint(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let second = subject.opened.second().await.map(Subject::from);
    let processes: Vec<&Subject> = std::iter::once(&subject).chain(&second).collect();
    for number in 0..60 {
        let user_id = format!("user-{}", number % 6);
        subject.place(&sample::plain(&user_id, number)).await;
    }
    assert_eq!(subject.claim_all(SHORT).await.len(), 60);
    subject.pass(SHORT).await;
    let mut rescuers = JoinSet::new();
    for number in 0..6 {
        let store = Arc::clone(&processes[number % processes.len()].store);
        rescuers.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..20 {
                for shard in store.shards() {
                    let batch = store.rescue(*shard, PATIENT, 7).await;
                    mine.extend(batch.expect("a healthy store rescues"));
                }
            }
            mine
        });
    }
    let mut rescued = Vec::new();
    while let Some(mine) = rescuers.join_next().await {
        rescued.extend(mine.expect("a rescuer does not panic"));
    }
    assert_eq!(rescued.len(), 60, "each order is rescued once");
    assert!(rescued.iter().all(|order| order.version.get() == 3));
    assert_eq!(subject.counts().await.get(Status::Retrying), 60);
}

/// A heartbeat prolongs a lease from now on, also one that has run out and was not rescued yet.
pub async fn a_heartbeat_keeps_the_lease(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let kept = subject
        .place_and_claim(&sample::plain("carol", 1), SHORT)
        .await;
    let late = subject
        .place_and_claim(&sample::plain("carol", 2), SHORT)
        .await;
    let silent = subject
        .place_and_claim(&sample::plain("carol", 3), SHORT)
        .await;
    assert_eq!(subject.heartbeat(&[claim_of(&kept)]).await, []);
    subject.pass(SHORT).await;
    assert_eq!(
        subject.heartbeat(&[claim_of(&late)]).await,
        [],
        "late, but it was not taken back"
    );
    let rescued = rescue(&subject, PATIENT, 10).await;
    let ids: Vec<OrderId> = rescued.iter().map(|order| order.id).collect();
    assert_eq!(
        ids,
        [silent.id],
        "only the lease without a heartbeat ran out"
    );
    for order in [&kept, &late] {
        assert_eq!(
            subject.get(order.id).await,
            *order,
            "a heartbeat is no change"
        );
        subject.complete(order).await;
    }
    let done = claim_of(&kept);
    let unknown = Claim {
        order_id: subject.decide(&sample::plain("carol", 4)).order.id,
        ..done
    };
    let mut lost = subject.heartbeat(&[done, claim_of(&silent), unknown]).await;
    lost.sort_by_key(|claim| claim.order_id);
    let mut expected = [done, claim_of(&silent), unknown];
    expected.sort_by_key(|claim| claim.order_id);
    assert_eq!(lost, expected, "finished, rescued and unknown are lost");
    assert_eq!(subject.heartbeat(&[]).await, []);
}

/// An outcome that comes after the lease has run out counts, as long as the order was not taken back.
pub async fn a_late_outcome_counts_until_the_rescue(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = subject
        .place_and_claim(&sample::plain("dave", 1), SHORT)
        .await;
    subject.pass(SHORT).await;
    let processed = subject.complete(&claimed).await;
    assert_eq!(rescue(&subject, PATIENT, 10).await, []);
    assert_eq!(subject.get(claimed.id).await, processed);
}

/// Everything that a worker with a stale token may try: none of it changes anything.
async fn changes_nothing(subject: &Subject, stale: &Order, standing: &Arc<Order>) {
    let events = subject.events(stale.id).await;
    let failure = || Failure::new("timeout", "from a stale worker");
    let now = subject.now();
    let decisions = [
        ("retry", stale.retry(failure(), Duration::ZERO, now)),
        ("fail", stale.fail(failure(), now)),
        ("give back", stale.give_back(None, Duration::ZERO, now)),
        ("rescue", stale.lose_lease(1, Duration::ZERO, now)),
    ];
    let mut writes: Vec<(&str, Write)> = decisions
        .into_iter()
        .map(|(what, decision)| {
            let decision = decision.expect("the stale worker believes it is PROCESSING");
            (what, write_at(stale, decision))
        })
        .collect();
    writes.push(("complete", subject.completion(stale)));
    for (what, write) in writes {
        assert_eq!(
            subject.commit_one(write).await,
            Err(CommitError::Stale),
            "a stale token must not {what}"
        );
    }
    assert_eq!(
        subject.heartbeat(&[claim_of(stale)]).await,
        [claim_of(stale)],
        "a stale token's heartbeat tells that the claim is lost"
    );
    assert_eq!(
        subject.get(stale.id).await,
        *standing,
        "a stale token changed the order"
    );
    assert_eq!(subject.events(stale.id).await, events);
}

/// A worker that wakes up after its lease was rescued and the order claimed again changes nothing.
pub async fn a_stale_token_changes_nothing(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let stale = subject
        .place_and_claim(&sample::plain("erin", 1), SHORT)
        .await;
    subject.pass(SHORT).await;
    let policy = RescuePolicy {
        max_attempts: 5,
        delay: Duration::ZERO,
    };
    let rescued = rescue(&subject, policy, 10).await;
    changes_nothing(&subject, &stale, &rescued[0]).await;
    let current = subject.claim_only(stale.id, SHORT).await;
    changes_nothing(&subject, &stale, &current).await;
    // The stale heartbeat asked for a long lease: had it counted, this one would not run out.
    subject.pass(SHORT).await;
    let rescued = rescue(&subject, policy, 10).await;
    assert_eq!(rescued.len(), 1, "a stale heartbeat prolongs no lease");
    let shard = subject.shard_of(&stale.user_id);
    let last = subject.claim_alone_from(shard, LONG).await;
    let last = last.expect("what lost its lease twice is claimed alone");
    assert_eq!((last.id, last.attempt), (stale.id, 3));
    subject.complete(&last).await;
}

/// A token from before a replay is stale, although the attempt's number has come again.
pub async fn a_token_from_before_a_replay_is_stale(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let before = subject
        .place_and_claim(&sample::plain("frank", 1), LONG)
        .await;
    let dead = subject.fail(&before, "handler_rejected").await;
    subject.apply(&dead, OrderCommand::Replay).await;
    let after = subject.claim_only(before.id, LONG).await;
    assert_eq!(
        after.attempt, before.attempt,
        "the attempt's number came again"
    );
    changes_nothing(&subject, &before, &after).await;
    subject.complete(&after).await;
}

/// An order whose worker crashes each time ends in the dead letters.
pub async fn a_crash_loop_ends_in_the_dead_letters(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let (placed, _) = subject.place(&sample::plain("grace", 1)).await;
    let policy = RescuePolicy {
        max_attempts: 3,
        delay: Duration::ZERO,
    };
    let shard = subject.shard_of(&placed.user_id);
    for attempt in 1..=3 {
        let claimed = if subject.get(placed.id).await.is_quarantined() {
            let claimed = subject.claim_alone_from(shard, SHORT).await;
            claimed.expect("it is due")
        } else {
            subject.claim_only(placed.id, SHORT).await
        };
        assert_eq!(claimed.attempt, attempt);
        subject.pass(SHORT).await;
        assert_eq!(rescue(&subject, policy, 1).await.len(), 1);
    }
    let dead = subject.get(placed.id).await;
    assert_eq!((dead.status, dead.attempt), (Status::Failed, 3));
    assert!(subject.claim_all(LONG).await.is_empty());
    assert_eq!(
        versions(&subject.events(placed.id).await),
        [1, 2, 3, 4, 5, 6, 7]
    );
}
