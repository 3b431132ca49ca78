//! A disk that fills up or fails: no order is confirmed that is not stored.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use application::in_process::InProcessHints;
use application::ports::{
    ClaimLimits, CommitError, Committed, OrderWriter as _, StoreError, WorkQueue as _,
};
use port_conformance::order_store::{LONG, OpenStore, Subject, deadline, sample};

use crate::opened::{Opened, open_in};

/// A small file system in a loop mount.
struct SmallDisk {
    dir: PathBuf,
}

fn parts(arguments: &[&str]) -> Option<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/parts");
    let output = Command::new(script).arg("loopfs").args(arguments).output();
    let output = output.expect("scripts/parts can be run");
    if !output.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success().then_some(())
}

impl SmallDisk {
    /// Returns `None`, and writes the reason to standard error, if this machine allows no loop mounts.
    fn create(dir: &Path) -> Option<Self> {
        parts(&["check"])?;
        let dir = dir.join("disk");
        parts(&["create", dir.to_str()?, "24"])?;
        Some(Self { dir })
    }

    /// Runs a command of `scripts/parts loopfs`: `power-cut` or `remount`.
    fn parts(&self, command: &str) {
        let dir = self
            .dir
            .to_str()
            .expect("a temporary folder has a plain name");
        parts(&[command, dir]).expect("the file system can be cut off and mounted again");
    }

    fn mount(&self) -> PathBuf {
        self.dir.join("mnt")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(dir) = self.dir.to_str() {
            parts(&["destroy", dir]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_new_orders_and_recovers_without_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary folder can be made");
    let Some(disk) = SmallDisk::create(directory.path()) else {
        return eprintln!("skipped: this machine allows no loop mounts");
    };
    // The test deletes this file later to free space.
    let ballast = disk.mount().join("ballast");
    std::fs::write(&ballast, vec![0x5a; 8 << 20]).expect("the test can prepare its files");
    let Opened { clock, folder, .. } = Opened::fresh();
    let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
    let store = open_in(&disk.mount().join("data"), &clock, &hints).expect("there is space");
    let opened = Opened {
        folder,
        clock,
        hints,
        store: Arc::new(store),
    };
    let store = Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);

    let shard = adapter_sqlite::SHARDS[0];
    assert_eq!(store.probe_commit(shard).await, Ok(()));
    let mut confirmed = Vec::new();
    let mut refused = Vec::new();
    while refused.len() < 50 {
        let name = format!("{:0>120}", confirmed.len() + refused.len());
        let lines = (0..100).map(|_| sample::line(Some(&name), &name, 1, 1));
        let command = sample::of_lines("alice", lines.collect());
        let write = subject.new_write(&command, Some(&name));
        let order = Arc::clone(&write.decision.order);
        let answer = store.commit(vec![write], deadline()).await.pop();
        match answer.expect("one answer a write") {
            Ok(Committed::Written { .. }) => confirmed.push(order),
            Err(CommitError::Store(StoreError::Full { .. })) => refused.push(order),
            other => panic!("neither written nor refused: {other:?}"),
        }
        assert!(confirmed.len() < 10_000, "the disk never fills up");
    }
    for order in &confirmed {
        assert_eq!(subject.get(order.id).await, *order, "reads still work");
    }
    for order in &refused {
        assert_eq!(subject.find_by_id(order.id).await, None);
    }
    assert_eq!(subject.counts().await.accepted(), confirmed.len() as u64);

    // A few KiB were missing for the orders; a probe needs more.
    for _ in 0..5 {
        let probed = store.probe_commit(shard).await;
        assert!(
            matches!(probed, Err(StoreError::Full { .. })),
            "a full disk has no space: {probed:?}"
        );
    }
    let mut claimed = Vec::new();
    let mut failed_claims = 0;
    for _ in 0..5 {
        match store.claim(shard, ClaimLimits::any(20), LONG).await {
            Ok(orders) => claimed.extend(orders),
            Err(_) => failed_claims += 1,
        }
    }
    assert!(failed_claims > 0, "claims need space, too");

    std::fs::remove_file(&ballast).expect("the test can prepare its files");
    assert_eq!(store.probe_commit(shard).await, Ok(()));
    let give_up_at = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let write = subject.new_write(&sample::plain("alice", 1), None);
        match subject.commit_one(write).await {
            Ok(Committed::Written { .. }) => break,
            answer => assert!(
                tokio::time::Instant::now() < give_up_at,
                "there is space again: {answer:?}"
            ),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(
        subject.counts().await.accepted(),
        confirmed.len() as u64 + 1
    );
    claimed.extend(subject.claim_all(LONG).await);
    assert_eq!(
        claimed.len(),
        confirmed.len() + 1,
        "a failed claim loses no work"
    );
    drop(subject);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_loses_no_confirmed_order() {
    let directory = tempfile::tempdir().expect("a temporary folder can be made");
    let Some(disk) = SmallDisk::create(directory.path()) else {
        return eprintln!("skipped: this machine allows no loop mounts");
    };
    let Opened { clock, folder, .. } = Opened::fresh();
    let data = disk.mount().join("data");
    let open = || {
        let hints = Arc::new(InProcessHints::new(&adapter_sqlite::SHARDS));
        let store = open_in(&data, &clock, &hints).expect("the disk is there");
        Opened {
            folder: Arc::clone(&folder),
            clock: Arc::clone(&clock),
            hints,
            store: Arc::new(store),
        }
    };
    let opened = open();
    let store = Arc::clone(&opened.store);
    let subject = Subject::from(Box::new(opened) as Box<dyn OpenStore>);
    let mut confirmed = Vec::new();
    for number in 0..300 {
        let name = format!("A-{number}");
        let command = sample::numbered("alice", number, &name);
        let write = subject.new_write(&command, Some(&name));
        confirmed.push(Arc::clone(&write.decision.order));
        subject.must_write(write).await;
    }
    disk.parts("power-cut");
    for number in 0..3 {
        let write = subject.new_write(&sample::plain("alice", number), None);
        let answer = subject.commit_one(write).await;
        assert!(
            matches!(
                answer,
                Err(CommitError::Store(
                    StoreError::Unavailable { .. } | StoreError::Unknown { .. }
                ))
            ),
            "a write that the disk did not store is not confirmed: {answer:?}"
        );
    }
    drop(subject);
    store.close().await;
    drop(store);
    disk.parts("remount");
    let again = Subject::from(Box::new(open()) as Box<dyn OpenStore>);
    for order in &confirmed {
        assert_eq!(again.get(order.id).await, *order);
    }
    let repeated = sample::numbered("alice", 299, "A-299");
    let answer = again
        .commit_one(again.new_write(&repeated, Some("A-299")))
        .await;
    assert!(matches!(answer, Ok(Committed::Replayed(_))), "{answer:?}");
    again.store.close().await;
}
