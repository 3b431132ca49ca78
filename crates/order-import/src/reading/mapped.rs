//! Files whose columns a mapping names.

use std::sync::Arc;

use super::error::ImportError;
use super::progress::Progress;
use super::source_file::SourceFile;
use super::{Inputs, Item, Sink};
use crate::files::{OrderFile, RowReader};
use crate::mapping::{Fate, Mapping, RowOrder};
use crate::orders::{
    Assembler, Bound, Checker, FirstPass, Misfit, OrderNumbers, Outcome, Plan, RunKeys, Shared,
    Stop,
};

/// Files and their mapping.
pub struct MappedFiles<'m> {
    mapping: &'m Mapping,
    files: Vec<SourceFile>,
}

impl<'m> MappedFiles<'m> {
    /// Opens all files and finds the mapping's columns in each heading.
    ///
    /// # Errors
    /// The first file that cannot be opened, or whose heading lacks columns.
    pub fn open(mapping: &'m Mapping, inputs: &Inputs) -> Result<Self, ImportError> {
        Self::of_sources(mapping, SourceFile::open_all(inputs, &mapping.layout)?)
    }

    /// Files that are open already.
    ///
    /// # Errors
    /// As [`MappedFiles::open`].
    pub fn of_open(mapping: &'m Mapping, files: Vec<OrderFile>) -> Result<Self, ImportError> {
        let files = files.into_iter().map(SourceFile::Open).collect();
        Self::of_sources(mapping, files)
    }

    fn of_sources(mapping: &'m Mapping, files: Vec<SourceFile>) -> Result<Self, ImportError> {
        for file in &files {
            file.with(|file| Self::begin(mapping, file).map(|_| ()))?;
        }
        Ok(Self { mapping, files })
    }

    /// Bytes of one pass over all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(SourceFile::size).sum()
    }

    /// Finds the orders whose rows are apart. Mappings in which each row is an order need no pass.
    ///
    /// # Errors
    /// If a file cannot be read, or there are too many orders.
    pub fn first_pass(&self, progress: &Progress) -> Result<OrderNumbers, ImportError> {
        if self.mapping.grouping().is_none() {
            return Ok(OrderNumbers::default());
        }
        let mut pass = FirstPass::new(self.files.len());
        self.each_file(progress, |_, file, mut rows, bound, ahead| {
            while let Some(row) = rows.next()? {
                let counts = row.broken.is_some() || bound.counts(&row);
                progress.add_row(counts);
                progress.set_bytes(ahead + rows.bytes_read());
                if !counts {
                    continue;
                }
                let name = match &row.broken {
                    None => bound.name(&row),
                    Some(broken) => match bound.broken_name(&row, broken.trusted_cells) {
                        (name, true) => name,
                        (_, false) if self.mapping.rows == RowOrder::Anywhere => {
                            return Err(ImportError::Stop(Stop::RowOfAnyOrder {
                                file: Arc::clone(file),
                                row: row.number,
                                reason: broken.reason.clone(),
                            }));
                        }
                        (_, false) => continue,
                    },
                };
                pass.row(&name, bound.named_cells(&row))?;
            }
            pass.end_file();
            Ok(())
        })?;
        Ok(pass.finish())
    }

    /// Reads all orders. `default_fate` is for a mapping without `[status]`.
    ///
    /// # Errors
    /// If a file cannot be read to its end, or `sink` wants no more. What was read before is handed out all the same,
    /// except for the order whose rows were coming in: it may miss lines.
    pub fn read(
        &self,
        numbers: &mut OrderNumbers,
        keys: RunKeys,
        default_fate: Fate,
        progress: &Progress,
        sink: &mut Sink<'_>,
    ) -> Result<(), ImportError> {
        numbers.forget_counts();
        let mut shared = Shared {
            plan: Plan::new(self.mapping),
            checker: Checker::new(self.mapping, default_fate),
            keys,
            numbers,
            file_names: self.files.iter().map(SourceFile::name).collect(),
            row_order: self.mapping.rows,
        };
        let mut outcomes = Vec::new();
        let mut is_empty = vec![true; self.files.len()];
        self.each_file(progress, |index, _, mut rows, bound, ahead| {
            is_empty[index] = false;
            let mut assembler = Assembler::new(&mut shared, bound, index);
            while let Some(row) = rows.next()? {
                let counts = assembler.push(&row, &mut outcomes)?;
                progress.add_row(counts);
                progress.set_bytes(ahead + rows.bytes_read());
                hand_out(&mut outcomes, sink)?;
            }
            assembler.finish(&mut outcomes)?;
            hand_out(&mut outcomes, sink)
        })?;
        for (file, is_empty) in self.files.iter().zip(is_empty) {
            if is_empty && !sink(Item::EmptyFile(file.name())) {
                return Err(ImportError::Stopped);
            }
        }
        Ok(())
    }

    /// Calls `with` for each file that is not empty, with the bytes of the files before it.
    fn each_file(
        &self,
        progress: &Progress,
        mut with: impl FnMut(usize, &Arc<str>, RowReader, Bound<'m>, u64) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut ahead = 0;
        for (index, source) in self.files.iter().enumerate() {
            source.with(|file| match Self::begin(self.mapping, file)? {
                Some((rows, bound)) => with(index, file.name(), rows, bound, ahead),
                None => Ok(()),
            })?;
            ahead += source.size();
            progress.set_bytes(ahead);
        }
        Ok(())
    }

    fn begin(
        mapping: &'m Mapping,
        file: &OrderFile,
    ) -> Result<Option<(RowReader, Bound<'m>)>, ImportError> {
        let Some(rows) = file.rows(mapping.columns())? else {
            return Ok(None);
        };
        let name = || Arc::clone(file.name());
        match Bound::new(mapping, rows.columns()) {
            Ok(bound) => Ok(Some((rows, bound))),
            Err(Misfit::Missing(_)) => Err(ImportError::Columns {
                diagnosis: Box::new(file.diagnose(mapping.columns())),
                file: name(),
            }),
            Err(Misfit::Twice(column)) => Err(ImportError::ColumnTwice {
                file: name(),
                column,
            }),
        }
    }
}

fn hand_out(outcomes: &mut Vec<Outcome>, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    for outcome in outcomes.drain(..) {
        let item = match outcome {
            Outcome::Ready(ready) => Item::Order(ready),
            Outcome::Refused(refused) => Item::Refused(refused),
            Outcome::Skipped => Item::Skipped,
        };
        if !sink(item) {
            return Err(ImportError::Stopped);
        }
    }
    Ok(())
}
