//! Lookups: a way down through each run, merged by the orders' ids.

use std::collections::BinaryHeap;

use domain::OrderId;
use rusqlite::{Connection, Statement, params};

use super::{Run, order_of, piece_of};

/// Hands the orders of the entries of one hash, with `from <= id < to`, to `visit`, newest first and each once, until it
/// says that it has enough. `to` may be longer than an id, and is then past all of those that it begins like.
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
    let mut last_piece_below = connection.prepare_cached(
        "SELECT first, entries FROM fences CROSS JOIN pieces USING (piece)
            WHERE run = ?1 AND first < ?2 ORDER BY first DESC LIMIT 1",
    )?;
    let mut descents = Vec::new();
    // A run is first looked into once its newest order may be the next one.
    let mut next = BinaryHeap::new();
    for run in may_hold {
        next.push((run.newest, Next::Bound(descents.len())));
        descents.push(Descent {
            run: run.number,
            width: run.kind.width(),
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
        let older = descents[index].next(&mut last_piece_below, &from)?;
        next.extend(older.map(|id| (id, Next::Order(index))));
    }
    Ok(())
}

/// What stands at the top of a run, by the run's index.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// No order of the run is newer.
    Bound(usize),
    Order(usize),
}

/// A way through a run from its last entries to its first.
struct Descent {
    run: i64,
    width: usize,
    /// What is still to come of the piece that was read last.
    entries: Vec<u8>,
    /// The others lie below this; `None` where there are no others.
    below: Option<Vec<u8>>,
}

impl Descent {
    /// The order of the next entry, unless it is below `from`.
    fn next(
        &mut self,
        last_piece_below: &mut Statement<'_>,
        from: &[u8],
    ) -> rusqlite::Result<Option<OrderId>> {
        while self.entries.is_empty() {
            let Some(below) = self.below.take() else {
                return Ok(None);
            };
            let mut rows = last_piece_below.query(params![self.run, below])?;
            if let Some(row) = rows.next()? {
                let (first, entries) = piece_of(row, self.width)?;
                let start = before(entries, self.width, from);
                let end = before(entries, self.width, &below).max(start);
                self.entries.extend_from_slice(&entries[start..end]);
                self.below = (start == 0).then(|| first.to_vec());
            }
        }
        let rest = self.entries.len() - self.width;
        let id = order_of(&self.entries);
        self.entries.truncate(rest);
        Ok(Some(id))
    }
}

/// The bytes of the sorted entries that are less than `bound`.
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
