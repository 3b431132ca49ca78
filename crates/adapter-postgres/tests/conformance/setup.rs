//! How a store starts: on shards that are not its own, that are newer, or that are not there.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; this covers what tests share, too"
)]

use std::time::Duration;

use adapter_postgres::{BucketRange, ConnectError, PostgresOptions, ShardMap, migrate};
use application::ports::{
    ClaimLimits, CommitError, Committed, EventContent, EventFeed as _, ListFilter, ListQuery,
    OrderReader as _, Sharded as _, StoreError, WorkQueue as _,
};
use domain::{Seq, ShardId};
use port_conformance::order_store::sample;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::orders::{place, users};
use crate::server::{Beside, PATIENCE, Process, fresh_shards, options};

/// A port on which no server listens.
const NO_SERVER: &str = "postgres://postgres@127.0.0.1:1/postgres";

/// Options of a start that does not wait for shards that are away.
fn quick_start(shards: &[String]) -> PostgresOptions {
    PostgresOptions {
        start_timeout: Duration::from_secs(2),
        ..options(shards)
    }
}

/// Two shards, of which the second has the last quarter of the buckets. Users of one letter are on both: a bucket's half
/// follows from the letter.
fn last_quarter_apart() -> ShardMap {
    ShardMap::Ranges(vec![
        BucketRange {
            first: 0,
            last: 3071,
            shard: ShardId(0),
        },
        BucketRange {
            first: 3072,
            last: 4095,
            shard: ShardId(1),
        },
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_put_each_order_on_the_shard_that_owns_its_bucket() {
    let shards = fresh_shards(2).await;
    let on_ranges = PostgresOptions {
        map: last_quarter_apart(),
        ..options(&shards)
    };
    let process = Process::start(on_ranges).await.expect("both are there");
    let store = &process.store;
    for (user, shard) in users(store).iter().zip(store.shards()) {
        let is_in_the_last = domain::Bucket::of(&sample::user(user)).get() >= 3072;
        assert_eq!(*shard, ShardId(u16::from(is_in_the_last)));
        let (id, answer) = place(store, user, "k", PATIENCE).await;
        assert!(
            matches!(answer, Ok(Committed::Written { .. })),
            "{answer:?}"
        );
        let page = store
            .events_after(*shard, Seq(0), 10, EventContent::Events)
            .await
            .unwrap();
        let found: Vec<_> = page
            .events
            .iter()
            .map(|event| event.event.order_id)
            .collect();
        assert_eq!(found, [id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_shard_map_is_refused_at_the_start() {
    let shards = fresh_shards(2).await;
    Process::on(&shards).await;
    for map in [ShardMap::Letter, last_quarter_apart()] {
        let refused = Process::start(PostgresOptions {
            map,
            ..options(&shards)
        })
        .await;
        assert!(matches!(refused, Err(ConnectError::WrongMap { .. })));
    }
    let swapped = [shards[1].clone(), shards[0].clone()];
    for other in [&swapped[..], &shards[..1], &shards[1..]] {
        let refused = Process::start(options(other)).await;
        assert!(matches!(refused, Err(ConnectError::WrongMap { .. })));
    }
    Process::on(&shards).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_in_one_line() {
    let shards = fresh_shards(1).await;
    Process::on(&shards).await;
    let beside = Beside::to(&shards[0]).await;
    beside
        .run(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
             VALUES (999, 'of_tomorrow', '2030-01-01T00:00:00Z', '1')",
        )
        .await;
    let refused = Process::start(options(&shards)).await.err().unwrap();
    assert!(
        matches!(&refused, ConnectError::SchemaTooNew { found: 999, .. }),
        "{refused:?}"
    );
    let line = refused.to_string();
    assert!(line.contains("999") && !line.contains('\n'), "{line}");
    assert!(migrate(&options(&shards)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_an_earlier_build_are_refused_in_one_line() {
    let shards = fresh_shards(1).await;
    let beside = Beside::to(&shards[0]).await;
    // As the last build before the first release left them: two migrations, of which the first is another one.
    beside
        .run(
            "CREATE TABLE refinery_schema_history \
               (version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255)); \
             INSERT INTO refinery_schema_history VALUES \
               (1, 'orders', '2026-11-01T00:00:00Z', '1'), (2, 'alone', '2026-11-01T00:00:00Z', '2'); \
             CREATE TABLE shard (number integer); CREATE TABLE orders (id uuid)",
        )
        .await;
    for refused in [
        Process::start(options(&shards)).await.err().unwrap(),
        migrate(&options(&shards)).await.unwrap_err(),
    ] {
        assert!(
            matches!(refused, ConnectError::SchemaOfEarlierBuild { .. }),
            "{refused:?}"
        );
        let line = refused.to_string();
        assert!(
            line.contains("store.shards[0]") && line.contains("empty database"),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_one_schema() {
    let shards = fresh_shards(2).await;
    let starts = (0..6).map(|_| Process::start(options(&shards)));
    for process in futures_util::future::join_all(starts).await {
        process.expect("every process starts");
    }
    migrate(&options(&shards)).await.expect("it is up to date");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_shard_the_start_fails_in_bounded_time() {
    let start = tokio::time::Instant::now();
    let refused = Process::start(quick_start(&[NO_SERVER.to_owned()]))
        .await
        .err();
    assert!(
        matches!(refused, Some(ConnectError::Unavailable { .. })),
        "{refused:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(10));
    for nonsense in ["", "postgres://", "host=", "not an address"] {
        let refused = Process::start(options(&[nonsense.to_owned()])).await.err();
        assert!(
            matches!(refused, Some(ConnectError::InvalidAddress { .. })),
            "{nonsense:?}: {refused:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_away_at_the_start_leaves_the_others_working() {
    let there = fresh_shards(2).await.remove(0);
    let process = Process::start(quick_start(&[there, NO_SERVER.to_owned()]))
        .await
        .expect("one shard is there");
    let store = &process.store;
    let users = users(store);
    let (id, answer) = place(store, &users[0], "k", Duration::from_secs(30)).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    assert!(store.get(id).await.unwrap().is_some());

    let away = ShardId(1);
    let (id, answer) = place(store, &users[1], "k", Duration::from_secs(30)).await;
    assert!(
        matches!(&answer, Err(CommitError::Store(StoreError::Unavailable { shard, .. })) if *shard == away),
        "{answer:?}"
    );
    let query = ListQuery {
        filter: ListFilter::default(),
        before: None,
        limit: 10,
        scan_limit: 100,
    };
    let is_away = |error: Option<StoreError>| matches!(error, Some(StoreError::Unavailable { shard, .. }) if shard == away);
    assert!(is_away(store.get(id).await.err()));
    assert!(is_away(store.list(&query).await.err()));
    assert!(is_away(store.counts().await.err()));
    assert!(is_away(store.event_position(away, Seq(1)).await.err()));
    assert!(is_away(
        store
            .claim(away, ClaimLimits::any(1), Duration::from_secs(1))
            .await
            .err()
    ));
}

/// A proxy to the test's server that is not open yet: connections are refused.
struct Detour {
    from: TcpSocket,
    to: String,
}

impl Detour {
    /// The proxy, and the address of this shard behind it.
    fn to(shard: &str) -> (Self, String) {
        let (_, rest) = shard.split_once('@').expect("the address names a user");
        let (to, _) = rest.split_once('/').expect("the address names a database");
        let from = TcpSocket::new_v4().unwrap();
        from.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let by_it = shard.replacen(to, &from.local_addr().unwrap().to_string(), 1);
        let to = to.to_owned();
        (Self { from, to }, by_it)
    }

    /// Opens it, for as long as this runs.
    async fn open(self) {
        let listener = self.from.listen(64).unwrap();
        let mut connections = JoinSet::new();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(&self.to).await.unwrap();
            connections.spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_a_shard_that_comes_in_time() {
    let shard = fresh_shards(1).await.remove(0);
    let (detour, by_it) = Detour::to(&shard);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        detour.open().await;
    });
    let process = Process::on(&[by_it]).await;
    let user = &users(&process.store)[0];
    let (_, answer) = place(&process.store, user, "k", PATIENCE).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_was_away_at_the_start_works_once_it_comes() {
    let [there, late] = <[String; 2]>::try_from(fresh_shards(2).await).unwrap();
    let (detour, by_it) = Detour::to(&late);
    let process = Process::start(quick_start(&[there, by_it]))
        .await
        .expect("one shard is there");
    let store = &process.store;
    let user = &users(store)[1];
    let (_, answer) = place(store, user, "early", Duration::from_secs(1)).await;
    assert!(answer.is_err(), "{answer:?}");

    let mut tasks = JoinSet::new();
    tasks.spawn(detour.open());
    let comes = async {
        while place(store, user, "late", PATIENCE).await.1.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, comes)
        .await
        .expect("the shard joins");
    let counts = store.counts().await.expect("both shards answer");
    assert_eq!(counts.accepted(), 1);
}
