//! Hints: they may come late or together, but a healthy store gives one after every commit.

use std::time::Duration;

use domain::{OrderCommand, Seq};
use tokio::sync::watch;
use tokio::time::timeout;

use super::subject::{Subject, deadline};
use super::{LONG, StoreFactory, sample};

/// Waits until `receiver` has heard of `seq`.
async fn hears_of(subject: &Subject, receiver: &mut watch::Receiver<Seq>, seq: Seq, what: &str) {
    let within = subject.opened.hint_within();
    let has_heard = matches!(
        timeout(within, receiver.wait_for(|heard| *heard >= seq)).await,
        Ok(Ok(_))
    );
    assert!(
        has_heard,
        "no hint of {what} (seq {seq}) within {within:?}; the last one heard was {:?}",
        *receiver.borrow()
    );
}

/// Waits until `receiver` has changed.
async fn hears_of_work(subject: &Subject, receiver: &mut watch::Receiver<u64>, what: &str) {
    let within = subject.opened.hint_within();
    let heard = timeout(within, receiver.changed()).await;
    assert!(
        matches!(heard, Ok(Ok(()))),
        "no hint that {what} within {within:?}"
    );
}

/// After every commit watchers hear of the shard's new seq; by then the event can be read.
pub async fn every_commit_is_hinted_to_watchers(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("alice"));
    let mut last_seq = subject.opened.wake_ups().last_seq(shard);
    for number in 0..8 {
        let (placed, seq) = subject.place(&sample::plain("alice", number)).await;
        hears_of(&subject, &mut last_seq, seq, "a placed order").await;
        subject.claim_only(placed.id, LONG).await;
        hears_of(&subject, &mut last_seq, Seq(seq.0 + 1), "a claim").await;
        let hinted = *last_seq.borrow_and_update();
        assert!(
            subject.head(shard).await >= hinted,
            "a hint comes after its commit, never before"
        );
    }
}

/// An erasure is a commit like any other: watchers get a hint of its event.
pub async fn an_erasure_is_hinted_to_watchers(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("alice"));
    let mut last_seq = subject.opened.wake_ups().last_seq(shard);
    for number in 0..4 {
        let (placed, _) = subject.place(&sample::plain("alice", number)).await;
        let cancelled = subject.apply(&placed, OrderCommand::Cancel).await;
        let position = subject.erase(&cancelled).await;
        hears_of(&subject, &mut last_seq, position.seq, "an erasure").await;
    }
}

/// After every commit that leaves due work workers hear of it; then the work can be claimed.
pub async fn due_work_is_hinted_to_workers(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shard = subject.shard_of(&sample::user("bob"));
    let mut due_work = subject.opened.wake_ups().due_work(shard);
    for number in 0..8 {
        due_work.mark_unchanged();
        let (placed, _) = subject.place(&sample::plain("bob", number)).await;
        hears_of_work(&subject, &mut due_work, "a placed order is due").await;
        let claimed = subject.claim_only(placed.id, LONG).await;

        due_work.mark_unchanged();
        let decision = claimed
            .give_back(None, Duration::ZERO, subject.now())
            .expect("a claimed order can be given back");
        let given_back = subject.advance(&claimed, decision).await;
        hears_of_work(&subject, &mut due_work, "what was given back is due").await;
        let claimed = subject.claim_only(given_back.id, LONG).await;

        let dead = subject.fail(&claimed, "handler_rejected").await;
        due_work.mark_unchanged();
        subject.apply(&dead, OrderCommand::Replay).await;
        hears_of_work(&subject, &mut due_work, "a replayed order is due").await;
        let claimed = subject.claim_only(dead.id, LONG).await;
        subject.complete(&claimed).await;
    }
}

/// A batch over all shards is hinted in each of them.
pub async fn hints_come_for_each_shard(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let wake_ups = subject.opened.wake_ups();
    let users = ["alice", "zoe", "mike", "nina", "9", "bob", "carol", "wendy"];
    let writes: Vec<_> = users
        .iter()
        .map(|user_id| subject.new_write(&sample::plain(user_id, 1), None))
        .collect();
    let shards: Vec<_> = users
        .iter()
        .map(|user_id| subject.shard_of(&sample::user(user_id)))
        .collect();
    let mut receivers: Vec<_> = shards
        .iter()
        .map(|shard| wake_ups.last_seq(*shard))
        .collect();
    let answers = subject.store.commit(writes, deadline()).await;
    for (receiver, answer) in receivers.iter_mut().zip(answers) {
        let seq = super::subject::written(answer, "an order of a mixed batch");
        hears_of(&subject, receiver, seq, "an order of a mixed batch").await;
    }
}

/// If hints reach other processes, they arrive there too.
pub async fn hints_reach_another_process(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let Some(second) = subject.second("hints_reach_another_process").await else {
        return;
    };
    if !second.opened.hints_cross_processes() {
        eprintln!("hints_reach_another_process: left out, hints stay within a process");
        return;
    }
    let shard = subject.shard_of(&sample::user("carol"));
    let mut last_seq = second.opened.wake_ups().last_seq(shard);
    let mut due_work = second.opened.wake_ups().due_work(shard);
    for number in 0..5 {
        due_work.mark_unchanged();
        let (placed, seq) = subject.place(&sample::plain("carol", number)).await;
        hears_of(&second, &mut last_seq, seq, "another process's order").await;
        hears_of_work(&second, &mut due_work, "another process's order is due").await;
        second.claim_only(placed.id, LONG).await;
    }
}
