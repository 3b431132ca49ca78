//! Stopping: running calls end by themselves, streams end with a reason, and nothing is waited for longer than the drain.

use std::time::Duration;

use futures_util::stream;
use proto::ordermill::v1 as pb;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Code;

use crate::server::{Server, amount, placed, reason};
use port_conformance::faulty::FaultMode;

const WAIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_stopping_server_finishes_running_calls_and_ends_watchers_with_unavailable() {
    let mut server = Server::with(|settings, _| settings.drain_timeout = WAIT).await;
    let mut client = server.client().await;
    let id = placed(&mut client, amount("u", 1)).await.id;
    let request = pb::WatchOrderRequest {
        order_id: id,
        start: None,
    };
    let mut one = client.watch_order(request).await.unwrap().into_inner();
    let mut all = client
        .watch_orders(pb::WatchOrdersRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(one.message().await.unwrap().is_some());
    assert!(all.message().await.unwrap().is_some());
    server.store_becomes(FaultMode::Slow(Duration::from_millis(500)));
    let mut other = client.clone();
    let mut running = JoinSet::new();
    running.spawn(async move { other.create_order(amount("u", 2)).await });
    while server.store.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let idle = TcpStream::connect(server.address).await.unwrap();
    server.soft.cancel();
    for stream in [&mut one, &mut all] {
        let end = timeout(WAIT, stream.message()).await.unwrap().unwrap_err();
        assert_eq!(
            (end.code(), &*reason(&end)),
            (Code::Unavailable, "STOPPING")
        );
    }
    assert!(
        running.join_next().await.unwrap().unwrap().is_ok(),
        "what runs is answered"
    );
    let report = timeout(WAIT, server.stopped()).await.unwrap();
    assert_eq!(report.cut_off, 0, "{report:?}");
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn the_drain_ends_after_its_timeout_or_at_once_by_a_hard_stop() {
    for (drain, at_once) in [(Duration::from_millis(200), false), (WAIT * 10, true)] {
        let mut server = Server::with(|settings, _| settings.drain_timeout = drain).await;
        let mut client = server.client().await;
        server.store_becomes(FaultMode::Slow(WAIT * 10));
        let mut running = JoinSet::new();
        running.spawn(async move { client.create_order(amount("u", 1)).await });
        while server.store.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.soft.cancel();
        if at_once {
            server.hard.cancel();
        }
        let report = timeout(WAIT, server.stopped()).await.expect("it ends");
        assert!(report.cut_off > 0);
        assert!(running.join_next().await.unwrap().unwrap().is_err());
        server.store_becomes(FaultMode::Well);
        assert_eq!(server.accepted().await, 0);
    }
}

#[tokio::test]
async fn an_idle_intake_stream_does_not_delay_the_stop() {
    let mut server = Server::with(|settings, _| settings.drain_timeout = WAIT).await;
    let mut client = server.client().await;
    let mut answers = client
        .intake_orders(stream::pending())
        .await
        .unwrap()
        .into_inner();
    server.soft.cancel();
    let end = timeout(WAIT, answers.message()).await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    assert_eq!(timeout(WAIT, server.stopped()).await.unwrap().cut_off, 0);
}
