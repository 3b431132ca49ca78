//! Index files that are damaged, old, or of another store: a lookup returns what was written or fails, and never misses an
//! existing entry.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use domain::OrderId;
use rusqlite::Connection;

use super::{Fixture, STORE, fixture, found, id, key, listed, segment};
use crate::folder::DataFolder;
use crate::index::compaction::Compaction;
use crate::index::file::{IndexFile, Unusable};
use crate::index::hashes::UserHash;
use crate::index::memtable::IndexVersion;
use crate::index::reader::{ALL, IndexReader};
use crate::index::runs::PAGE;

const ORDERS: u64 = 2_500;
const USERS: i64 = 7;
/// The lookups take one key of this many orders; a block has 252 keys.
const KEY_STEP: usize = 19;

/// What a reader found in a damaged file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Outcome {
    right: usize,
    failed: usize,
}

/// A file with runs of several sizes, and its contents.
struct Original {
    made: Fixture,
    bytes: Vec<u8>,
    lists: BTreeMap<i64, Vec<OrderId>>,
}

impl Original {
    fn fresh() -> Self {
        let mut made = fixture();
        let mut lists: BTreeMap<i64, Vec<OrderId>> = BTreeMap::new();
        // Four runs are merged into one, the last one stays.
        for (first, count) in [
            (0, 500),
            (500, 500),
            (1_000, 500),
            (1_500, 500),
            (2_000, 500),
        ] {
            let segment = segment(first, count, USERS, 1);
            for (user, id) in segment.by_user() {
                lists.entry(user.0).or_default().push(id);
            }
            made.file.add(&segment).unwrap();
            if first == 1_500 {
                made.compact_all(Compaction::UnderLoad);
            }
        }
        for list in lists.values_mut() {
            list.sort_unstable_by(|a, b| b.cmp(a));
        }
        Self {
            bytes: made.bytes(),
            made,
            lists,
        }
    }

    fn pages(&self) -> usize {
        self.bytes.len() / PAGE as usize
    }

    /// What a reader of this session finds if the file has these bytes.
    fn read(&self, bytes: &[u8]) -> Outcome {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
        fs::write(folder.index(1), bytes).unwrap();
        self.read_in(&folder, self.made.version())
    }

    fn read_in(&self, folder: &Arc<DataFolder>, version: IndexVersion) -> Outcome {
        let mut reader = IndexReader::new(Arc::clone(folder));
        let mut outcome = Outcome::default();
        for number in (0..ORDERS + 50).step_by(KEY_STEP) {
            let expected = (number < ORDERS).then(|| id(number));
            match found(&mut reader, version, key(number)) {
                Ok(found) => {
                    assert_eq!(found, expected, "key {number}");
                    outcome.right += 1;
                }
                Err(_) => outcome.failed += 1,
            }
        }
        for (user, expected) in &self.lists {
            match listed(&mut reader, version, UserHash(*user), ALL, usize::MAX) {
                Ok(found) => {
                    assert_eq!(&found, expected, "list {user}");
                    outcome.right += 1;
                }
                Err(_) => outcome.failed += 1,
            }
        }
        outcome
    }

    /// What a reader finds after this change of the tables.
    fn read_changed(&self, sql: &str) -> Outcome {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
        fs::write(folder.index(1), &self.bytes).unwrap();
        let connection = Connection::open(folder.index(1)).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        self.read_in(&folder, self.made.version())
    }
}

/// Random numbers that are the same in every run of a test (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) as usize % bound
    }
}

fn page(bytes: &mut [u8], number: usize) -> &mut [u8] {
    let size = PAGE as usize;
    &mut bytes[number * size..(number + 1) * size]
}

#[test]
fn an_undamaged_file_is_read_whole() {
    let original = Original::fresh();
    let outcome = original.read(&original.bytes);
    assert_eq!(outcome.failed, 0);
    assert_eq!(outcome.right, 135 + 7);
}

#[test]
fn no_order_is_missed_if_any_page_is_zeroed() {
    let original = Original::fresh();
    let mut damaging = 0;
    for number in 0..original.pages() {
        let mut bytes = original.bytes.clone();
        page(&mut bytes, number).fill(0);
        let outcome = original.read(&bytes);
        damaging += usize::from(outcome.failed > 0);
    }
    // The pages of merged runs are free, and few others are empty.
    assert!(damaging >= 20, "{damaging} of {}", original.pages());
}

#[test]
fn no_order_is_missed_if_any_part_of_a_page_is_zeroed() {
    let original = Original::fresh();
    for (part, step) in [(512, 5), (4_096, 1)] {
        for number in (0..original.bytes.len() / part).step_by(step) {
            let mut bytes = original.bytes.clone();
            bytes[number * part..(number + 1) * part].fill(0);
            original.read(&bytes);
        }
    }
}

/// For SQLite an empty leaf page is valid, but its rows are missing.
#[test]
fn no_order_is_missed_if_any_page_is_emptied() {
    const LEAVES: [u8; 2] = [10, 13];
    let original = Original::fresh();
    let mut emptied = 0;
    for number in 1..original.pages() {
        let mut bytes = original.bytes.clone();
        let page = page(&mut bytes, number);
        if !LEAVES.contains(&page[0]) {
            continue;
        }
        // No cells, and all of the page free for content (Database File Format, section 1.6).
        page[1..8].copy_from_slice(&[0, 0, 0, 0, (PAGE >> 8) as u8, 0, 0]);
        original.read(&bytes);
        emptied += 1;
    }
    assert!(emptied > 20, "{emptied}");
}

#[test]
fn no_order_is_missed_if_any_bytes_are_changed() {
    let original = Original::fresh();
    let mut random = Random(1);
    let mut damaging = 0;
    for _ in 0..300 {
        let mut bytes = original.bytes.clone();
        let position = random.below(bytes.len());
        bytes[position] ^= 1 + random.below(255) as u8;
        let outcome = original.read(&bytes);
        damaging += usize::from(outcome.failed > 0);
    }
    assert!(damaging > 150, "{damaging}");
}

#[test]
fn no_order_is_missed_if_pages_are_swapped_or_are_older_versions() {
    let mut original = Original::fresh();
    let earlier = original.bytes.clone();
    // Runs are merged and removed, and their pages used again.
    for first in [ORDERS, ORDERS + 300] {
        original
            .made
            .file
            .add(&segment(first, 300, 1, 300))
            .unwrap();
        original.made.compact_all(Compaction::AtRest);
    }
    original.bytes = original.made.bytes();
    let added = original.lists.entry(0).or_default();
    added.extend((ORDERS..ORDERS + 600).map(id));
    added.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(original.read(&original.bytes).failed, 0);

    let mut random = Random(2);
    let mut damaging = 0;
    for _ in 0..100 {
        let mut bytes = original.bytes.clone();
        for _ in 0..=random.below(3) {
            let pages = [(); 2].map(|()| random.below(original.pages()));
            let is_of_earlier_time =
                random.below(2) == 0 && pages[0] * (PAGE as usize) < earlier.len();
            if is_of_earlier_time {
                let stale = page(&mut earlier.clone(), pages[0]).to_vec();
                page(&mut bytes, pages[0]).copy_from_slice(&stale);
            } else {
                let [a, b] = pages.map(|number| page(&mut bytes, number).to_vec());
                page(&mut bytes, pages[0]).copy_from_slice(&b);
                page(&mut bytes, pages[1]).copy_from_slice(&a);
            }
        }
        let outcome = original.read(&bytes);
        damaging += usize::from(outcome.failed > 0);
    }
    assert!(damaging > 70, "{damaging}");
}

/// Each change leaves a valid SQLite file.
#[test]
fn rows_that_are_missing_moved_or_of_another_run_are_detected() {
    let original = Original::fresh();
    for sql in [
        "DELETE FROM manifest",
        "DELETE FROM block_index",
        "DELETE FROM block_index WHERE first = x''",
        "DELETE FROM block_index WHERE first = (SELECT max(first) FROM block_index)",
        "DELETE FROM block_index WHERE first = (SELECT first FROM block_index WHERE first > x'' LIMIT 1)",
        "DELETE FROM blocks",
        "DELETE FROM blocks WHERE block = (SELECT max(block) FROM blocks)",
        "DELETE FROM blocks WHERE block IN (SELECT block FROM block_index WHERE first > x'' LIMIT 1)",
        // The blocks of two runs, and of one run, are swapped.
        "UPDATE block_index SET block = (SELECT max(block) + min(block) FROM block_index) - block
            WHERE block IN (SELECT max(block) FROM block_index UNION SELECT min(block) FROM block_index)",
        "UPDATE block_index SET block = (SELECT block FROM block_index WHERE first = x'' LIMIT 1) WHERE first > x''",
        // A block has the flag of the last block, but the checksum of the original flags.
        "UPDATE blocks SET contents = CAST(substr(contents, 1, length(contents) - 5) || x'02' || substr(contents, -4) AS BLOB)",
        "UPDATE blocks SET contents = substr(contents, 33)",
        "UPDATE blocks SET contents = x''",
        "UPDATE blocks SET contents = zeroblob(length(contents))",
        "UPDATE block_index SET run = run + 1",
        "UPDATE block_index SET first = CAST(x'ff' || first AS BLOB) WHERE first > x''",
    ] {
        let outcome = original.read_changed(sql);
        assert!(outcome.failed > 0, "{sql}");
    }
}

#[test]
fn reading_all_unique_keys_of_a_file_that_lacks_some_fails() {
    let original = Original::fresh();
    let unique_keys_of = |file: &IndexFile| -> rusqlite::Result<usize> {
        let (mut cursors, mut count) = (file.unique_keys(), 0);
        while let Some(keys) = file.next_unique_keys(&mut cursors)? {
            count += keys.len();
        }
        Ok(count)
    };
    assert_eq!(unique_keys_of(&original.made.file).unwrap(), 2_500);
    let blocks = original.made.count("block_index");
    let mut damaging = 0;
    for number in 0..blocks {
        for table in ["blocks", "block_index"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("index-1.db");
            fs::write(&path, &original.bytes).unwrap();
            let connection = Connection::open(&path).unwrap();
            let removed = connection.execute(
                &format!("DELETE FROM {table} WHERE block IN (SELECT block FROM blocks ORDER BY block LIMIT 1 OFFSET ?1)"),
                [number.cast_signed()],
            );
            assert_eq!(removed.unwrap(), 1);
            drop(connection);
            let file = IndexFile::open(&path, STORE).unwrap();
            match unique_keys_of(&file) {
                Ok(count) => assert_eq!(count, 2_500, "it was a block of lists"),
                Err(_) => damaging += 1,
            }
        }
    }
    assert_eq!(damaging, 2 * 2_500_usize.div_ceil(252));
}

#[test]
fn a_reader_refuses_an_older_copy_and_the_file_of_another_session_or_store() {
    let all_fail = |outcome: Outcome| outcome.right == 0;
    let mut original = Original::fresh();
    assert!(all_fail(original.read(&[])));
    // The same orders up to the same position, written by another process.
    assert!(all_fail(original.read(&Original::fresh().bytes)));
    original.made.open_again();
    assert!(all_fail(original.read(&original.bytes)));
    original.bytes = original.made.bytes();
    assert_eq!(original.read(&original.bytes).failed, 0);
    original.made.file.add(&segment(ORDERS, 1, 1, 1)).unwrap();
    assert!(all_fail(original.read(&original.bytes)));

    let another = IndexFile::open(&original.made.path(), b"another store");
    assert!(matches!(another, Err(Unusable::OtherStore)));
}

#[test]
fn a_cursor_that_finds_another_block_of_its_run_fails_at_once() {
    let mut made = fixture();
    made.file.add(&segment(0, 1_000, 1, 1)).unwrap();
    // The second and the third of four blocks of unique keys are swapped.
    let exchanged = made.file.connection.execute_batch(
        "CREATE TEMP TABLE pair AS SELECT first, block FROM block_index WHERE length(first) = 32 ORDER BY first LIMIT 2;
        UPDATE block_index SET block = (SELECT sum(pair.block) FROM pair) - block
            WHERE block IN (SELECT block FROM pair);",
    );
    exchanged.unwrap();
    let mut cursors = made.file.unique_keys();
    let first = made.file.next_unique_keys(&mut cursors).unwrap();
    assert_eq!(first.map(|keys| keys.len()), Some(252));
    let second = made.file.next_unique_keys(&mut cursors).unwrap_err();
    assert!(
        second.to_string().contains("a block is missing"),
        "{second}"
    );
}

#[test]
fn a_file_that_was_never_completed_or_has_another_layout_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index-1.db");
    let mut file = IndexFile::create(&path, STORE).unwrap();
    file.add(&segment(0, 100, 1, 1)).unwrap();
    drop(file);
    let opened = IndexFile::open(&path, STORE);
    assert!(matches!(opened, Err(Unusable::NoManifest)));
    for layout in [0, 4, 6] {
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "user_version", layout)
            .unwrap();
        drop(connection);
        let opened = IndexFile::open(&path, STORE);
        assert!(matches!(opened, Err(Unusable::Layout { found }) if found == layout));
    }
}
