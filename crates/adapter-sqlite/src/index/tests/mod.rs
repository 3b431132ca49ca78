//! Tests of the index file through its writing and its reading side, without a store.

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

/// An index file in a folder of its own.
struct Made {
    folder: Arc<DataFolder>,
    file: IndexFile,
    _directory: TempDir,
}

fn made() -> Made {
    let directory = tempfile::tempdir().unwrap();
    let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
    let mut file = IndexFile::create(&folder.index(1), STORE).unwrap();
    file.mark_complete().unwrap();
    Made {
        folder,
        file,
        _directory: directory,
    }
}

impl Made {
    fn path(&self) -> PathBuf {
        self.folder.index(1)
    }

    fn reader(&self) -> IndexReader {
        IndexReader::new(Arc::clone(&self.folder))
    }

    /// The file as it is now.
    fn version(&self) -> IndexVersion {
        IndexVersion {
            generation: 1,
            session: self.file.session(),
            through: self.file.through().seq.0,
        }
    }

    /// As after a crash: nothing is known but what is in the file.
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

    /// How many runs have blocks in the file.
    fn runs_with_blocks(&self) -> u64 {
        runs::with_blocks(&self.file.connection).unwrap().len() as u64
    }

    /// The whole file, with nothing left in its write-ahead log.
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
    // Spread like the random bits of an id, so that batches overlap in time.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    OrderId::from_bytes((u128::from(mixed) << 64 | u128::from(number)).to_be_bytes())
}

fn name(number: u64) -> UniqueKeyHash {
    let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    UniqueKeyHash(mixed.to_be_bytes())
}

/// `count` orders from `first` on, of `users` users in turn, every `named`th with a name.
fn segment(first: u64, count: u64, users: i64, named: u64) -> Segment {
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
        if number.is_multiple_of(named) {
            segment.unique_keys.insert(name(number), id(number));
        }
    }
    segment
}

/// The first orders of a list.
fn listed(
    reader: &mut IndexReader,
    version: IndexVersion,
    user: UserHash,
    stretch: (&[u8], &[u8]),
    at_most: usize,
) -> Result<Vec<OrderId>, IndexFailure> {
    let mut found = Vec::new();
    let visit = |id| {
        found.push(id);
        Ok(found.len() < at_most)
    };
    let done = reader.of_user(version, user, stretch, visit);
    reader.end_snapshot();
    done.map(|()| found)
}

/// The order of a name.
fn found(
    reader: &mut IndexReader,
    version: IndexVersion,
    name: UniqueKeyHash,
) -> Result<Option<OrderId>, IndexFailure> {
    let found = reader.find_by_key(version, name, |id| Ok(Some(id)))?;
    Ok(found.expect("nothing fails but the index"))
}
