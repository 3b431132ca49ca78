//! The checker against servers that are broken on purpose, each in one way: it has to see each of them, for the reason
//! that was broken, and nothing in a twin without a defect.

use std::time::Duration;

use tokio::time::sleep;

use super::checker::{Expectations, Violation};
use super::parts::{LoopDisk, Postgres};
use super::process::{Binary, Defect, StoreAt};
use super::run::{Run, Verdict};

async fn verdict_after_kills(defect: Defect, seed: u64) -> Verdict {
    let mut run = Run::begin().await;
    let setup = run.setup(Binary::Twin(defect), StoreAt::Sqlite(run.data_folder()));
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(seed);
    for kill in 0..3 {
        load.acknowledge(60 + 20 * kill, Duration::from_secs(30))
            .await;
        server.kill().await;
        run.fired("SIGKILL");
        server = setup.start().await;
        run.targets.set(&[server.address]);
    }
    let verdict = run.judge(load, &Expectations::default()).await;
    drop(server);
    verdict
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twin_without_a_defect_keeps_every_promise() {
    verdict_after_kills(Defect::Nothing, 21).await.assert_kept();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answering_before_the_commit_is_seen_after_a_kill() {
    let verdict = verdict_after_kills(Defect::AnswersBeforeCommit, 22).await;
    verdict.assert_shows("an acknowledged order that is lost", |violation| {
        matches!(violation, Violation::AcknowledgedLost { .. })
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_unique_key_is_seen_as_several_orders_of_one_key() {
    let verdict = verdict_after_kills(Defect::UniqueKeyDropped, 23).await;
    verdict.assert_shows("one key with several orders", |violation| {
        matches!(violation, Violation::KeyMadeSeveralOrders { .. })
    });
    verdict.assert_never("a lost order", |violation| {
        matches!(violation, Violation::AcknowledgedLost { .. })
    });
}

/// A kill leaves everything in the kernel's hands: only a power cut shows this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn synchronous_off_survives_kills_and_is_seen_after_a_power_cut() {
    verdict_after_kills(Defect::SynchronousOff, 24)
        .await
        .assert_kept();

    let disk = LoopDisk::create(256).await;
    let mut run = Run::begin().await;
    let data = disk.mount.join("data");
    let setup = run.setup(Binary::Twin(Defect::SynchronousOff), StoreAt::Sqlite(data));
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    // What was there before the load is on the disk: the twin comes up again, with less than it has confirmed.
    disk.write_through();
    let load = run.load(25);
    load.acknowledge(300, Duration::from_secs(30)).await;
    disk.cut_power(&server).await;
    run.fired("power cut");
    server.kill().await;
    disk.remount().await;
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    let verdict = run.judge(load, &Expectations::default()).await;
    drop(server);
    verdict.assert_shows("an acknowledged order that is lost", |violation| {
        matches!(violation, Violation::AcknowledgedLost { .. })
    });
}

/// Two twins on one PostgreSQL; the one that was stopped past its lease wakes up and writes its outcomes.
async fn verdict_after_a_stop_past_the_lease(defect: Defect, seed: u64) -> Verdict {
    const LEASE: Duration = Duration::from_secs(2);
    let postgres = Postgres::start().await;
    let mut run = Run::begin().await;
    run.endpoint.answer_after(Duration::from_millis(150));
    let mut setup = run.setup(
        Binary::Twin(defect),
        StoreAt::Postgres(vec![postgres.dsn.clone()]),
    );
    setup.lease = LEASE;
    setup.handler_timeout = Duration::from_secs(30);
    let (sleeper, other) = (setup.start().await, setup.start().await);
    run.targets.set(&[other.address, sleeper.address]);
    let load = run.load(seed);
    for _ in 0..2 {
        load.acknowledge(60, Duration::from_secs(60)).await;
        sleeper.stop();
        run.fired("SIGSTOP of one of two processes");
        sleep(LEASE * 4).await;
        sleeper.resume();
        run.fired("SIGCONT");
    }
    load.acknowledge(30, Duration::from_secs(60)).await;
    let verdict = run.judge(load, &Expectations::default()).await;
    drop((sleeper, other));
    verdict
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_fencing_check_is_seen_when_a_stopped_process_wakes_up() {
    let verdict = verdict_after_a_stop_past_the_lease(Defect::FencingRemoved, 26).await;
    verdict.assert_shows("a change that a stale outcome made", |violation| {
        matches!(
            violation,
            Violation::FinalChanged { .. } | Violation::IllegalTransition { .. }
        )
    });
    verdict.assert_never("a lost order", |violation| {
        matches!(violation, Violation::AcknowledgedLost { .. })
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_twin_that_fences_is_clean_after_the_same_stop() {
    verdict_after_a_stop_past_the_lease(Defect::Nothing, 27)
        .await
        .assert_kept();
}
