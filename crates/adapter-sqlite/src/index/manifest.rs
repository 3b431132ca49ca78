//! The manifest of an index file: one record with its visible runs, its position in the log, and the session that writes it.
//!
//! [`super::file`] writes it in the transaction that adds or removes runs; [`super::reader`] reads it at the start of each
//! snapshot. It ends with a checksum, which is always verified. A file has no manifest before it is complete.

use domain::{EventPosition, Seq};
use rusqlite::{Connection, OptionalExtension};

use super::damage::damaged;
use super::runs::Run;
use crate::codec::{Reader, Unreadable, put_number};

/// The table of the manifest: one row.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE manifest (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), contents BLOB NOT NULL) STRICT;";

#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    /// The store whose orders the file indexes.
    pub(crate) store_id: Vec<u8>,
    /// A random number for each time that a process opens the file for writing. A reader that finds another session than that
    /// of its process reads another file, or an older copy.
    pub(crate) session: u64,
    /// The position in the log up to which all orders are in the file. Its random bits distinguish this log from another
    /// history of it.
    pub(crate) through: EventPosition,
    /// The runs that are visible.
    pub(crate) runs: Vec<Run>,
}

impl Manifest {
    /// Reads the manifest of a file; `None` if the file was never completed, or if its manifest is lost.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let contents: Option<Vec<u8>> = connection
            .prepare_cached("SELECT contents FROM manifest WHERE one = 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        contents.map(|contents| Self::decode(&contents)).transpose()
    }

    /// Writes the manifest and replaces the previous one.
    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached("INSERT OR REPLACE INTO manifest (one, contents) VALUES (1, ?1)")?
            .execute([self.encode()])
            .map(drop)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_number(&mut bytes, self.store_id.len() as u64);
        bytes.extend_from_slice(&self.store_id);
        bytes.extend_from_slice(&self.session.to_le_bytes());
        put_number(&mut bytes, self.through.seq.0);
        bytes.extend_from_slice(&self.through.bits.to_le_bytes());
        put_number(&mut bytes, self.runs.len() as u64);
        for run in &self.runs {
            run.encode(&mut bytes);
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(contents: &[u8]) -> rusqlite::Result<Self> {
        let verified = contents
            .split_last_chunk()
            .filter(|(bytes, checksum)| crc32fast::hash(bytes) == u32::from_le_bytes(**checksum));
        let Some((bytes, _)) = verified else {
            return Err(damaged("its manifest does not match its checksum"));
        };
        Self::decode_verified(bytes).map_err(|error| damaged(&format!("its manifest: {error}")))
    }

    fn decode_verified(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let length = usize::try_from(reader.number()?).map_err(Unreadable::because)?;
        let store_id = reader.bytes(length)?.to_vec();
        let session = u64::from_le_bytes(reader.array()?);
        let through = EventPosition {
            seq: Seq(reader.number()?),
            bits: u32::from_le_bytes(reader.array()?),
        };
        let count = reader.number()?;
        let runs = (0..count)
            .map(|_| Run::decode(&mut reader))
            .collect::<Result<_, _>>()?;
        if !reader.is_empty() {
            return Err(Unreadable::because("more bytes than expected"));
        }
        Ok(Self {
            store_id,
            session,
            through,
            runs,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::{EventPosition, Seq};

    use super::Manifest;
    use crate::index::runs::{Kind, NewRun};

    #[test]
    fn a_manifest_with_a_changed_bit_or_a_missing_byte_is_refused() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection
            .execute_batch(crate::index::runs::SCHEMA)
            .unwrap();
        let run = |number, kind| {
            let mut run = NewRun::new(number, kind);
            let entry = [7; 32];
            run.push(&connection, &entry[..kind.width()]).unwrap();
            run.finish(&connection).unwrap().unwrap()
        };
        let manifest = Manifest {
            store_id: b"the store".to_vec(),
            session: 4_711,
            through: EventPosition {
                seq: Seq(300),
                bits: 42,
            },
            runs: vec![run(5, Kind::Lists), run(i64::MAX, Kind::UniqueKeys)],
        };
        let bytes = manifest.encode();
        let read = Manifest::decode(&bytes).unwrap();
        assert_eq!(format!("{read:?}"), format!("{manifest:?}"));
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << bit;
                assert!(Manifest::decode(&changed).is_err(), "byte {position}");
            }
            assert!(Manifest::decode(&bytes[..position]).is_err());
        }
    }
}
