//! SIGKILL under load, again and again, on the embedded store.

use std::time::Duration;

use super::checker::Expectations;
use super::process::{Binary, READY_WITHIN, StoreAt};
use super::run::{Run, times};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed_again_and_again() {
    let mut run = Run::begin().await;
    let setup = run.setup(Binary::Shipped, StoreAt::Sqlite(run.data_folder()));
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(1);

    let mut kills_that_broke_requests = 0;
    for kill in 0..times(20, 500) {
        // At a different moment of the work each time.
        let before = u64::try_from(20 + kill * 37 % 150).expect("a few");
        load.acknowledge(before, Duration::from_secs(30)).await;
        let unknown_before = load.unknown();
        server.kill().await;
        run.fired("SIGKILL");
        server = setup.start().await;
        run.targets.set(&[server.address]);
        assert!(
            server.ready_after <= READY_WITHIN,
            "ready again only after {:?}",
            server.ready_after
        );
        kills_that_broke_requests += usize::from(load.unknown() > unknown_before);
    }
    assert!(
        kills_that_broke_requests > 0,
        "no kill met a request: nothing was tested"
    );

    run.judge(load, &Expectations::default())
        .await
        .assert_kept();
}
