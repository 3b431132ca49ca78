//! A server whose disk fills up: nothing is acknowledged that is not there, reads go on, and it recovers by itself.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::PathBuf;

use application::ports::{CommitError, Committed, OrderReader as _, OrderWriter as _, StoreError};
use domain::ShardId;
use port_conformance::order_store::sample;

use crate::orders::{keyed, place};
use crate::own_server::{OwnServer, try_parts};
use crate::server::{Beside, PATIENCE, Process};

/// A server with a database on a small disk of its own.
struct SmallDisk {
    server: OwnServer,
    disk: PathBuf,
    database: String,
}

impl SmallDisk {
    /// `None`, said on standard error, if this machine allows no loop mounts.
    async fn start() -> Option<Self> {
        try_parts(&["loopfs", "check"])?;
        let server = OwnServer::start();
        let disk = server.folder().join("disk");
        try_parts(&["loopfs", "create", disk.to_str()?, "64"])?;
        let beside = Beside::to(server.address()).await;
        let row = beside.client.query_one("SHOW data_directory", &[]).await;
        let data: String = row.expect("a superuser may ask for it").get(0);
        let owner = std::fs::metadata(data).expect("the server's folder is there");
        let place = disk.join("mnt/tablespace");
        std::fs::create_dir(&place).expect("the disk is empty");
        chown(&place, Some(owner.uid()), Some(owner.gid())).expect("loop mounts need root, too");
        let location = place.display();
        beside
            .run(&format!("CREATE TABLESPACE small LOCATION '{location}'"))
            .await;
        beside.run("CREATE DATABASE small TABLESPACE small").await;
        let (server_of, _) = server.address().rsplit_once('/')?;
        Some(Self {
            database: format!("{server_of}/small"),
            server,
            disk,
        })
    }

    fn filler(&self) -> PathBuf {
        self.disk.join("mnt/filler")
    }

    /// Takes the last free byte.
    fn fill(&self) {
        use std::io::Write as _;
        let mut filler = std::fs::OpenOptions::new();
        let filler = filler.create(true).append(true).open(self.filler());
        let mut filler = filler.expect("the disk can be written to");
        for size in [1 << 20, 1 << 16, 1 << 12, 1] {
            let block = vec![0xA5; size];
            while filler.write_all(&block).is_ok() && filler.sync_data().is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.server.parts("stop", Some("immediate"));
        if let Some(disk) = self.disk.to_str() {
            try_parts(&["loopfs", "destroy", disk]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_honestly_and_recovers_by_itself() {
    let Some(small) = SmallDisk::start().await else {
        return eprintln!("left out: this machine allows no loop mounts");
    };
    let process = Process::on(std::slice::from_ref(&small.database)).await;
    let store = &process.store;
    let shard = ShardId(0);
    assert_eq!(store.probe_commit(shard).await, Ok(()));
    small.fill();
    let mut confirmed = Vec::new();
    let mut refused = Vec::new();
    while refused.len() < 5 {
        let number = confirmed.len() + refused.len();
        assert!(number < 10_000, "the disk never fills up");
        let name = format!("{number:0>120}");
        let lines = (0..100).map(|_| sample::line(Some(&name), &name, 1, 1));
        let write = keyed(&sample::of_lines("alice", lines.collect()), &name);
        let id = write.decision.order.id;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        match store.commit(vec![write], deadline).await.remove(0) {
            Ok(Committed::Written { .. }) => confirmed.push(id),
            Err(CommitError::Store(StoreError::Full { .. })) => refused.push(id),
            other => panic!("neither written nor refused for want of room: {other:?}"),
        }
    }
    for _ in 0..3 {
        let probed = store.probe_commit(shard).await;
        assert!(
            matches!(probed, Err(StoreError::Full { .. })),
            "a full disk has no room: {probed:?}"
        );
    }
    for id in &confirmed {
        assert!(store.get(*id).await.unwrap().is_some(), "reads go on");
    }
    for id in &refused {
        assert_eq!(store.get(*id).await.unwrap(), None);
    }
    std::fs::remove_file(small.filler()).expect("the filler can be removed");
    assert_eq!(store.probe_commit(shard).await, Ok(()));
    let (_, answer) = place(store, "alice", "room-again", PATIENCE).await;
    assert!(
        matches!(answer, Ok(Committed::Written { .. })),
        "{answer:?}"
    );
    store.close().await;
}

/// How much room there is stays unknown then; the commits themselves tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_temporary_tables_is_probed_by_its_writer_alone() {
    let server = OwnServer::start();
    let beside = Beside::to(server.address()).await;
    beside.run("CREATE ROLE modest LOGIN").await;
    beside.run("CREATE DATABASE modest OWNER modest").await;
    let (base, _) = server.address().rsplit_once('/').unwrap();
    beside
        .run("REVOKE TEMPORARY ON DATABASE modest FROM PUBLIC, modest")
        .await;
    let address = format!("{base}/modest").replace("//postgres@", "//modest@");
    let process = Process::on(&[address]).await;
    assert_eq!(process.store.probe_commit(ShardId(0)).await, Ok(()));
    server.parts("stop", Some("immediate"));
    assert!(process.store.probe_commit(ShardId(0)).await.is_err());
}
