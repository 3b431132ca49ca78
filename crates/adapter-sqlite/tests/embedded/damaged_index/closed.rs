//! The index is damaged or replaced while the store is closed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use port_conformance::captured_logs::KeptLog;
use port_conformance::order_store::sample;
use tracing::Level;

use super::{CAN_WRITE, KEYS, PAGE, PATIENCE, Random, Used, lines_of, overwrite, pages};

/// Half a page of the index. SQLite continues with the other half and misses rows.
const SECTOR: usize = PAGE / 2;

#[tokio::test(flavor = "multi_thread")]
async fn used_keys_make_no_second_orders_if_any_sector_of_the_index_is_zeroed() {
    let used = Used::keys(KEYS).await;
    let sectors = 2 * pages(&used.index()).expect("a store has an index");
    assert!(sectors > 24, "{sectors}");
    // The tests of the index zero every sector; here a sample is enough.
    for sector in (0..sectors).step_by(3) {
        let damaged = used.copy();
        overwrite(&damaged.index(), sector * SECTOR, &[0; SECTOR]).expect(CAN_WRITE);
        damaged.check(13, sector, &format!("sector {sector}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn used_keys_make_no_second_orders_if_several_sectors_and_pages_of_the_index_are_zeroed() {
    let used = Used::keys(KEYS).await;
    let pages = pages(&used.index()).expect("a store has an index");
    let mut random = Random(1);
    for case in 0..5 {
        let damaged = used.copy();
        let page = random.below(pages);
        overwrite(&damaged.index(), page * PAGE, &[0; PAGE]).expect(CAN_WRITE);
        for _ in 0..2 {
            let sector = random.below(2 * pages);
            overwrite(&damaged.index(), sector * SECTOR, &[0; SECTOR]).expect(CAN_WRITE);
        }
        damaged.check(1, case, &format!("case {case}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn used_keys_make_no_second_orders_if_any_bytes_of_the_index_are_changed() {
    let used = Used::keys(KEYS).await;
    let sound = fs::read(used.index()).expect("a store has an index");
    let mut random = Random(2);
    for case in 0..12 {
        let damaged = used.copy();
        for _ in 0..=random.below(8) {
            let position = random.below(sound.len());
            let changed = sound[position] ^ (1 + random.below(255) as u8);
            overwrite(&damaged.index(), position, &[changed]).expect(CAN_WRITE);
        }
        damaged.check(13, case, &format!("case {case}")).await;
    }
}

/// The files that an operator, a backup or a crash may leave in place of the index. The reason is logged.
#[tokio::test(flavor = "multi_thread")]
async fn used_keys_make_no_second_orders_if_another_file_replaces_the_index() {
    let mut used = Used::keys(500).await;
    let older = used.copy();
    used.add(KEYS - 500).await;
    let foreign = Used::keys(100).await;
    let earlier_layout = used.copy();
    rusqlite::Connection::open(earlier_layout.index())
        .and_then(|index| index.pragma_update(None, "user_version", 3))
        .expect("the test can change its files");

    let bytes_of = |file: &Path| fs::read(file).expect("the test can read its files");
    let whole = bytes_of(&used.index());
    // The replacement of the index, and a part of the line that is logged for it. An older copy is not logged.
    let cases = [
        ("an older copy", Some(bytes_of(&older.index())), ""),
        (
            "the index of another store",
            Some(bytes_of(&foreign.index())),
            "another store",
        ),
        (
            "an earlier layout",
            Some(bytes_of(&earlier_layout.index())),
            "layout 3",
        ),
        (
            "the orders",
            Some(bytes_of(&used.folder.path().join("orders.db"))),
            "layout",
        ),
        ("an empty file", Some(Vec::new()), "layout 0"),
        (
            "half of it",
            Some(whole[..whole.len() / 2].to_vec()),
            "index-1.db",
        ),
        ("no file", None, "no index of orders can be used"),
    ];
    let log = KeptLog::of_all_threads(Level::WARN);
    for (what, bytes, logged) in cases {
        let swapped = used.copy();
        match bytes {
            Some(bytes) => fs::write(swapped.index(), bytes),
            None => fs::remove_file(swapped.index()),
        }
        .expect("the test can swap its files");
        swapped.check(3, 0, what).await;
        let lines = lines_of(&log, &swapped);
        assert_eq!(lines.is_empty(), logged.is_empty(), "{what}: {lines:?}");
        let has_reason = lines.iter().any(|line| line.contains(logged));
        assert!(has_reason || logged.is_empty(), "{what}: {lines:?}");
    }
}

/// The orders are restored from a backup and new ones are placed; then the index from after the backup is restored. Its position
/// is within the log, but it lacks the new orders.
#[tokio::test(flavor = "multi_thread")]
async fn used_keys_make_no_second_orders_with_an_index_of_another_history() {
    let lost = Used::keys(300).await;
    let mut restored = lost.copy();
    // Orders with other keys, which are not in the backup.
    {
        let running = lost.open();
        for number in 0..100 {
            let other = running.subject.new_write(
                &sample::plain("mallory", 1),
                Some(&format!("other-{number}")),
            );
            running.subject.must_write(other).await;
        }
        running.close().await;
    }
    restored.add(200).await;
    fs::copy(lost.index(), restored.index()).expect("the test can swap its files");
    let log = KeptLog::of_all_threads(Level::WARN);
    restored.check(1, 0, "another history").await;
    let lines = lines_of(&log, &restored);
    let is_logged = |line: &String| line.contains("not in the log of these orders");
    assert!(lines.iter().any(is_logged), "{lines:?}");
}

/// A backup or an operator replaces the write-ahead log of the index by an older one, or by that of another store.
#[tokio::test(flavor = "multi_thread")]
async fn used_keys_make_no_second_orders_with_a_write_ahead_log_of_another_time() {
    let mut used = Used::keys(500).await;
    let running = used.open();
    for _ in 0..3 {
        running.place_new(&mut used.orders, "before").await;
    }
    let is_written = || fs::metadata(used.log()).is_ok_and(|log| log.len() > 100_000);
    let until = tokio::time::Instant::now() + PATIENCE;
    while !is_written() {
        assert!(tokio::time::Instant::now() < until, "nothing is indexed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let log = fs::read(used.log()).expect("the index is in use");
    running.close().await;
    used.add(300).await;
    let foreign = Used::keys(300).await;
    for (what, used) in [("of another time", used), ("of another store", foreign)] {
        let swapped = used.copy();
        fs::write(swapped.log(), &log).expect("the test can write its files");
        swapped.check(1, 0, what).await;
    }
}
