//! Merging runs: which runs are due, and the merge itself, in steps.

use rusqlite::{Connection, params};

use super::block::Block;
use super::run::{Kind, Run};
use super::write::NewRun;
use crate::index::damage::damaged;

/// The number of runs of a tier that are merged into one. With a larger number entries are rewritten less often, but a lookup
/// reads more runs.
const FAN: usize = 4;

/// At rest, runs are merged until each is this many times larger than all smaller runs together.
const SIZE_RATIO: u64 = 4;

/// All runs with fewer entries are of the smallest tier.
const SMALLEST_TIER: u64 = 16_384;

/// Runs that are to be merged.
pub(crate) struct Due {
    pub(crate) kind: Kind,
    pub(crate) runs: Vec<Run>,
}

impl Due {
    /// The runs to merge while orders arrive: those of the lowest tier that is full.
    pub(crate) fn under_load(runs: &[Run]) -> Option<Self> {
        let group_of = |run: &Run| (tier(run), run.kind);
        let mut groups: Vec<_> = runs.iter().map(group_of).collect();
        groups.sort_unstable();
        let mut groups = groups.chunk_by(|a, b| a == b);
        let (tier, kind) = *groups.find(|group| group.len() >= FAN)?.first()?;
        let group = runs.iter().filter(|run| group_of(run) == (tier, kind));
        let runs = group.take(FAN).cloned().collect();
        Some(Self { kind, runs })
    }

    /// The runs to merge while no orders arrive, so that lookups read few runs.
    pub(crate) fn at_rest(runs: &[Run]) -> Option<Self> {
        [Kind::Lists, Kind::UniqueKeys]
            .into_iter()
            .find_map(|kind| {
                let mut of_kind: Vec<_> = runs.iter().filter(|run| run.kind == kind).collect();
                of_kind.sort_unstable_by_key(|run| run.entries);
                let mut merged: Vec<Run> = Vec::new();
                let mut total = 0;
                for run in of_kind {
                    if run.entries >= SIZE_RATIO * total {
                        if merged.len() > 1 {
                            break;
                        }
                        merged.clear();
                        total = 0;
                    }
                    total += run.entries;
                    merged.push(run.clone());
                }
                (merged.len() > 1).then_some(Self { kind, runs: merged })
            })
    }
}

/// The tier of a run: each tier is for four times as many entries as the one below.
const fn tier(run: &Run) -> u32 {
    match (run.entries / SMALLEST_TIER).checked_ilog2() {
        Some(log) => log / FAN.ilog2() + 1,
        None => 0,
    }
}

/// A merge in progress.
pub(crate) struct Merge {
    /// The inputs that still have entries.
    inputs: Vec<ForwardCursor>,
    /// The numbers of all inputs.
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
            let mut input = ForwardCursor::of(run);
            if input.next_block(connection)?.is_some() {
                inputs.push(input);
            }
        }
        Ok(Self {
            inputs,
            merged: runs.iter().map(Run::number).collect(),
            output,
        })
    }

    /// The number of the output run.
    pub(crate) const fn output(&self) -> i64 {
        self.output.number()
    }

    /// Finishes the output run. Returns the numbers of the inputs and the output.
    pub(crate) fn finish(
        self,
        connection: &Connection,
    ) -> rusqlite::Result<(Vec<i64>, Option<Run>)> {
        Ok((self.merged, self.output.finish(connection)?))
    }

    /// Writes up to `blocks` more blocks; returns `true` once all entries are merged.
    pub(crate) fn advance(
        &mut self,
        connection: &Connection,
        blocks: usize,
    ) -> rusqlite::Result<bool> {
        let until = self.output.blocks() + blocks;
        while self.output.blocks() < until {
            let inputs = self.inputs.iter().enumerate();
            let Some((index, least)) = inputs.min_by_key(|&(_, input)| input.front()) else {
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

/// Reads a run from its first entry to its last, a block at a time. It fails with damage if the blocks are no complete chain,
/// or if their entries are not as many as the run has.
pub(crate) struct ForwardCursor {
    run: i64,
    kind: Kind,
    /// The number of entries that are still to be read.
    left: u64,
    next: NextBlock,
    entries: Vec<u8>,
    /// The offset in `entries` of the next entry.
    at: usize,
}

/// The block that a cursor reads next.
enum NextBlock {
    First,
    /// The block with this first entry.
    Of(Vec<u8>),
    None,
}

impl ForwardCursor {
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            run: run.number,
            kind: run.kind,
            left: run.entries,
            next: NextBlock::First,
            entries: Vec::new(),
            at: 0,
        }
    }

    /// The entries of the next block; `None` at the end of the run.
    pub(crate) fn next_block(
        &mut self,
        connection: &Connection,
    ) -> rusqlite::Result<Option<&[u8]>> {
        self.entries.clear();
        self.at = 0;
        let lower = match &self.next {
            NextBlock::First => None,
            NextBlock::Of(lower) => Some(lower.as_slice()),
            NextBlock::None if self.left == 0 => return Ok(None),
            NextBlock::None => return Err(damaged("a run has too few entries")),
        };
        let mut statement = connection.prepare_cached(
            "SELECT contents FROM block_index CROSS JOIN blocks USING (block)
                WHERE run = ?1 AND first = ?2",
        )?;
        let mut rows = statement.query(params![self.run, lower.unwrap_or_default()])?;
        let missing = || damaged("a block is missing");
        let row = rows.next()?.ok_or_else(missing)?;
        let block = Block::verify(self.run, self.kind, row.get_ref(0)?.as_blob()?)?;
        if block.lower != lower {
            return Err(missing());
        }
        let count = block.entries.len() / self.kind.width();
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| damaged("a run has too many entries"))?;
        self.entries.extend_from_slice(block.entries);
        self.next = match block.upper {
            Some(upper) => NextBlock::Of(upper.to_vec()),
            None => NextBlock::None,
        };
        Ok(Some(&self.entries))
    }

    /// The next entry; `None` before the first block and at the end.
    fn front(&self) -> Option<&[u8]> {
        self.entries.get(self.at..self.at + self.kind.width())
    }

    /// Skips the front entry; returns `false` at the end of the run.
    fn advance(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        self.at += self.kind.width();
        Ok(self.at < self.entries.len() || self.next_block(connection)?.is_some())
    }
}
