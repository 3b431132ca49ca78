//! Clocks that jump: the wall clock of a running process is set by an hour, as an operator or a time server may do.
//! Leases run by the store's clock, so nobody's work is taken from him.

use std::path::PathBuf;
use std::time::Duration;

use super::checker::Expectations;
use super::facts::{Dice, Facts};
use super::history::Outcome;
use super::load::http_client;
use super::parts::{Postgres, faketime_library};
use super::postgres::lost_leases;
use super::process::{Binary, Setup, StoreAt};
use super::run::Run;

const HOUR_S: i64 = 3_600;

/// The clock of the processes that were started with it.
struct WallClock {
    /// Holds how far ahead it is; read at every look at the clock.
    file: PathBuf,
}

impl WallClock {
    /// Gives the processes of `setup` a clock.
    async fn of(setup: &mut Setup) -> Self {
        let clock = Self {
            file: setup.logs.join("clock"),
        };
        clock.set(0);
        setup.environment = vec![
            ("LD_PRELOAD", faketime_library().await.into()),
            ("FAKETIME_TIMESTAMP_FILE", clock.file.clone().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            // The monotonic clock never jumps, whatever is done to the other one.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
        ];
        clock
    }

    /// From now on it is so far ahead of the machine's. A rename, so that no look meets half a file.
    fn set(&self, ahead_s: i64) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{ahead_s:+}")).expect("the test's folder can be written");
        std::fs::rename(&next, &self.file).expect("the test's folder can be written");
    }
}

/// The second that the first process stamps on an order.
async fn stamped_s(run: &mut Run, dice: &mut Dice) -> i64 {
    let facts = Facts::draw(format!("clock-{}", dice.roll()), dice);
    let key = format!("key-{}", facts.marker);
    let Outcome::Ok(answer) = run.ask(&http_client(), facts, Some(key)).await else {
        panic!("the process takes orders");
    };
    let order: serde_json::Value = serde_json::from_str(&answer.body).expect("an order");
    let created_at = order["created_at"].as_str().expect("a time");
    let at: jiff::Timestamp = created_at.parse().expect("a time");
    at.as_second()
}

/// Sets the first process's clock, and sees that it went.
async fn jump(run: &mut Run, clock: &WallClock, dice: &mut Dice, ahead_s: i64) {
    let before = stamped_s(run, dice).await;
    clock.set(ahead_s);
    run.fired(format!("the clock is {ahead_s} s ahead"));
    let after = stamped_s(run, dice).await;
    assert!(
        (after - before).abs() > HOUR_S / 2,
        "the clock did not jump: {before}, then {after}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jump_of_the_clock_under_sqlite_ends_no_lease() {
    let mut run = Run::begin().await;
    // There is always work in flight when the clock jumps.
    run.endpoint.answer_after(Duration::from_millis(300));
    let mut setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    let clock = WallClock::of(&mut setup).await;
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    let mut dice = Dice::new(10);
    let load = run.load(10);
    for ahead_s in [HOUR_S, 0, -HOUR_S, 0] {
        load.acknowledge(80, Duration::from_secs(30)).await;
        jump(&mut run, &clock, &mut dice, ahead_s).await;
    }
    load.acknowledge(80, Duration::from_secs(30)).await;
    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    assert_eq!(lost_leases(&verdict), 0, "a lease ended early");
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_clock_jumps_steals_no_work_from_another() {
    let postgres = Postgres::start().await;
    let mut run = Run::begin().await;
    run.endpoint.answer_after(Duration::from_millis(300));
    let mut setup = run.setup(
        Binary::Shipped,
        StoreAt::Postgres(vec![postgres.dsn.clone()]),
    );
    let steady = setup.start().await;
    let clock = WallClock::of(&mut setup).await;
    let jumping = setup.start().await;
    run.targets.set(&[jumping.address, steady.address]);
    let mut dice = Dice::new(11);
    let load = run.load(11);
    for ahead_s in [HOUR_S, -HOUR_S, 0] {
        load.acknowledge(80, Duration::from_secs(60)).await;
        jump(&mut run, &clock, &mut dice, ahead_s).await;
    }
    load.acknowledge(80, Duration::from_secs(60)).await;
    let verdict = run.judge(load, &Expectations::default()).await;
    verdict.assert_kept();
    assert_eq!(lost_leases(&verdict), 0, "a lease ended early");
    drop((steady, jumping));
}
