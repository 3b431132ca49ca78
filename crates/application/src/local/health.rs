//! Asks every shard whether it answers, and adds what is known of its commits.

use domain::ShardId;
use futures_util::future::join_all;
use tokio::time::timeout_at;

use super::local_orders::LocalOrders;
use crate::caller::Caller;
use crate::store_health::{ShardHealth, ShardState, StoreHealth};

impl LocalOrders {
    pub(super) async fn ask_shards(&self, caller: &Caller) -> StoreHealth {
        let asked = self.queue.shards().iter().map(|&shard| async move {
            let answer = timeout_at(caller.deadline, self.queue.oldest_due_age(shard)).await;
            let (state, oldest_due_age) = match answer {
                Ok(Ok(age)) => (self.commit_state(shard), age),
                Ok(Err(_)) | Err(_) => (ShardState::Unreachable, None),
            };
            ShardHealth {
                shard,
                state,
                oldest_due_age,
            }
        });
        StoreHealth {
            shards: join_all(asked).await,
        }
    }

    fn commit_state(&self, shard: ShardId) -> ShardState {
        match self.commits.failure(shard) {
            None => ShardState::Available,
            Some(failure) => ShardState::CommitsFail(failure),
        }
    }
}
