//! The part of the index that is on disk, as the indexer writes it, who alone does.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::memtable::Segment;
use super::names::NameHash;
use super::runs::{self, Due, ForwardCursor, Kind, Merge, NewRun, Run};
use crate::schema::keep_plans;

/// The layout that this program writes. A file of another layout is rebuilt.
const LAYOUT: i32 = 4;

const MARK: &str = "
    CREATE TABLE mark (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), store_id BLOB NOT NULL,
        through INTEGER NOT NULL, complete INTEGER NOT NULL) STRICT;";

/// The blocks that one step of compaction writes or removes: a few milliseconds of work.
const STEP: usize = 64;

/// Which runs a compaction merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compaction {
    /// Those that must be merged while orders come in.
    UnderLoad,
    /// Also those that only make lookups faster, while no orders come in.
    AtRest,
}

/// The writing side.
pub(crate) struct IndexFile {
    connection: Connection,
    /// Every order that the log holds up to here is in the file.
    through: u64,
    /// The runs that are complete.
    runs: Vec<Run>,
    merge: Option<Merge>,
    /// Runs that are neither visible nor being written; their blocks are removed.
    garbage: Vec<i64>,
    /// No run has this number, or a higher one.
    next_run: i64,
}

impl IndexFile {
    /// A new, empty file. Not in use before it is marked complete.
    pub(crate) fn create(path: &Path, store_id: &[u8]) -> rusqlite::Result<Self> {
        let connection = Self::connect(path)?;
        connection.execute_batch(runs::SCHEMA)?;
        connection.execute_batch(MARK)?;
        connection.pragma_update(None, "user_version", LAYOUT)?;
        connection.execute("INSERT INTO mark VALUES (1, ?1, 0, 0)", [store_id])?;
        Ok(Self {
            connection,
            through: 0,
            runs: Vec::new(),
            merge: None,
            garbage: Vec::new(),
            next_run: 1,
        })
    }

    /// The file that is there, if it is complete, of our layout, and belongs to this store with this head.
    pub(crate) fn open(path: &Path, store_id: &[u8], head: u64) -> rusqlite::Result<Option<Self>> {
        let connection = Self::connect(path)?;
        let layout: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if layout != LAYOUT {
            return Ok(None);
        }
        let mark: Option<i64> = connection
            .query_row(
                "SELECT through FROM mark WHERE complete = 1 AND store_id = ?1",
                [store_id],
                |row| row.get(0),
            )
            .optional()?;
        // A mark past the head belongs to a log that was longer: the orders were restored from an older copy.
        let through = mark
            .and_then(|through| u64::try_from(through).ok())
            .filter(|through| *through <= head);
        let Some(through) = through else {
            return Ok(None);
        };
        let runs = runs::all(&connection)?;
        let mut garbage = runs::with_blocks(&connection)?;
        let next_run = garbage.last().map_or(1, |last| last + 1);
        garbage.retain(|number| runs.iter().all(|run| run.number() != *number));
        Ok(Some(Self {
            connection,
            through,
            runs,
            merge: None,
            garbage,
            next_run,
        }))
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        keep_plans(&connection)?;
        connection.pragma_update(None, "page_size", runs::PAGE)?;
        // NORMAL: a power cut may take the last batches back, mark and entries together; the log brings them again. What is
        // moved out of the file's log at once is little, so that a flush of the orders does not wait for much of it.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 256;",
        )?;
        Ok(connection)
    }

    pub(crate) const fn through(&self) -> u64 {
        self.through
    }

    /// Adds a segment, as runs of its own, and moves the mark, in one transaction.
    pub(crate) fn add(&mut self, segment: &Segment) -> rusqlite::Result<()> {
        let mut lists: Vec<_> = segment
            .by_user()
            .map(|(user, id)| runs::listed(user, id))
            .collect();
        lists.sort_unstable();
        let mut names: Vec<_> = segment
            .names
            .iter()
            .map(|(name, id)| runs::named(*name, *id))
            .collect();
        names.sort_unstable();
        let (of_lists, of_names) = (self.new_run(Kind::Lists), self.new_run(Kind::Names));
        let transaction = self.connection.transaction()?;
        let added = [
            write(&transaction, of_lists, &lists)?,
            write(&transaction, of_names, &names)?,
        ];
        transaction
            .prepare_cached("UPDATE mark SET through = ?1")?
            .execute([segment.through.cast_signed()])?;
        transaction.commit()?;
        self.through = segment.through;
        self.runs.extend(added.into_iter().flatten());
        Ok(())
    }

    fn new_run(&mut self, kind: Kind) -> NewRun {
        let number = self.next_run;
        self.next_run += 1;
        NewRun::new(number, kind)
    }

    /// Whether there are runs to merge, or garbage to collect.
    pub(crate) fn needs_compaction(&self, compaction: Compaction) -> bool {
        self.merge.is_some() || !self.garbage.is_empty() || self.due(compaction).is_some()
    }

    fn due(&self, compaction: Compaction) -> Option<Due> {
        match compaction {
            Compaction::UnderLoad => Due::under_load(&self.runs),
            Compaction::AtRest => Due::under_load(&self.runs).or_else(|| Due::at_rest(&self.runs)),
        }
    }

    /// Merges, or collects garbage, for a few milliseconds. A merge that fails is started again by a later call.
    pub(crate) fn compact(&mut self, compaction: Compaction) -> rusqlite::Result<()> {
        if let Some(run) = self.garbage.last().copied() {
            let transaction = self.connection.transaction()?;
            let is_collected = runs::collect_garbage(&transaction, run, STEP)?;
            transaction.commit()?;
            if is_collected {
                self.garbage.pop();
            }
            return Ok(());
        }
        let merge = match self.merge.take() {
            Some(merge) => merge,
            None => {
                let Some(due) = self.due(compaction) else {
                    return Ok(());
                };
                let output = self.new_run(due.kind);
                Merge::begin(&self.connection, &due.runs, output)?
            }
        };
        let output = merge.output();
        self.merge_on(merge)
            .inspect_err(|_| self.garbage.push(output))
    }

    /// Goes on with a merge for a step.
    fn merge_on(&mut self, mut merge: Merge) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        if !merge.go_on(&transaction, STEP)? {
            transaction.commit()?;
            self.merge = Some(merge);
            return Ok(());
        }
        let (inputs, output) = merge.finish(&transaction)?;
        transaction.commit()?;
        self.runs.retain(|run| !inputs.contains(&run.number()));
        self.runs.extend(output);
        self.garbage.extend(inputs);
        Ok(())
    }

    /// Cursors over all names of the file, for [`IndexFile::next_names`].
    pub(crate) fn names(&self) -> Vec<ForwardCursor> {
        let of_names = self.runs.iter().filter(|run| run.kind == Kind::Names);
        of_names.map(ForwardCursor::of).collect()
    }

    /// The names of the next block of these cursors; `None` at the end of all.
    pub(crate) fn next_names(
        &self,
        cursors: &mut Vec<ForwardCursor>,
    ) -> rusqlite::Result<Option<Vec<NameHash>>> {
        while let Some(cursor) = cursors.last_mut() {
            if let Some(block) = cursor.next_block(&self.connection)? {
                return Ok(Some(runs::names_of(block).collect()));
            }
            cursors.pop();
        }
        Ok(None)
    }

    /// The file holds all that it should: it may be used, also by the next process.
    pub(crate) fn mark_complete(&self) -> rusqlite::Result<()> {
        self.connection
            .execute("UPDATE mark SET complete = 1", [])
            .map(drop)
    }
}

/// Writes a run of these entries.
fn write<const WIDTH: usize>(
    connection: &Connection,
    mut run: NewRun,
    entries: &[[u8; WIDTH]],
) -> rusqlite::Result<Option<Run>> {
    for entry in entries {
        run.push(connection, entry)?;
    }
    run.finish(connection)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use domain::OrderId;
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::{Compaction, IndexFile, Kind, Run, STEP};
    use crate::folder::DataFolder;
    use crate::index::memtable::{IndexVersion, Memtable, Segment};
    use crate::index::names::{NameHash, UserHash};
    use crate::index::reader::{ALL, IndexReader};

    const STORE: &[u8] = b"the store";

    /// An index file in a folder of its own.
    struct Made {
        directory: TempDir,
        folder: Arc<DataFolder>,
        file: IndexFile,
        version: IndexVersion,
    }

    fn made() -> Made {
        let directory = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::lock(directory.path()).unwrap());
        let file = IndexFile::create(&folder.index(1), STORE).unwrap();
        file.mark_complete().unwrap();
        let (_, version) = Memtable::new(1, 0, 1).of_user(UserHash(0));
        Made {
            directory,
            folder,
            file,
            version,
        }
    }

    impl Made {
        fn reader(&self) -> IndexReader {
            IndexReader::new(Arc::clone(&self.folder))
        }

        /// As after a crash: nothing is known but what is in the file.
        fn open_again(&mut self) {
            let path = self.directory.path().join("index-1.db");
            self.file = IndexFile::open(&path, STORE, u64::MAX).unwrap().unwrap();
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
    }

    fn id(number: u64) -> OrderId {
        // Spread like the random bits of an id, so that batches overlap in time.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        OrderId::from_bytes((u128::from(mixed) << 64 | u128::from(number)).to_be_bytes())
    }

    fn name(number: u64) -> NameHash {
        let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        NameHash(mixed.to_be_bytes())
    }

    /// So many orders, of one user in `users` each, every third with a name.
    fn segment(first: u64, count: u64, users: i64) -> Segment {
        let mut segment = Segment {
            through: first + count,
            ..Segment::default()
        };
        for number in first..first + count {
            let user = number.cast_signed() * 31 % users - users / 2;
            segment.push(UserHash(user), id(number));
            if number.is_multiple_of(3) {
                segment.names.insert(name(number), id(number));
            }
        }
        segment
    }

    fn listed(
        reader: &mut IndexReader,
        version: IndexVersion,
        user: UserHash,
        stretch: (&[u8], &[u8]),
        at_most: usize,
    ) -> Vec<OrderId> {
        let mut found = Vec::new();
        let visit = |id| {
            found.push(id);
            Ok(found.len() < at_most)
        };
        reader.of_user(version, user, stretch, visit).unwrap();
        reader.end_snapshot().unwrap();
        found
    }

    /// What is done with the file between two looks at it.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Add(u64),
        Compact(usize, Compaction),
        OpenAgain,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u64..900).prop_map(Step::Add),
            3 => (1_usize..6).prop_map(|times| Step::Compact(times, Compaction::UnderLoad)),
            1 => (1_usize..6).prop_map(|times| Step::Compact(times, Compaction::AtRest)),
            1 => Just(Step::OpenAgain),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever was added, merged or left half merged by a crash: lists and names are those of a sorted model.
        #[test]
        fn lists_and_names_are_those_of_a_sorted_model(
            steps in prop::collection::vec(step(), 1..40),
            users in 1_i64..6,
            cut in (any::<u64>(), any::<u64>()),
            at_most in 1_usize..50,
        ) {
            let mut made = made();
            let mut reader = made.reader();
            let mut model: BTreeMap<i64, BTreeSet<OrderId>> = BTreeMap::new();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Add(count) => {
                        let segment = segment(next, count, users);
                        next += count;
                        made.file.add(&segment).unwrap();
                        for (user, id) in segment.by_user() {
                            model.entry(user.0).or_default().insert(id);
                        }
                    }
                    Step::Compact(times, compaction) => {
                        for _ in 0..times {
                            made.file.compact(compaction).unwrap();
                        }
                    }
                    Step::OpenAgain => made.open_again(),
                }
                let (a, b) = (id(cut.0 % (next + 1)), id(cut.1 % (next + 1)));
                let (from, to) = (a.min(b), a.max(b));
                for user in -users..=users {
                    let of_user = model.entry(user).or_default();
                    let all = listed(&mut reader, made.version, UserHash(user), ALL, usize::MAX);
                    prop_assert!(all.iter().eq(of_user.iter().rev()));
                    let stretch = (from.as_bytes().as_slice(), to.as_bytes().as_slice());
                    let some = listed(&mut reader, made.version, UserHash(user), stretch, at_most);
                    let expected = of_user.range(from..to).rev().take(at_most);
                    prop_assert!(some.iter().eq(expected));
                }
            }
            for number in 0..next + 2 {
                let expected = (number < next && number % 3 == 0).then(|| id(number));
                let found = reader.named(made.version, name(number), |id| Ok(Some(id)));
                prop_assert_eq!(found.unwrap().unwrap(), expected);
            }
            made.compact_all(Compaction::AtRest);
            let mut names = 0;
            let mut cursors = made.file.names();
            while let Some(found) = made.file.next_names(&mut cursors).unwrap() {
                names += found.len() as u64;
            }
            prop_assert_eq!(names, next.div_ceil(3));
        }
    }

    #[test]
    fn a_lookup_in_progress_sees_its_runs_while_they_are_merged_and_removed() {
        let mut made = made();
        for batch in 0..4 {
            made.file.add(&segment(batch * 2_000, 2_000, 1)).unwrap();
        }
        let (mut reader, version) = (made.reader(), made.version);
        let (mut found, mut last) = (0, None);
        let visit = |id| {
            if found == 10 {
                made.compact_all(Compaction::UnderLoad);
            }
            found += 1;
            assert!(last.is_none_or(|last| id < last));
            last = Some(id);
            Ok(true)
        };
        reader.of_user(version, UserHash(0), ALL, visit).unwrap();
        assert_eq!(found, 8_000);
        assert_eq!(made.file.runs.len(), 2, "of lists and of names");
    }

    /// However often is added, there are few runs, and nothing is left of those that were merged.
    #[test]
    fn runs_are_few_and_their_blocks_are_full() {
        let mut made = made();
        for batch in 0..100 {
            made.file.add(&segment(batch * 700, 700, 50)).unwrap();
            made.file.compact(Compaction::UnderLoad).unwrap();
        }
        made.compact_all(Compaction::UnderLoad);
        // Three of each tier and kind at most: 70,000 orders are of two or three tiers.
        assert!(made.file.runs.len() <= 18, "{} runs", made.file.runs.len());
        assert_eq!(made.count("runs"), made.file.runs.len() as u64);
        assert_eq!(made.count("blocks"), made.count("block_index"));
        let full = 70_000_u64.div_ceil(336) + 70_000_u64.div_ceil(3).div_ceil(252);
        let runs = made.count("runs");
        let blocks = made.count("blocks");
        assert!(blocks <= full + runs, "{blocks} blocks, {full} full ones");
        made.compact_all(Compaction::AtRest);
        for kind in [Kind::Lists, Kind::Names] {
            let of_kind = made.file.runs.iter().filter(|run| run.kind == kind);
            let mut sizes: Vec<_> = of_kind.map(Run::entries).collect();
            sizes.sort_unstable();
            assert!(sizes.is_sorted_by(|a, b| 4 * a <= *b), "{sizes:?}");
        }
        assert_eq!(made.count("blocks"), made.count("block_index"));
    }

    #[test]
    fn the_blocks_of_an_unfinished_merge_are_removed() {
        let mut made = made();
        for batch in 0..4 {
            made.file.add(&segment(batch * 10_000, 10_000, 50)).unwrap();
        }
        let before = made.count("blocks");
        made.file.compact(Compaction::UnderLoad).unwrap();
        assert_eq!(made.count("blocks"), before + STEP as u64, "it has begun");
        made.open_again();
        assert_eq!(made.file.garbage.len(), 1);
        made.compact_all(Compaction::UnderLoad);
        assert_eq!(made.file.runs.len(), 2);
        assert_eq!(made.count("blocks"), made.count("block_index"));
        assert!(made.count("blocks") <= before, "nothing is left over");
    }
}
