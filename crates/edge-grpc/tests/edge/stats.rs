//! GetStats: the counts add up, and everything that is not as it should be has a reason.

use std::sync::Arc;
use std::time::Duration;

use application::health::{Breaker, EndpointState, HandlerState, WorkHealth, WorkSnapshot};
use application::ports::StoreError;
use domain::Timestamp;
use proto::ordermill::v1 as pb;
use tonic::Code;

use crate::server::{Client, Server, amount, placed, reason};
use port_conformance::faulty::FaultMode;

/// A worker that always says the same.
struct Stated(WorkSnapshot);

impl WorkHealth for Stated {
    fn snapshot(&self) -> WorkSnapshot {
        self.0
    }
}

fn endpoint(breaker: Breaker) -> EndpointState {
    EndpointState {
        breaker,
        since: Timestamp::from_millis(1_700_000_000_123).unwrap(),
        consecutive_faults: 3,
        next_probe: Some(Duration::from_millis(1_500)),
        busy_pause: Some(Duration::from_secs(7)),
    }
}

async fn stats(client: &mut Client) -> pb::GetStatsResponse {
    let answer = client.get_stats(pb::GetStatsRequest {}).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
async fn the_counts_of_all_statuses_add_up() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for number in 1..=2 {
        placed(&mut client, amount("done", number)).await;
    }
    server.work_off().await;
    placed(&mut client, amount("failed", 1)).await;
    server.fail_everything().await;
    let order_id = placed(&mut client, amount("cancelled", 1)).await.id;
    let cancel = pb::CancelOrderRequest {
        order_id,
        ..pb::CancelOrderRequest::default()
    };
    client.cancel_order(cancel).await.unwrap();
    placed(&mut client, amount("waits", 1)).await;
    let stats = stats(&mut client).await;
    assert_eq!((stats.processed, stats.failed, stats.cancelled), (2, 1, 1));
    assert_eq!((stats.accepted, stats.in_flight, stats.erased), (5, 1, 0));
    let of = |status| {
        let mut counts = stats.by_status.iter();
        counts.find(|count| count.status() == status).unwrap().count
    };
    assert_eq!((of(pb::Status::Pending), of(pb::Status::Processed)), (1, 2));
    assert_eq!(stats.by_status.len(), 7);
    assert!(!stats.degraded && stats.reasons.is_empty(), "{stats:?}");
    assert!(stats.breaker.is_none(), "this process calls no endpoint");
}

#[tokio::test]
async fn what_is_not_as_it_should_be_has_its_reason() {
    let work = WorkSnapshot {
        handler: HandlerState::Http(endpoint(Breaker::Open)),
        receipts_reachable: false,
    };
    let server = Server::working(Arc::new(Stated(work)), Duration::ZERO).await;
    let mut client = server.client().await;
    placed(&mut client, amount("waits", 1)).await;
    let stats = stats(&mut client).await;
    let codes: Vec<_> = stats.reasons.iter().map(|reason| &*reason.code).collect();
    assert_eq!(
        codes,
        [
            "breaker_open",
            "endpoint_busy",
            "receipts_unavailable",
            "work_is_late",
        ]
    );
    assert!(stats.degraded && stats.oldest_due_age.is_some());
    let breaker = stats.breaker.unwrap();
    assert_eq!(breaker.state(), pb::BreakerState::Open);
    assert_eq!(breaker.consecutive_faults, 3);
    let since = breaker.since.unwrap();
    assert_eq!((since.seconds, since.nanos), (1_700_000_000, 123_000_000));
    let probe = breaker.next_probe.unwrap();
    assert_eq!((probe.seconds, probe.nanos), (1, 500_000_000));
    assert_eq!(stats.busy_pause.unwrap().seconds, 7);
}

#[tokio::test]
async fn stats_of_a_store_that_is_away_are_unavailable() {
    let server = Server::start().await;
    let mut client = server.client().await;
    server.store_becomes(FaultMode::Failing(StoreError::Unavailable {
        shard: domain::ShardId(0),
        reason: "gone".to_owned(),
    }));
    let refused = client.get_stats(pb::GetStatsRequest {}).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason(&refused)),
        (Code::Unavailable, "STORE_UNAVAILABLE")
    );
}
