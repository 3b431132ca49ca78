//! Two processes on one PostgreSQL: one of them stopped past its lease, and the server restarted under both.

use std::time::Duration;

use tokio::time::sleep;

use super::checker::Expectations;
use super::parts::Postgres;
use super::process::{Binary, StoreAt};
use super::run::{Run, Verdict, times};

const LEASE: Duration = Duration::from_secs(2);

/// How many orders were taken back from a worker that had not given a sign of life.
pub(super) fn lost_leases(verdict: &Verdict) -> usize {
    let kept = verdict.readback.kept.values();
    let lost = kept.filter(|kept| {
        let mut events = kept.events.iter();
        events.any(|event| {
            event
                .data
                .failure
                .as_ref()
                .is_some_and(|failure| failure.code == "lease_lost")
        })
    });
    lost.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_past_its_lease_changes_nothing_when_it_wakes_up() {
    let postgres = Postgres::start().await;
    let mut run = Run::begin().await;
    // Long enough that the stopped process holds work, and gets its answers before its own time-outs.
    run.endpoint.answer_after(Duration::from_millis(100));
    let mut setup = run.setup(
        Binary::Shipped,
        StoreAt::Postgres(vec![postgres.dsn.clone()]),
    );
    setup.lease = LEASE;
    setup.handler_timeout = Duration::from_secs(20);
    let (sleeper, other) = (setup.start().await, setup.start().await);
    run.targets.set(&[other.address, sleeper.address]);
    let load = run.load(5);

    for _ in 0..times(2, 20) {
        load.acknowledge(60, Duration::from_secs(60)).await;
        sleeper.stop();
        run.fired("SIGSTOP of one of two processes");
        sleep(LEASE * 3).await;
        sleeper.resume();
        run.fired("SIGCONT");
    }
    load.acknowledge(60, Duration::from_secs(60)).await;

    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    assert!(
        lost_leases(&verdict) > 0,
        "the stopped process held no work: nothing was tested"
    );
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_is_replaced_by_the_other_one() {
    let postgres = Postgres::start().await;
    let mut run = Run::begin().await;
    run.endpoint.answer_after(Duration::from_millis(100));
    let mut setup = run.setup(
        Binary::Shipped,
        StoreAt::Postgres(vec![postgres.dsn.clone()]),
    );
    setup.lease = LEASE;
    let (first, mut other) = (setup.start().await, setup.start().await);
    run.targets.set(&[other.address, first.address]);
    let load = run.load(6);
    load.acknowledge(60, Duration::from_secs(60)).await;
    first.kill().await;
    run.fired("SIGKILL of one of two processes");
    load.acknowledge(60, Duration::from_secs(60)).await;
    run.targets.set(&[other.address]);
    load.acknowledge(60, Duration::from_secs(60)).await;
    assert!(other.has_ended().is_none());

    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    assert!(
        lost_leases(&verdict) > 0,
        "the killed process held no work: nothing was tested"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_postgresql_loses_nothing_and_needs_no_restart_of_ours() {
    let postgres = Postgres::start().await;
    let mut run = Run::begin().await;
    let mut setup = run.setup(
        Binary::Shipped,
        StoreAt::Postgres(vec![postgres.dsn.clone()]),
    );
    setup.lease = LEASE;
    let (mut one, mut two) = (setup.start().await, setup.start().await);
    run.targets.set(&[one.address, two.address]);
    let load = run.load(7);

    for round in 0..times(1, 10) {
        for mode in ["fast", "immediate"] {
            load.acknowledge(100, Duration::from_secs(60)).await;
            postgres.restart(mode).await;
            run.fired(format!("PostgreSQL restarted, {mode}, round {round}"));
        }
    }
    load.acknowledge(100, Duration::from_secs(60)).await;
    assert!(
        load.unknown() > 0,
        "no restart met a request: nothing was tested"
    );
    assert!(one.has_ended().is_none() && two.has_ended().is_none());

    run.judge(load, &Expectations::default())
        .await
        .assert_kept();
}
