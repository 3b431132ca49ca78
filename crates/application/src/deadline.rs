//! The caller's deadline around a commit: past it the caller learns that the outcome is unknown, while the store
//! finishes what it has begun.

use crate::ports::{CommitError, Committed, Deadline, OrderStore, StoreError, Write};

/// Commits, waiting no longer than `deadline`.
pub(crate) async fn commit(
    store: &dyn OrderStore,
    writes: Vec<Write>,
    deadline: Deadline,
) -> Vec<Result<Committed, CommitError>> {
    if writes.is_empty() {
        return Vec::new();
    }
    let shards: Vec<_> = writes
        .iter()
        .map(|write| store.shard_of(write.decision.order.id.bucket()))
        .collect();
    match tokio::time::timeout_at(deadline, store.commit(writes, deadline)).await {
        Ok(results) => results,
        Err(_) => shards
            .into_iter()
            .map(|shard| {
                let reason = "no answer by the request's deadline".to_owned();
                Err(CommitError::Store(StoreError::Unknown { shard, reason }))
            })
            .collect(),
    }
}
