//! Compaction of the index file: merges runs and removes the blocks of merged runs, in steps of a few milliseconds. The
//! indexer calls it between two flushes.

use super::file::IndexFile;
use super::runs::{self, Due, Merge, NewRun};

/// The blocks that one step writes or removes: a few milliseconds of work.
pub(super) const STEP: usize = 64;

/// Which runs a compaction merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compaction {
    /// Runs that must be merged while orders arrive.
    UnderLoad,
    /// Also runs whose merge only makes lookups faster, while no orders arrive.
    AtRest,
}

impl IndexFile {
    /// Whether there are runs to merge, or garbage to collect.
    pub(crate) fn needs_compaction(&self, compaction: Compaction) -> bool {
        self.merge.is_some() || !self.garbage.is_empty() || self.due(compaction).is_some()
    }

    fn due(&self, compaction: Compaction) -> Option<Due> {
        let runs = &self.manifest.runs;
        match compaction {
            Compaction::UnderLoad => Due::under_load(runs),
            Compaction::AtRest => Due::under_load(runs).or_else(|| Due::at_rest(runs)),
        }
    }

    /// Runs one step: continues a merge or collects garbage. A merge that fails is started again by a later call.
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
                let output = NewRun::new(runs::random_number(&self.connection)?, due.kind);
                Merge::begin(&self.connection, &due.runs, output)?
            }
        };
        let output = merge.output();
        self.merge_step(merge)
            .inspect_err(|_| self.garbage.push(output))
    }

    /// Continues a merge for one step, and adds its run to the manifest once it is finished.
    fn merge_step(&mut self, mut merge: Merge) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        if !merge.advance(&transaction, STEP)? {
            transaction.commit()?;
            self.merge = Some(merge);
            return Ok(());
        }
        let (inputs, output) = merge.finish(&transaction)?;
        let mut manifest = self.manifest.clone();
        manifest.runs.retain(|run| !inputs.contains(&run.number()));
        manifest.runs.extend(output);
        manifest.write(&transaction)?;
        transaction.commit()?;
        self.manifest = manifest;
        self.garbage.extend(inputs);
        Ok(())
    }
}
