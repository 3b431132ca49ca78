//! Rows of one file into orders. Rows that share a number are one order. An order is taken whole or refused whole: with a
//! faulty row, beside a row that cannot be read and may belong to it, or if its rows are apart and the mapping does not
//! ask for rows from anywhere.

use std::collections::HashMap;
use std::sync::Arc;

use super::cells::Bound;
use super::check::{Checker, Outcome};
use super::columns::name_of;
use super::group::Group;
use super::order_numbers::{Lie, OrderNumbers};
use super::plan::Plan;
use super::refusal::{OrderFaults, Refused};
use super::stop::Stop;
use crate::files::Row;
use crate::mapping::RowOrder;

/// The most unreadable rows between two orders that are weighed against both; more are reported alone.
const MAX_DOUBTS: usize = 1000;
/// The most bytes of orders that wait for their other rows.
const MAX_HELD_BYTES: usize = 256 * 1024 * 1024;

/// Keys for orders that have no name of their own: another one each, and others in each run.
#[derive(Debug, Clone)]
pub struct RunKeys {
    run: u64,
    given: u64,
}

impl RunKeys {
    /// Those of the run with this random number.
    pub const fn of(run: u64) -> Self {
        Self { run, given: 0 }
    }

    /// The next one.
    pub fn next_key(&mut self) -> String {
        self.given += 1;
        format!("import-{:016x}-{}", self.run, self.given)
    }
}

/// What all files of a run share.
pub struct Shared<'m, 'n> {
    /// The fields of an order.
    pub plan: Plan<'m>,
    /// Checks orders.
    pub checker: Checker<'m>,
    /// Keys of orders without a name.
    pub keys: RunKeys,
    /// Which orders' rows are apart.
    pub numbers: &'n mut OrderNumbers,
    /// The names of all files, by their index.
    pub file_names: Vec<Arc<str>>,
    /// How an order's rows lie in a file.
    pub row_order: RowOrder,
}

/// Makes orders of the rows of one file.
pub struct Assembler<'s, 'm, 'n> {
    shared: &'s mut Shared<'m, 'n>,
    bound: Bound<'m>,
    file: usize,
    file_name: Arc<str>,
    open: Option<Open>,
    waiting: HashMap<String, Open>,
    held_bytes: usize,
    /// Unreadable rows since the last good one, whose order is not known.
    doubts: Vec<u64>,
}

/// An order whose rows are coming in.
struct Open {
    group: Group,
    /// Runs of rows that are still to come after this one.
    runs_left: u32,
    /// Why the order is refused for the position of its rows.
    misplaced: Option<Misplaced>,
}

/// An order whose rows are apart, or in two files.
struct Misplaced {
    code: &'static str,
    reason: String,
    /// Whether an earlier run of its rows was refused already.
    is_counted: bool,
}

impl<'s, 'm, 'n> Assembler<'s, 'm, 'n> {
    /// An assembler for the file with this index.
    pub fn new(shared: &'s mut Shared<'m, 'n>, bound: Bound<'m>, file: usize) -> Self {
        let name = shared.file_names.get(file);
        Self {
            file_name: name.map_or_else(|| Arc::from(""), Arc::clone),
            shared,
            bound,
            file,
            open: None,
            waiting: HashMap::new(),
            held_bytes: 0,
            doubts: Vec::new(),
        }
    }

    /// Takes the next row; false if the mapping's filters leave it out.
    ///
    /// # Errors
    /// If too many rows wait for others of their order, or an unreadable row may belong to any order.
    pub fn push(&mut self, row: &Row, out: &mut Vec<Outcome>) -> Result<bool, Stop> {
        if row.broken.is_some() {
            self.push_broken(row, out)?;
            return Ok(true);
        }
        if !self.bound.counts(row) {
            return Ok(false);
        }
        let name = self.bound.name(row);
        self.enter(name, row.number, out)?;
        let Some(open) = &mut self.open else {
            return Ok(true);
        };
        if let Some(misplaced) = &open.misplaced {
            let grouping = self.bound.mapping.grouping();
            let column = name_of(self.bound.mapping, grouping.map(|(field, _)| field));
            let faults = &mut open.group.faults;
            faults.add(row.number, column, misplaced.code, &*misplaced.reason);
        } else {
            open.group.push(row, &self.bound, &self.shared.plan);
        }
        Ok(true)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`Assembler::push`].
    pub fn finish(mut self, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        self.close(out)?;
        // Only a file that was changed since the first pass leaves orders whose other rows never come.
        for (_, mut open) in std::mem::take(&mut self.waiting) {
            let reason = "some rows of the order are gone: the file was changed while it was read";
            let row = open.group.first_row;
            open.group.faults.add(row, "", "file_changed", reason);
            out.push(refused(open.group.faults, false));
        }
        Ok(())
    }

    fn push_broken(&mut self, row: &Row, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        let Some(broken) = &row.broken else {
            return Ok(());
        };
        let (name, is_certain) = self.bound.broken_name(row, broken.trusted_cells);
        let is_of_open = !name.is_empty()
            && self
                .open
                .as_ref()
                .is_some_and(|open| name == open.group.name);
        if is_certain || is_of_open {
            self.enter(name, row.number, out)?;
            if let Some(open) = &mut self.open {
                let group = &mut open.group;
                group.push_broken(row.number, broken.code, &broken.reason);
            }
            return Ok(());
        }
        if self.shared.row_order == RowOrder::Anywhere {
            return Err(Stop::RowOfAnyOrder {
                file: Arc::clone(&self.file_name),
                row: row.number,
                reason: broken.reason.clone(),
            });
        }
        let mut faults = OrderFaults::new(Arc::clone(&self.file_name), String::new());
        faults.add(row.number, "", broken.code, &*broken.reason);
        out.push(refused(faults, false));
        // If each row is an order, an unreadable one belongs to no other.
        let may_be_anothers = self.bound.mapping.grouping().is_some();
        if may_be_anothers && self.doubts.len() < MAX_DOUBTS {
            self.doubts.push(row.number);
        }
        Ok(())
    }

    /// Makes the order of a row the open one.
    fn enter(&mut self, name: String, row: u64, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        // A row without a name is an order of its own; if it ought to have one, its check refuses it.
        let is_open = !name.is_empty()
            && self
                .open
                .as_ref()
                .is_some_and(|open| open.group.name == name);
        if !is_open {
            self.close(out)?;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin(name, row),
        };
        let open = self.open.insert(open);
        refuse_beside(&mut open.group, &self.doubts);
        self.doubts.clear();
        Ok(())
    }

    fn begin(&mut self, name: String, row: u64) -> Open {
        if let Some(waiting) = self.waiting.remove(&name) {
            self.held_bytes = self.held_bytes.saturating_sub(waiting.group.bytes());
            return waiting;
        }
        let numbers = &mut *self.shared.numbers;
        let lie = if name.is_empty() {
            Lie::Together
        } else {
            numbers.lie(self.file, &name)
        };
        let (runs_left, fault) = match lie {
            Lie::Together => (0, None),
            Lie::Apart { runs } if self.shared.row_order == RowOrder::Anywhere => {
                (runs.saturating_sub(1), None)
            }
            Lie::Apart { .. } => {
                let reason = "is the number of an order whose rows are apart: it comes again after another order; sort the file \
                              by it, or set rows = \"anywhere\" in the mapping";
                (0, Some(("rows_apart", reason.to_owned())))
            }
            Lie::Split { other_file } => {
                let other = self.shared.file_names.get(other_file);
                let reason = format!(
                    "is the number of an order that {} has too, with other rows: an order's rows must be in one file",
                    other.map_or("another file", |name| name)
                );
                (0, Some(("in_two_files", reason)))
            }
        };
        let misplaced = fault.map(|(code, reason)| Misplaced {
            code,
            reason,
            is_counted: !numbers.count(self.file, &name),
        });
        Open {
            group: Group::new(name, &self.file_name, row, &self.shared.plan),
            runs_left,
            misplaced,
        }
    }

    fn close(&mut self, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        refuse_beside(&mut open.group, &self.doubts);
        if let Some(misplaced) = &open.misplaced {
            out.push(refused(open.group.faults, misplaced.is_counted));
            return Ok(());
        }
        if open.runs_left == 0 {
            let key = self.shared.keys.next_key();
            let (checker, plan) = (&mut self.shared.checker, &self.shared.plan);
            out.push(checker.finish(open.group, plan, key));
            return Ok(());
        }
        open.runs_left -= 1;
        self.held_bytes += open.group.bytes();
        if self.held_bytes > MAX_HELD_BYTES {
            return Err(Stop::TooMuchHeld {
                file: Arc::clone(&self.file_name),
                row: open.group.first_row,
                limit: MAX_HELD_BYTES,
            });
        }
        self.waiting.insert(open.group.name.clone(), open);
        Ok(())
    }
}

fn refused(faults: OrderFaults, is_counted: bool) -> Outcome {
    Outcome::Refused(Refused {
        refusals: faults.finish(),
        is_counted,
    })
}

fn refuse_beside(group: &mut Group, doubts: &[u64]) {
    for row in doubts {
        let reason = "this row cannot be read and may belong to the order";
        group.faults.add(*row, "", "broken_row", reason);
    }
}
