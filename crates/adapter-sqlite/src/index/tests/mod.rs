//! Tests of the index file through its writer and its reader, without a store.

mod damage;
mod model;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use domain::{EventPosition, OrderId, Seq};
use tempfile::TempDir;

use super::compaction::Compaction;
use super::damage::IndexFailure;
use super::file::IndexFile;
use super::hashes::{UniqueKeyHash, UserHash};
use super::memtable::{IndexVersion, Segment};
use super::reader::IndexReader;
use super::runs;
use crate::folder::DataFolder;

const STORE: &[u8] = b"the store";

/// An index file in a temporary folder.
struct Fixture {
    folder: Arc<DataFolder>,
    file: IndexFile,
    _directory: TempDir,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
    let mut file = IndexFile::create(&folder.index(1), STORE).unwrap();
    file.mark_complete().unwrap();
    Fixture {
        folder,
        file,
        _directory: directory,
    }
}

impl Fixture {
    fn path(&self) -> PathBuf {
        self.folder.index(1)
    }

    fn reader(&self) -> IndexReader {
        IndexReader::new(Arc::clone(&self.folder))
    }

    /// The version of the file.
    fn version(&self) -> IndexVersion {
        IndexVersion {
            generation: 1,
            session: self.file.session(),
            through: self.file.through().seq.0,
        }
    }

    /// Opens the file again, as after a crash.
    fn open_again(&mut self) {
        self.file = IndexFile::open(&self.path(), STORE).unwrap();
    }

    fn compact_all(&mut self, compaction: Compaction) {
        while self.file.needs_compaction(compaction) {
            self.file.compact(compaction).unwrap();
        }
    }

    fn count(&self, table: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM {table}");
        let counted = self.file.connection.query_row(&sql, [], |row| row.get(0));
        counted.map(i64::cast_unsigned).unwrap()
    }

    /// The number of runs with blocks in the file.
    fn runs_with_blocks(&self) -> u64 {
        runs::with_blocks(&self.file.connection).unwrap().len() as u64
    }

    /// The bytes of the file, after a checkpoint.
    fn bytes(&self) -> Vec<u8> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self
            .file
            .connection
            .query_row(checkpoint, [], |row| row.get(0))
            .unwrap();
        assert_eq!(busy, 0);
        fs::read(self.path()).unwrap()
    }
}

fn id(number: u64) -> OrderId {
    // Distributed like the random bits of an id, so that segments overlap.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    OrderId::from_bytes((u128::from(mixed) << 64 | u128::from(number)).to_be_bytes())
}

fn key(number: u64) -> UniqueKeyHash {
    let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    UniqueKeyHash(mixed.to_be_bytes())
}

/// `count` orders from `first` on, of `users` users in turn; every `keyed`th has a unique key.
fn segment(first: u64, count: u64, users: i64, keyed: u64) -> Segment {
    let mut segment = Segment {
        through: EventPosition {
            seq: Seq(first + count),
            bits: 1,
        },
        ..Segment::default()
    };
    for number in first..first + count {
        let user = number.cast_signed() * 31 % users - users / 2;
        segment.push(UserHash(user), id(number));
        if number.is_multiple_of(keyed) {
            segment.unique_keys.insert(key(number), id(number));
        }
    }
    segment
}

/// The first orders of a list.
fn listed(
    reader: &mut IndexReader,
    version: IndexVersion,
    user: UserHash,
    range: (&[u8], &[u8]),
    at_most: usize,
) -> Result<Vec<OrderId>, IndexFailure> {
    let mut found = Vec::new();
    let visit = |id| {
        found.push(id);
        Ok(found.len() < at_most)
    };
    let done = reader.of_user(version, user, range, visit);
    reader.end_snapshot();
    done.map(|()| found)
}

/// The order of a unique key.
fn found(
    reader: &mut IndexReader,
    version: IndexVersion,
    key: UniqueKeyHash,
) -> Result<Option<OrderId>, IndexFailure> {
    let found = reader.find_by_key(version, key, |id| Ok(Some(id)))?;
    Ok(found.expect("only the index can fail"))
}
