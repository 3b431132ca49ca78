//! The health of the store: every shard with its state and its oldest work.

use std::time::Duration;

use application::ports::{Sharded as _, StoreError};
use application::store_health::{CommitFailure, ShardHealth, ShardState, StoreHealth};

use super::Carrier;
use super::subject::{Subject, caller};
use crate::faulty::FaultMode;
use crate::order_store::sample;

/// Each shard is available, out of reach, or takes no commits for a stated reason.
pub async fn each_shard_says_how_it_is(carrier: &dyn Carrier) {
    let full = |shard| StoreError::Full {
        shard,
        reason: "no space left on device".to_owned(),
    };
    let unavailable = |shard| StoreError::Unavailable {
        shard,
        reason: "read-only".to_owned(),
    };
    for (failing, state) in [
        (None, ShardState::Available),
        (
            Some(full as fn(_) -> _),
            ShardState::CommitsFail(CommitFailure::Full),
        ),
        (
            Some(unavailable as fn(_) -> _),
            ShardState::CommitsFail(CommitFailure::Unavailable),
        ),
    ] {
        let subject = Subject::fresh(carrier).await;
        let last = subject.store.shards().len() - 1;
        let shard = subject.store.shards()[last];
        if let Some(error) = failing {
            subject
                .store
                .set_mode(FaultMode::CommitsFailing(error(shard)));
            let by = caller();
            let placing = subject.orders.place(&by, sample::plain("alice", 1), None);
            assert!(placing.await.is_err(), "commits fail");
        }
        let health = subject.orders.store_health(&caller()).await;
        assert_eq!(health, all_available_but(&subject, last, state));
    }
    let subject = Subject::fresh(carrier).await;
    let shard = subject.store.shards()[0];
    subject
        .store
        .set_mode(FaultMode::Failing(unavailable(shard)));
    let health = subject.orders.store_health(&caller()).await;
    let states: Vec<ShardState> = health.shards.iter().map(|shard| shard.state).collect();
    assert_eq!(states, vec![ShardState::Unreachable; states.len()]);
}

fn all_available_but(subject: &Subject, at: usize, state: ShardState) -> StoreHealth {
    let shards = subject.store.shards().iter().enumerate();
    let shards = shards.map(|(index, &shard)| ShardHealth {
        shard,
        state: if index == at {
            state
        } else {
            ShardState::Available
        },
        oldest_due_age: None,
    });
    StoreHealth {
        shards: shards.collect(),
    }
}

/// The shard of an order that is due says for how long, to the millisecond; the others say nothing.
pub async fn the_oldest_due_order_has_its_age(carrier: &dyn Carrier) {
    let subject = Subject::fresh(carrier).await;
    let order = subject.place(sample::plain("alice", 1)).await;
    let age = Duration::from_millis(61_007);
    subject.pass(age).await;
    let health = subject.orders.store_health(&caller()).await;
    let own = subject.store.shard_of(order.id.bucket());
    for shard in health.shards {
        let expected = (shard.shard == own).then_some(age);
        assert_eq!(shard.oldest_due_age, expected, "{shard:?}");
    }
}
