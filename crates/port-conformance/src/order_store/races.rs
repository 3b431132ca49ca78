//! What meets at the same moment: of two that exclude each other one wins, and a reader never sees half of a change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use application::ports::{Claim, CommitError, Committed, RescuePolicy, StoreError, Write};
use domain::{Cause, Order, OrderCommand, OrderId, Status};
use tokio::task::JoinSet;

use super::subject::{Subject, claim_of, deadline, versions, write_at, written};
use super::{LONG, SHORT, StoreFactory, sample};

const AT_ONCE: RescuePolicy = RescuePolicy {
    max_attempts: 100,
    delay: LONG,
};

/// 40 orders of one user whose leases have just run out.
async fn run_out_leases(subject: &Subject) -> Vec<Arc<Order>> {
    let writes: Vec<Write> = (0..40)
        .map(|number| subject.new_write(&sample::plain("racer", number), None))
        .collect();
    for answer in subject.store.commit(writes, deadline()).await {
        written(answer, "an order to race for");
    }
    let claimed = subject.claim_all(SHORT).await;
    assert_eq!(claimed.len(), 40);
    subject.pass(SHORT).await;
    claimed
}

async fn rescue_in_steps(process: &Subject) -> BTreeSet<OrderId> {
    let shard = process.shard_of(&sample::user("racer"));
    let mut rescued = BTreeSet::new();
    for _ in 0..20 {
        let batch = process.store.rescue(shard, AT_ONCE, 3).await;
        let batch = batch.expect("a healthy store rescues");
        rescued.extend(batch.iter().map(|order| order.id));
    }
    rescued
}

/// A worker that is late and a rescuer that meet: each order follows exactly one of them.
pub async fn an_outcome_and_a_rescue_exclude_each_other(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let second = subject.opened.second().await.map(Subject::from);
    let rescuer = second.as_ref().unwrap_or(&subject);
    let claimed = run_out_leases(&subject).await;
    let work = async {
        let mut completed = BTreeSet::new();
        for order in claimed.iter().rev() {
            match subject.commit_one(subject.completion(order)).await {
                Ok(Committed::Written { .. }) => _ = completed.insert(order.id),
                Err(CommitError::Stale) => {}
                other => panic!("written or stale: {other:?}"),
            }
        }
        completed
    };
    let (completed, rescued) = tokio::join!(work, rescue_in_steps(rescuer));
    assert!(
        completed.is_disjoint(&rescued),
        "an order is completed or rescued, never both"
    );
    assert_eq!(completed.len() + rescued.len(), 40, "and never neither");
    for id in completed {
        assert_eq!(subject.get(id).await.status, Status::Processed);
        assert_eq!(versions(&subject.events(id).await), [1, 2, 3]);
    }
    for id in rescued {
        assert_eq!(subject.get(id).await.status, Status::Retrying);
    }
}

/// A late heartbeat and a rescuer that meet: an order whose heartbeat was confirmed is not rescued.
pub async fn a_heartbeat_and_a_rescue_exclude_each_other(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let second = subject.opened.second().await.map(Subject::from);
    let rescuer = second.as_ref().unwrap_or(&subject);
    let claimed = run_out_leases(&subject).await;
    let beat = async {
        let mut kept = BTreeSet::new();
        for order in claimed.iter().rev() {
            if subject.heartbeat(&[claim_of(order)]).await.is_empty() {
                kept.insert(order.id);
            }
        }
        kept
    };
    let (kept, rescued) = tokio::join!(beat, rescue_in_steps(rescuer));
    assert!(
        kept.is_disjoint(&rescued),
        "a lease that was said to hold was rescued"
    );
    assert_eq!(kept.len() + rescued.len(), 40);
    assert!(
        rescue_in_steps(rescuer).await.is_empty(),
        "the kept ones hold on"
    );
}

/// One heartbeat for many claims tells exactly which of them are lost.
pub async fn a_heartbeat_of_many_tells_which_are_lost(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let claimed = run_out_leases(&subject).await;
    let mut lost = BTreeSet::new();
    for order in claimed.iter().step_by(3) {
        subject.complete(order).await;
        lost.insert(order.id);
    }
    let claims: Vec<Claim> = claimed.iter().map(|order| claim_of(order)).collect();
    let answered = subject.heartbeat(&claims).await;
    let answered: BTreeSet<OrderId> = answered.iter().map(|claim| claim.order_id).collect();
    assert_eq!(answered, lost);
    assert!(
        rescue_in_steps(&subject).await.is_empty(),
        "all others were prolonged"
    );
}

/// Moves every order once around while readers look.
async fn keep_moving(subject: Arc<Subject>, orders: Vec<Arc<Order>>, is_done: Arc<AtomicBool>) {
    let mut orders = orders;
    for round in 0..6 {
        let command = if round % 2 == 0 {
            OrderCommand::Hold
        } else {
            OrderCommand::Release
        };
        let writes: Vec<Write> = orders
            .iter()
            .map(|order| {
                let decision = order.apply(command, subject.now(), Cause::default());
                write_at(order, decision.expect("hold and release take turns"))
            })
            .collect();
        orders = writes
            .iter()
            .map(|write| Arc::clone(&write.decision.order))
            .collect();
        for half in [&writes[..writes.len() / 2], &writes[writes.len() / 2..]] {
            for answer in subject.store.commit(half.to_vec(), deadline()).await {
                written(answer, "a step of an order");
            }
        }
    }
    is_done.store(true, Ordering::SeqCst);
}

/// Counts add up to all orders at every moment, and an order's events are never behind the order.
pub async fn a_reader_never_sees_half_of_a_change(factory: &dyn StoreFactory) {
    let subject = Arc::new(Subject::fresh(factory).await);
    let mut orders = Vec::new();
    for number in 0..60 {
        let command = sample::plain(&format!("user-{}", number % 5), number);
        orders.push(subject.place(&command).await.0);
    }
    let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
    let is_done = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    tasks.spawn(keep_moving(
        Arc::clone(&subject),
        orders,
        Arc::clone(&is_done),
    ));
    for reader in 0..2 {
        let (subject, ids, is_done) = (Arc::clone(&subject), ids.clone(), Arc::clone(&is_done));
        tasks.spawn(async move {
            let mut looked_at = reader * 7;
            while !is_done.load(Ordering::SeqCst) {
                let counts = subject.counts().await;
                assert_eq!(
                    counts.accepted(),
                    60,
                    "all of one point in time: {counts:?}"
                );
                let order = subject.get(ids[looked_at % ids.len()]).await;
                let seen = versions(&subject.events(order.id).await);
                let gapless: Vec<u32> = (1..).take(seen.len()).collect();
                assert_eq!(seen, gapless, "an order's events have no gap");
                assert!(
                    seen.len() >= order.version.get() as usize,
                    "version {} was read, and then only the events {seen:?}",
                    order.version
                );
                looked_at += 1;
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// One call with thousands of writes, as a batch request makes it, is answered write by write.
pub async fn a_call_of_thousands_is_answered_write_by_write(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let writes: Vec<Write> = (0..3_000)
        .map(|number| {
            let command = sample::numbered("batch", number, &format!("B-{}", number % 2_900));
            subject.new_write(&command, None)
        })
        .collect();
    let ids: Vec<OrderId> = writes.iter().map(|write| write.decision.order.id).collect();
    let answers = subject.store.commit(writes, deadline()).await;
    assert_eq!(answers.len(), 3_000);
    let mut accepted = 0;
    for (number, (id, answer)) in ids.into_iter().zip(answers).enumerate() {
        match answer {
            Ok(Committed::Written { .. }) => accepted += 1,
            Err(CommitError::ExternalIdTaken) => assert!(number >= 2_900, "B-{number} was free"),
            Err(CommitError::Store(StoreError::Overloaded { .. })) => {
                assert_eq!(subject.find_by_id(id).await, None);
            }
            other => panic!("B-{number}: {other:?}"),
        }
    }
    assert!(accepted > 0 && accepted <= 2_900);
    assert_eq!(subject.counts().await.accepted(), accepted);
}

/// Claims made while orders come in find every order, once.
pub async fn what_comes_in_meanwhile_is_claimed_too(factory: &dyn StoreFactory) {
    let subject = Arc::new(Subject::fresh(factory).await);
    let is_done = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let subject = Arc::clone(&subject);
        writers.spawn(async move {
            let mut placed = Vec::new();
            for number in 0..25 {
                let command = sample::plain(&format!("user-{writer}"), number);
                placed.push(subject.place(&command).await.0.id);
            }
            placed
        });
    }
    let mut claimers = JoinSet::new();
    for _ in 0..3 {
        let (subject, is_done) = (Arc::clone(&subject), Arc::clone(&is_done));
        claimers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let is_last_round = is_done.load(Ordering::SeqCst);
                let claimed = subject.claim_all(LONG).await;
                mine.extend(claimed.iter().map(|order| order.id));
                if is_last_round {
                    return mine;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
    let mut placed = Vec::new();
    while let Some(ids) = writers.join_next().await {
        placed.extend(ids.expect("a writer does not panic"));
    }
    is_done.store(true, Ordering::SeqCst);
    let mut claimed = Vec::new();
    while let Some(ids) = claimers.join_next().await {
        claimed.extend(ids.expect("a claimer does not panic"));
    }
    placed.sort_unstable();
    claimed.sort_unstable();
    assert_eq!(claimed, placed, "every order once, whenever it came in");
}
