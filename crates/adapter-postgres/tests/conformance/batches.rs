//! Calls that are larger than a transaction, and orders that are larger than others.

use std::sync::Arc;

use adapter_postgres::PostgresOptions;
use application::ports::{Committed, Guard, OrderReader as _, OrderWriter as _, Write};
use domain::{Cause, Order, OrderCommand};
use port_conformance::order_store::{deadline, sample};
use tokio::task::JoinSet;

use crate::orders::{keyed, now};
use crate::server::{Process, fresh_shards, options};

fn held(order: &Order) -> Write {
    Write {
        decision: order
            .apply(OrderCommand::Hold, now(), Cause::default())
            .expect("a fresh order can be held"),
        guard: Guard::At {
            version: order.version,
            status: order.status,
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_larger_than_a_transaction_keeps_the_order_of_its_writes() {
    let shards = fresh_shards(1).await;
    let process = Process::start(PostgresOptions {
        batch: 4,
        queue: 16,
        ..options(&shards)
    })
    .await
    .unwrap();
    for round in 0..5 {
        let placed: Vec<Write> = (0..23)
            .map(|number| {
                keyed(
                    &sample::plain("alice", number),
                    &format!("{round}-{number}"),
                )
            })
            .collect();
        let held = placed.iter().map(|write| held(&write.decision.order));
        let writes = placed.iter().cloned().chain(held.collect::<Vec<_>>());
        let answers = process.store.commit(writes.collect(), deadline()).await;
        assert_eq!(answers.len(), 46);
        for answer in answers {
            assert!(
                matches!(answer, Ok(Committed::Written { .. })),
                "{answer:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_orders_at_once_are_all_taken_in_several_transactions() {
    let shards = fresh_shards(1).await;
    let process = Process::on(&shards).await;
    let name = "ü".repeat(255);
    let lines = vec![sample::line(None, &name, 1, 1); 1000];
    let command = sample::of_lines("alice", lines);
    let mut callers = JoinSet::new();
    for number in 0..40 {
        let store = Arc::clone(&process.store);
        let write = keyed(&command, &format!("large-{number}"));
        callers.spawn(async move {
            let order = Arc::clone(&write.decision.order);
            let answer = store.commit(vec![write], deadline()).await.remove(0);
            assert!(
                matches!(answer, Ok(Committed::Written { .. })),
                "{answer:?}"
            );
            assert_eq!(store.get(order.id).await, Ok(Some(order)));
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}
