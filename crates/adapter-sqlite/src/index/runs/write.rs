//! Writing a run, whether of a batch or of a merge.

use domain::OrderId;
use rusqlite::{Connection, params};

use super::{ID, Kind, Run, block, order_of};

/// The bytes of the entries of a full block: a whole number of entries of either kind. With the rest of the block and the
/// head of its row they just fit a page, so that no block needs a second one.
const BLOCK: usize = 8_064;

// SQLite keeps a row of up to 35 bytes less than a page on one page (Database File Format, section 1.6); of these the head of
// the row takes 4.
const _: () = assert!(BLOCK + block::OVERHEAD + 4 <= super::PAGE as usize - 35);

/// A run that is being written: its entries come in ascending order.
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

    /// How many blocks were written so far.
    pub(super) const fn blocks(&self) -> usize {
        self.blocks
    }

    /// Adds an entry, which is not less than the one before; one that is the same is left out.
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

    /// Writes the entries as a block, before the one that begins with `upper`, or as the last one.
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

    /// Writes the last block. The run; `None` if it has no entries.
    pub(crate) fn finish(mut self, connection: &Connection) -> rusqlite::Result<Option<Run>> {
        if self.run.entries == 0 {
            return Ok(None);
        }
        self.write_block(connection, None)?;
        Ok(Some(self.run))
    }
}
