//! Sorted runs: what the index file is made of.
//!
//! A batch of entries becomes a run of its own, written once and never changed, and runs of like size are merged into
//! larger ones (a log-structured merge tree, O'Neil et al. 1996, with merging by tiers). So an entry is written about
//! once for every fourfold growth of the store, always beside its neighbours, where a tree that takes entries in place is
//! written all over by every batch once it is large. A lookup asks each run, of which there are a few for each tier.
//!
//! Entries are byte strings of one width, compared as such. They lie packed in pieces, each about a page of SQLite, and
//! the first entry of each piece is its fence. Runs become visible with their row in `runs`; a piece whose run has none
//! belongs to a merge that was never finished, or to a run that was merged, and is swept away.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use domain::OrderId;
use rusqlite::{Connection, OptionalExtension, Row, Statement, ffi, params};

use super::names::{NameHash, UserHash};

/// The tables of runs.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE runs (run INTEGER NOT NULL PRIMARY KEY, kind INTEGER NOT NULL, entries INTEGER NOT NULL,
        oldest BLOB NOT NULL, newest BLOB NOT NULL) STRICT;
    CREATE TABLE fences (run INTEGER NOT NULL, first BLOB NOT NULL, piece INTEGER NOT NULL,
        PRIMARY KEY (run, first)) STRICT, WITHOUT ROWID;
    CREATE TABLE pieces (piece INTEGER NOT NULL PRIMARY KEY, entries BLOB NOT NULL) STRICT;";

/// The page of SQLite, in bytes: larger ones are written with fewer calls to the kernel, smaller ones are read sooner.
/// A merge costs 0.13 us of CPU an entry, with pages of 4 KiB 0.19.
pub(crate) const PAGE: u32 = 8_192;

/// The bytes of a full piece: a whole number of entries of either kind. With its row's head it just fits a page, so that
/// none needs a second one.
const PIECE: usize = 8_064;

/// The bytes of an id, with which every entry ends.
const ID: usize = 16;

/// So many runs of a tier are merged into one. With more, entries would be written less often and more runs be asked.
const FAN: usize = 4;

/// At rest, runs are merged as long as one is not so many times larger than those before it together.
const APART: u64 = 4;

/// Runs of fewer entries are one tier: the smallest.
const SMALLEST_TIER: u64 = 16_384;

/// What a run is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Orders by user or external id: the hash of 64 bits and the order's id.
    Lists,
    /// Keys and external ids: the hash of 128 bits and the order's id.
    Names,
}

impl Kind {
    const fn code(self) -> i64 {
        match self {
            Self::Lists => 1,
            Self::Names => 2,
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::Lists => 8 + ID,
            Self::Names => 16 + ID,
        }
    }

    fn from_code(code: i64) -> rusqlite::Result<Self> {
        match code {
            1 => Ok(Self::Lists),
            2 => Ok(Self::Names),
            _ => Err(damaged("a run of no known kind")),
        }
    }
}

/// An entry of a list.
pub(crate) fn listed(user: UserHash, id: OrderId) -> [u8; 8 + ID] {
    let mut entry = [0; 8 + ID];
    entry[..8].copy_from_slice(&user.0.to_be_bytes());
    entry[8..].copy_from_slice(id.as_bytes());
    entry
}

/// An entry of a name.
pub(crate) fn named(name: NameHash, id: OrderId) -> [u8; 16 + ID] {
    let mut entry = [0; 16 + ID];
    entry[..16].copy_from_slice(&name.0);
    entry[16..].copy_from_slice(id.as_bytes());
    entry
}

/// The names of a piece of names.
pub(crate) fn names_of(entries: &[u8]) -> impl Iterator<Item = NameHash> {
    let (entries, _) = entries.as_chunks::<{ 16 + ID }>();
    entries.iter().map(|entry| {
        let (name, _) = entry.split_at(16);
        NameHash(name.try_into().expect("16 bytes were split off"))
    })
}

/// A run that is complete.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    number: i64,
    pub(crate) kind: Kind,
    entries: u64,
    oldest: OrderId,
    newest: OrderId,
}

impl Run {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            kind: Kind::from_code(row.get(1)?)?,
            entries: row.get::<_, i64>(2)?.cast_unsigned(),
            oldest: OrderId::from_bytes(row.get(3)?),
            newest: OrderId::from_bytes(row.get(4)?),
        })
    }

    pub(crate) const fn number(&self) -> i64 {
        self.number
    }

    #[cfg(test)]
    pub(crate) const fn entries(&self) -> u64 {
        self.entries
    }

    /// How often the smallest tier would have to grow fourfold to hold so many entries.
    const fn tier(&self) -> u32 {
        match (self.entries / SMALLEST_TIER).checked_ilog2() {
            Some(log) => log / FAN.ilog2() + 1,
            None => 0,
        }
    }
}

/// All runs of a file that are complete.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Run>> {
    connection
        .prepare_cached("SELECT run, kind, entries, oldest, newest FROM runs")?
        .query_map([], Run::of_row)?
        .collect()
}

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
        let id = self.entries.last_chunk().expect("an entry ends with an id");
        let id = OrderId::from_bytes(*id);
        self.entries.truncate(rest);
        Ok(Some(id))
    }
}

/// The fence and the entries of a piece.
fn piece_of<'r>(row: &'r Row<'_>, width: usize) -> rusqlite::Result<(&'r [u8], &'r [u8])> {
    let first = row.get_ref(0)?.as_blob()?;
    let entries = row.get_ref(1)?.as_blob()?;
    if entries.is_empty() || entries.len() % width != 0 || !entries.starts_with(first) {
        return Err(damaged("a piece of a run is not what its fence says"));
    }
    Ok((first, entries))
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

/// As SQLite says that its file is damaged.
fn damaged(what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_CORRUPT),
        Some(format!("the index is damaged: {what}")),
    )
}

/// A way through a run from its first entries to its last, a piece at a time.
pub(crate) struct Ascent {
    run: i64,
    width: usize,
    /// The fence of the piece that was read last; empty at first, which is below all.
    last: Vec<u8>,
    entries: Vec<u8>,
    /// How many bytes of `entries` are behind.
    at: usize,
}

impl Ascent {
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            run: run.number,
            width: run.kind.width(),
            last: Vec::new(),
            entries: Vec::new(),
            at: 0,
        }
    }

    /// The next piece, whole.
    pub(crate) fn next_piece(
        &mut self,
        connection: &Connection,
    ) -> rusqlite::Result<Option<&[u8]>> {
        self.entries.clear();
        self.at = 0;
        let mut statement = connection.prepare_cached(
            "SELECT first, entries FROM fences CROSS JOIN pieces USING (piece)
                WHERE run = ?1 AND first > ?2 ORDER BY first LIMIT 1",
        )?;
        let mut rows = statement.query(params![self.run, self.last])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let (first, entries) = piece_of(row, self.width)?;
        self.last = first.to_vec();
        self.entries.extend_from_slice(entries);
        Ok(Some(&self.entries))
    }

    /// The entry that comes next, of the piece that was read.
    fn front(&self) -> Option<&[u8]> {
        self.entries.get(self.at..self.at + self.width)
    }

    /// Goes past the front; `false` at the end of the run.
    fn advance(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        self.at += self.width;
        Ok(self.at < self.entries.len() || self.next_piece(connection)?.is_some())
    }
}

/// A run that is being written: its entries come in ascending order.
pub(crate) struct NewRun {
    run: Run,
    entries: Vec<u8>,
    /// How many pieces were written.
    pieces: usize,
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
            entries: Vec::with_capacity(PIECE),
            pieces: 0,
        }
    }

    /// Adds an entry, which is not less than the one before; one that is the same is left out.
    pub(crate) fn push(&mut self, connection: &Connection, entry: &[u8]) -> rusqlite::Result<()> {
        if self.entries.ends_with(entry) {
            return Ok(());
        }
        if self.entries.len() + entry.len() > PIECE {
            self.write_piece(connection)?;
        }
        self.entries.extend_from_slice(entry);
        let id = entry.last_chunk().expect("an entry ends with an id");
        let id = OrderId::from_bytes(*id);
        self.run.entries += 1;
        self.run.oldest = self.run.oldest.min(id);
        self.run.newest = self.run.newest.max(id);
        Ok(())
    }

    fn write_piece(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let first = &self.entries[..self.run.kind.width()];
        connection
            .prepare_cached("INSERT INTO pieces (entries) VALUES (?1)")?
            .execute([&self.entries])?;
        connection
            .prepare_cached("INSERT INTO fences (run, first, piece) VALUES (?1, ?2, ?3)")?
            .execute(params![
                self.run.number,
                first,
                connection.last_insert_rowid()
            ])?;
        self.entries.clear();
        self.pieces += 1;
        Ok(())
    }

    /// Makes the run visible, where there is something in it.
    pub(crate) fn finish(mut self, connection: &Connection) -> rusqlite::Result<Option<Run>> {
        if self.run.entries == 0 {
            return Ok(None);
        }
        self.write_piece(connection)?;
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

/// Runs that are to be merged.
pub(crate) struct Due {
    pub(crate) kind: Kind,
    pub(crate) runs: Vec<Run>,
}

impl Due {
    /// What is to be merged next while orders come in, if anything is: of the lowest tier that is full.
    pub(crate) fn under_load(runs: &[Run]) -> Option<Self> {
        let place = |run: &Run| (run.tier(), run.kind);
        let mut full: Vec<_> = runs.iter().map(place).collect();
        full.sort_unstable();
        let mut of_places = full.chunk_by(|a, b| a == b);
        let (tier, kind) = *of_places.find(|alike| alike.len() >= FAN)?.first()?;
        let alike = runs.iter().filter(|run| place(run) == (tier, kind));
        let runs = alike.take(FAN).cloned().collect();
        Some(Self { kind, runs })
    }

    /// What is to be merged next while none come in, so that lookups ask few runs.
    pub(crate) fn at_rest(runs: &[Run]) -> Option<Self> {
        [Kind::Lists, Kind::Names].into_iter().find_map(|kind| {
            let mut of_kind: Vec<_> = runs.iter().filter(|run| run.kind == kind).collect();
            of_kind.sort_unstable_by_key(|run| run.entries);
            let mut merged: Vec<Run> = Vec::new();
            let mut together = 0;
            for run in of_kind {
                if run.entries >= APART * together {
                    if merged.len() > 1 {
                        break;
                    }
                    merged.clear();
                    together = 0;
                }
                together += run.entries;
                merged.push(run.clone());
            }
            (merged.len() > 1).then_some(Self { kind, runs: merged })
        })
    }
}

/// A merge under way.
pub(crate) struct Merge {
    /// Those that still have entries.
    inputs: Vec<Ascent>,
    /// The numbers of all of them.
    merged: Vec<i64>,
    output: NewRun,
}

impl Merge {
    pub(crate) fn begin(
        connection: &Connection,
        runs: &[Run],
        output: NewRun,
    ) -> rusqlite::Result<Self> {
        let mut inputs = Vec::with_capacity(runs.len());
        for run in runs {
            let mut input = Ascent::of(run);
            if input.next_piece(connection)?.is_some() {
                inputs.push(input);
            }
        }
        Ok(Self {
            inputs,
            merged: runs.iter().map(Run::number).collect(),
            output,
        })
    }

    /// The number of the run that it makes.
    pub(crate) const fn output(&self) -> i64 {
        self.output.run.number
    }

    /// The merged run takes the place of the others, whose numbers are returned.
    pub(crate) fn finish(
        self,
        connection: &Connection,
    ) -> rusqlite::Result<(Vec<i64>, Option<Run>)> {
        let mut hide = connection.prepare_cached("DELETE FROM runs WHERE run = ?1")?;
        for run in &self.merged {
            hide.execute([run])?;
        }
        Ok((self.merged, self.output.finish(connection)?))
    }

    /// Writes so many pieces more; `true` at the end.
    pub(crate) fn go_on(
        &mut self,
        connection: &Connection,
        pieces: usize,
    ) -> rusqlite::Result<bool> {
        let until = self.output.pieces + pieces;
        while self.output.pieces < until {
            let by_front = |a: &(usize, &Ascent), b: &(usize, &Ascent)| -> Ordering {
                a.1.front().cmp(&b.1.front())
            };
            let Some((index, least)) = self.inputs.iter().enumerate().min_by(by_front) else {
                return Ok(true);
            };
            if let Some(entry) = least.front() {
                self.output.push(connection, entry)?;
            }
            if !self.inputs[index].advance(connection)? {
                self.inputs.swap_remove(index);
            }
        }
        Ok(false)
    }
}

/// Removes so many pieces of a run that is not visible; `true` once none is left.
pub(crate) fn sweep(connection: &Connection, run: i64, pieces: usize) -> rusqlite::Result<bool> {
    let found: Vec<(Vec<u8>, i64)> = connection
        .prepare_cached("SELECT first, piece FROM fences WHERE run = ?1 ORDER BY first LIMIT ?2")?
        .query_map(params![run, pieces.cast_signed()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut remove_piece = connection.prepare_cached("DELETE FROM pieces WHERE piece = ?1")?;
    let mut remove_fence =
        connection.prepare_cached("DELETE FROM fences WHERE run = ?1 AND first = ?2")?;
    for (first, piece) in &found {
        remove_piece.execute([piece])?;
        remove_fence.execute(params![run, first])?;
    }
    Ok(found.len() < pieces)
}

/// The numbers of all runs that have pieces, whether they are visible or not, ascending.
pub(crate) fn with_pieces(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    let mut numbers = Vec::new();
    let mut next =
        connection.prepare("SELECT run FROM fences WHERE run > ?1 ORDER BY run LIMIT 1")?;
    let mut last = i64::MIN;
    while let Some(number) = next.query_row([last], |row| row.get(0)).optional()? {
        numbers.push(number);
        last = number;
    }
    Ok(numbers)
}
