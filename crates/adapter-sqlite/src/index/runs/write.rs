//! Writing a run: of a flush, or the output of a merge.

use domain::OrderId;
use rusqlite::{Connection, params};

use super::block;
use super::run::{ID, Kind, Run, order_of};

/// The page size of the index file, in bytes. Larger pages are written with fewer system calls, smaller ones are read faster. A
/// merge costs 0.13 us of CPU an entry; with pages of 4 KiB it costs 0.19 us.
pub(crate) const PAGE: u32 = 8_192;

/// The bytes of the entries of a full block: a whole number of entries of either kind. With the trailer of the block and the
/// header of its row they just fit into a page.
const BLOCK: usize = 8_064;

// SQLite stores a row that is at least 35 bytes smaller than a page on one page (Database File Format, section 1.6). The
// header of the row takes 4 bytes of it.
const _: () = assert!(BLOCK + block::OVERHEAD + 4 <= PAGE as usize - 35);

/// A run that is being written, in ascending order of its entries.
pub(crate) struct NewRun {
    run: Run,
    entries: Vec<u8>,
    blocks: usize,
}

impl NewRun {
    pub(crate) fn new(number: i64, kind: Kind) -> Self {
        Self {
            run: Run {
                number,
                kind,
                entries: 0,
                oldest: OrderId::from_bytes([0xff; ID]),
                newest: OrderId::from_bytes([0; ID]),
            },
            entries: Vec::with_capacity(BLOCK + block::OVERHEAD),
            blocks: 0,
        }
    }

    pub(crate) const fn number(&self) -> i64 {
        self.run.number
    }

    /// The number of blocks that were written so far.
    pub(super) const fn blocks(&self) -> usize {
        self.blocks
    }

    /// Adds an entry, which must not be less than the previous one. An equal entry is skipped.
    pub(crate) fn push(&mut self, connection: &Connection, entry: &[u8]) -> rusqlite::Result<()> {
        if self.entries.ends_with(entry) {
            return Ok(());
        }
        if self.entries.len() + entry.len() > BLOCK {
            self.write_block(connection, Some(entry))?;
        }
        self.entries.extend_from_slice(entry);
        let id = order_of(entry);
        self.run.entries += 1;
        self.run.oldest = self.run.oldest.min(id);
        self.run.newest = self.run.newest.max(id);
        Ok(())
    }

    /// Writes the entries as a block. `upper` is the first entry of the next block; `None` for the last block.
    fn write_block(
        &mut self,
        connection: &Connection,
        upper: Option<&[u8]>,
    ) -> rusqlite::Result<()> {
        let Run { number, kind, .. } = self.run;
        let is_first = self.blocks == 0;
        block::seal(number, kind, &mut self.entries, is_first, upper);
        connection
            .prepare_cached("INSERT INTO blocks (contents) VALUES (?1)")?
            .execute([&self.entries])?;
        let first: &[u8] = match is_first {
            true => &[],
            false => &self.entries[..kind.width()],
        };
        connection
            .prepare_cached("INSERT INTO block_index (run, first, block) VALUES (?1, ?2, ?3)")?
            .execute(params![number, first, connection.last_insert_rowid()])?;
        self.entries.clear();
        self.blocks += 1;
        Ok(())
    }

    /// Writes the last block and returns the run; `None` if it has no entries.
    pub(crate) fn finish(mut self, connection: &Connection) -> rusqlite::Result<Option<Run>> {
        if self.run.entries == 0 {
            return Ok(None);
        }
        self.write_block(connection, None)?;
        Ok(Some(self.run))
    }
}
