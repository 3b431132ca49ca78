//! Health follows the store.

use std::time::Duration;

use application::ports::StoreError;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::server::{Server, amount};
use port_conformance::faulty::FaultMode;

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

fn lost() -> FaultMode {
    FaultMode::Failing(StoreError::Unavailable {
        shard: domain::ShardId(0),
        reason: "gone".to_owned(),
    })
}

#[tokio::test]
async fn health_is_serving_while_the_store_answers() {
    let server = Server::start().await;
    let mut client = HealthClient::new(server.channel().await);
    for service in [
        "",
        "ordermill.v1.OrderService",
        "order.OrderService",
        "grpcstream.OrderStream",
    ] {
        let answer = client.check(of(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let refused = client.check(of("somebody.Else")).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    server.store_becomes(lost());
    let answer = client.check(of("")).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn health_is_not_serving_while_commits_fail_and_recovers_by_itself() {
    let server = Server::with(|settings, _| {
        settings.tuning.probe_interval = Duration::from_millis(20);
    })
    .await;
    let mut orders = server.client().await;
    let mut client = HealthClient::new(server.channel().await);
    let mut answers = client.watch(of("")).await.unwrap().into_inner();
    let mut next = async || {
        let answer = timeout(Duration::from_secs(10), answers.message())
            .await
            .unwrap();
        answer.unwrap().unwrap().status()
    };
    assert_eq!(next().await, ServingStatus::Serving);
    server.store_becomes(FaultMode::CommitsFailing(StoreError::Full {
        shard: domain::ShardId(0),
        reason: "no space".to_owned(),
    }));
    let refused = orders.create_order(amount("u", 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(next().await, ServingStatus::NotServing);
    server.store_becomes(FaultMode::Well);
    assert_eq!(next().await, ServingStatus::Serving);
    orders.create_order(amount("u", 1)).await.unwrap();
}

#[tokio::test]
async fn a_watcher_of_the_health_gets_each_change_and_the_stop() {
    let server = Server::with(|settings, _| {
        settings.tuning.probe_interval = Duration::from_millis(20);
    })
    .await;
    let mut client = HealthClient::new(server.channel().await);
    let mut answers = client.watch(of("")).await.unwrap().into_inner();
    let mut next = async || {
        let answer = timeout(Duration::from_secs(10), answers.message())
            .await
            .unwrap();
        answer.map(|answer| answer.unwrap().status())
    };
    assert_eq!(next().await.unwrap(), ServingStatus::Serving);
    server.store_becomes(lost());
    assert_eq!(next().await.unwrap(), ServingStatus::NotServing);
    server.store_becomes(FaultMode::Well);
    assert_eq!(next().await.unwrap(), ServingStatus::Serving);
    server.soft.cancel();
    assert_eq!(next().await.unwrap(), ServingStatus::NotServing);
    assert_eq!(next().await.unwrap_err().code(), Code::Unavailable);
}
