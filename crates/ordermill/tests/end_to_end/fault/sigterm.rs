//! SIGTERM under load with every kind of stream open: the process drains within its deadline, exits with 0, loses
//! nothing and tells its watchers; a second SIGTERM stops it at once.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::checker::Expectations;
use super::facts::{Dice, Facts};
use super::history::Outcome;
use super::load::http_client;
use super::process::{Binary, StoreAt};
use super::run::Run;
use super::watching::{Watcher, present_cursor};

/// How long a process may take beyond its drain's deadline.
const MARGIN: Duration = Duration::from_secs(5);

/// A client that never finishes its request's head.
async fn half_a_request(address: SocketAddr) {
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the process accepts");
    stream
        .write_all(b"POST /v1/orders HTTP/1.1\r\nHost: localh")
        .await
        .expect("a few bytes can be sent");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_drains_exits_with_0_and_loses_nothing() {
    let mut run = Run::begin().await;
    let setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let address = server.address;
    let begin = present_cursor(address).await;
    let load = run.load(8);
    let watchers: Vec<Watcher> = (0..4).map(|_| Watcher::from(begin.clone())).collect();
    let (mut streams, mut sockets, mut others) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for watcher in &watchers {
        streams.spawn(watcher.clone().watch_events(address));
        sockets.spawn(Watcher::default().watch_socket(address));
        others.spawn(half_a_request(address));
    }
    load.acknowledge(300, Duration::from_secs(30)).await;

    let told = Instant::now();
    server.terminate();
    run.fired("SIGTERM");
    let status = server.wait(setup.drain + MARGIN).await;
    let took = told.elapsed();
    println!("ended {took:?} after SIGTERM");
    // Nothing had to be cut off: the half-sent heads were not waited for.
    assert!(took < setup.drain, "{took:?}");
    assert_eq!(status.code(), Some(0), "{}", server.last_words());

    // Everyone was told: the streams ended, the sockets were closed with a code for going away or trying again.
    let codes = timeout(MARGIN, sockets.join_all())
        .await
        .expect("all sockets ended");
    for code in codes {
        assert!(
            matches!(code, Some(1001 | 1012 | 1013)),
            "closed with {code:?}"
        );
    }
    timeout(MARGIN, streams.join_all())
        .await
        .expect("all streams ended");
    timeout(MARGIN, others.join_all())
        .await
        .expect("all connections ended");

    // A watcher goes on where it was and misses nothing.
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    let mut resumed = JoinSet::new();
    for watcher in &watchers {
        resumed.spawn(watcher.clone().watch_events(server.address));
    }
    load.acknowledge(50, Duration::from_secs(30)).await;
    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    for watcher in &watchers {
        watcher.assert_saw_everything(&verdict.readback).await;
    }
    drop((server, resumed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_sigterm_stops_at_once_and_loses_nothing() {
    let mut run = Run::begin().await;
    // Work that would keep the drain busy for long.
    run.endpoint.answer_after(Duration::from_secs(8));
    let mut setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    setup.handler_timeout = Duration::from_secs(20);
    setup.drain = Duration::from_secs(15);
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let client = http_client();
    let mut dice = Dice::new(88);
    for number in 0..30 {
        let facts = Facts::draw(format!("twice-{number}"), &mut dice);
        let key = Some(format!("key-twice-{number}"));
        assert!(matches!(run.ask(&client, facts, key).await, Outcome::Ok(_)));
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while run.endpoint.calls() == 0 {
        assert!(Instant::now() < deadline, "nothing is being worked on");
        sleep(Duration::from_millis(10)).await;
    }
    server.terminate();
    run.fired("SIGTERM");
    sleep(Duration::from_millis(1500)).await;
    assert!(server.has_ended().is_none(), "there was nothing to drain");
    server.terminate();
    run.fired("a second SIGTERM");
    server.wait(Duration::from_secs(1)).await;

    run.endpoint.answer_after(Duration::ZERO);
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    run.judge_recorded(&Expectations::default())
        .await
        .assert_kept();
    drop(server);
}
