//! Writing a run, whether of a batch or of a merge.

use domain::OrderId;
use rusqlite::{Connection, params};

use super::{ID, Kind, Run, order_of};

/// The bytes of a full block: a whole number of entries of either kind. With its row's head it just fits a page, so that
/// none needs a second one.
const BLOCK: usize = 8_064;

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
            entries: Vec::with_capacity(BLOCK),
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
            self.write_block(connection)?;
        }
        self.entries.extend_from_slice(entry);
        let id = order_of(entry);
        self.run.entries += 1;
        self.run.oldest = self.run.oldest.min(id);
        self.run.newest = self.run.newest.max(id);
        Ok(())
    }

    fn write_block(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let first = &self.entries[..self.run.kind.width()];
        connection
            .prepare_cached("INSERT INTO blocks (entries) VALUES (?1)")?
            .execute([&self.entries])?;
        connection
            .prepare_cached("INSERT INTO block_index (run, first, block) VALUES (?1, ?2, ?3)")?
            .execute(params![
                self.run.number,
                first,
                connection.last_insert_rowid()
            ])?;
        self.entries.clear();
        self.blocks += 1;
        Ok(())
    }

    /// Makes the run visible, where there is something in it.
    pub(crate) fn finish(mut self, connection: &Connection) -> rusqlite::Result<Option<Run>> {
        if self.run.entries == 0 {
            return Ok(None);
        }
        self.write_block(connection)?;
        let Run {
            number,
            kind,
            entries,
            oldest,
            newest,
        } = &self.run;
        connection
            .prepare_cached("INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                number,
                kind.code(),
                entries.cast_signed(),
                oldest.as_bytes(),
                newest.as_bytes()
            ])?;
        Ok(Some(self.run))
    }
}
