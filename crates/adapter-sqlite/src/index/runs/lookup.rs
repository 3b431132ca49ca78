//! Lookups: a reverse cursor over each run, merged by the ids of the orders, newest first.

use std::collections::BinaryHeap;

use domain::OrderId;
use rusqlite::{Connection, Statement, params};

use super::block::Block;
use super::run::{Kind, Run, order_of};
use crate::index::damage::damaged;

/// Calls `visit` once for each order with an entry of this hash and `from <= id < to`, newest first, until it returns `false`.
/// `to` may be longer than an id; it is then greater than every id that is a prefix of it.
pub(crate) fn newest_first<'r>(
    connection: &Connection,
    runs: impl Iterator<Item = &'r Run>,
    hash: &[u8],
    (from, to): (&[u8], &[u8]),
    mut visit: impl FnMut(OrderId) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let may_hold = runs.filter(|run| {
        run.newest.as_bytes().as_slice() >= from && run.oldest.as_bytes().as_slice() < to
    });
    let from = [hash, from].concat();
    let mut last_block_below = connection.prepare_cached(
        "SELECT contents FROM block_index CROSS JOIN blocks USING (block)
            WHERE run = ?1 AND first < ?2 ORDER BY first DESC LIMIT 1",
    )?;
    let mut cursors = Vec::new();
    // A run is read only when its newest order may be the next one.
    let mut next = BinaryHeap::new();
    for run in may_hold {
        next.push((run.newest, Next::Bound(cursors.len())));
        cursors.push(ReverseCursor {
            run: run.number,
            kind: run.kind,
            entries: Vec::new(),
            below: Some([hash, to].concat()),
        });
    }
    let mut last = None;
    while let Some((id, found)) = next.pop() {
        let (Next::Bound(index) | Next::Order(index)) = found;
        if matches!(found, Next::Order(_)) && last != Some(id) {
            if !visit(id)? {
                break;
            }
            last = Some(id);
        }
        let older = cursors[index].next(&mut last_block_below, &from)?;
        next.extend(older.map(|id| (id, Next::Order(index))));
    }
    Ok(())
}

/// What a cursor returns next, with the index of the cursor.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// An order that is not newer than the newest one of the run.
    Bound(usize),
    /// This order.
    Order(usize),
}

/// Reads a run from its last entry to its first.
struct ReverseCursor {
    run: i64,
    kind: Kind,
    /// The remaining entries of the block that was read last.
    entries: Vec<u8>,
    /// The upper bound of the entries that are still to be read; `None` if there are none.
    below: Option<Vec<u8>>,
}

impl ReverseCursor {
    /// The order of the next entry; `None` if there is none at or above `from`.
    fn next(
        &mut self,
        last_block_below: &mut Statement<'_>,
        from: &[u8],
    ) -> rusqlite::Result<Option<OrderId>> {
        while self.entries.is_empty() {
            let Some(below) = self.below.take() else {
                return Ok(None);
            };
            let mut rows = last_block_below.query(params![self.run, below])?;
            // The first block of a run covers all lower keys, so there is a block for every key.
            let row = rows.next()?.ok_or_else(missing)?;
            let block = Block::verify(self.run, self.kind, row.get_ref(0)?.as_blob()?)?;
            if !block.covers_below(&below) {
                return Err(missing());
            }
            let width = self.kind.width();
            let start = before(block.entries, width, from);
            let end = before(block.entries, width, &below).max(start);
            self.entries.extend_from_slice(&block.entries[start..end]);
            if start == 0 {
                self.below = block.lower.map(<[u8]>::to_vec);
            }
        }
        let rest = self.entries.len() - self.kind.width();
        let id = order_of(&self.entries);
        self.entries.truncate(rest);
        Ok(Some(id))
    }
}

/// The error for a block that the block index does not find.
fn missing() -> rusqlite::Error {
    damaged("a block is missing")
}

/// The number of bytes of the sorted entries that are less than `bound`.
fn before(entries: &[u8], width: usize, bound: &[u8]) -> usize {
    let (mut least, mut most) = (0, entries.len() / width);
    while least < most {
        let middle = usize::midpoint(least, most);
        if &entries[middle * width..(middle + 1) * width] < bound {
            least = middle + 1;
        } else {
            most = middle;
        }
    }
    least * width
}
