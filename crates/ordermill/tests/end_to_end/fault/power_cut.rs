//! Power cuts under SQLite: the file system is shut down under the store without a flush, and mounted again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checker::Expectations;
use super::parts::LoopDisk;
use super::process::{Binary, READY_WITHIN, StoreAt};
use super::run::{Run, times};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let disk = LoopDisk::create(256).await;
    let mut run = Run::begin().await;
    let data = disk.mount.join("data");
    let setup = run.setup(Binary::Shipped, StoreAt::Sqlite(data.clone()));
    let mut server = setup.start().await;
    run.targets.set(&[server.address]);
    let load = run.load(2);

    for _ in 0..times(3, 50) {
        load.acknowledge(150, Duration::from_secs(30)).await;
        disk.cut_power(&server).await;
        run.fired("power cut");
        server.kill().await;
        disk.remount().await;
        assert_integrity(&data);
        server = setup.start().await;
        assert!(
            server.ready_after <= READY_WITHIN,
            "ready again only after {:?}",
            server.ready_after
        );
        run.targets.set(&[server.address]);
    }

    let verdict = run.judge(load, &Expectations::default()).await;
    drop(server);
    assert_integrity(&data);
    verdict.assert_kept();
}

/// SQLite's own check of every database in the folder.
pub(super) fn assert_integrity(folder: &Path) {
    let databases = databases_in(folder);
    assert!(!databases.is_empty(), "no database in {}", folder.display());
    for database in databases {
        let connection = rusqlite::Connection::open(&database).expect("a database can be opened");
        let said: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("SQLite checks itself");
        assert_eq!(said, "ok", "{}", database.display());
    }
}

fn databases_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the data folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry of it").path());
    let is_database = |path: &PathBuf| {
        path.is_file()
            && std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0"))
    };
    paths.filter(is_database).collect()
}
