//! Probes: a shard that takes commits says so, and nobody sees that it was asked.

use application::ports::StoreError;
use domain::ShardId;

use super::subject::Subject;
use super::{LONG, StoreFactory, sample};

/// A probe succeeds on a shard that takes commits. It changes no count, no feed and no order, and takes no work.
pub async fn a_probe_of_commits_leaves_no_trace(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let mut placed = Vec::new();
    for user_id in ["alice", "zoe"] {
        placed.push(subject.place(&sample::plain(user_id, 1)).await);
    }
    let counts = subject.counts().await;
    for shard in subject.store.shards().to_vec() {
        let head = subject.head(shard).await;
        let probed = subject.store.probe_commit(shard).await;
        assert_eq!(probed, Ok(()), "a shard that takes commits says so");
        assert_eq!(
            subject.head(shard).await,
            head,
            "a probe leaves no event behind"
        );
    }
    assert_eq!(subject.counts().await, counts);
    for (order, _) in &placed {
        assert_eq!(subject.get(order.id).await, *order);
    }
    assert_eq!(subject.claim_all(LONG).await.len(), placed.len());
}

/// A probe fails on a shard that is not there, and on a store that was closed.
pub async fn a_probe_fails_where_no_commit_can_be_made(factory: &dyn StoreFactory) {
    let subject = Subject::fresh(factory).await;
    let shards = subject.store.shards().to_vec();
    let unknown = ShardId(shards.last().expect("a store has a shard").0 + 1);
    let refused = |answer: Result<(), StoreError>, shard: ShardId| {
        assert!(
            matches!(&answer, Err(StoreError::Unavailable { shard: of, .. }) if *of == shard),
            "no commit can be made there: {answer:?}"
        );
    };
    refused(subject.store.probe_commit(unknown).await, unknown);
    subject.store.close().await;
    refused(subject.store.probe_commit(shards[0]).await, shards[0]);
}
