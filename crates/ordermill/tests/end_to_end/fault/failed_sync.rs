//! A disk that takes what is written and then fails to make it durable. What the kernel had cached may be lost after
//! that, though a later sync succeeds: the store must not be trusted, and only a new start can tell what is there.

use std::time::Duration;

use super::checker::Expectations;
use super::parts::LoopDisk;
use super::power_cut::assert_integrity;
use super::process::{Binary, StoreAt};
use super::run::Run;

/// The store meets a block that the disk has no place for within this time, and the process ends.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_acknowledges_nothing_and_stops_the_process_and_the_next_one_recovers() {
    let disk = LoopDisk::create_thin(64).await;
    let mut run = Run::begin().await;
    let data = disk.mount.join("data");
    let mut setup = run.setup(Binary::Shipped, StoreAt::Sqlite(data.clone()));
    // Nothing can be finished on a store that takes nothing: the drain is only waited for.
    setup.drain = Duration::from_secs(2);
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(9);
    load.acknowledge(200, Duration::from_secs(30)).await;

    disk.break_down().await;
    run.fired("the disk takes no new block");
    let status = server.wait(ENDS_WITHIN).await;
    let words = server.last_words();
    assert_eq!(status.code(), Some(1), "{words}");
    assert!(words.contains("not trusted any more"), "{words}");
    assert!(load.unknown() > 0, "no request met it: nothing was tested");

    // On a disk that is still broken no process takes orders; what it says names the disk or the folder.
    let refused = setup.try_start().await;
    assert!(refused.is_err(), "a store was opened on a broken disk");

    disk.mend().await;
    disk.remount().await;
    run.fired("the disk is mended");
    assert_integrity(&data);
    let server = setup.start().await;
    run.targets.set(&[server.address]);
    load.acknowledge(100, Duration::from_secs(30)).await;
    run.judge(load, &Expectations::default())
        .await
        .assert_kept();
}
