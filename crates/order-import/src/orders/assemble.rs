//! Rows of one file into orders. Rows that share a number are one order. An order is taken whole or refused whole: with a
//! faulty row, beside a row that cannot be read and may belong to it, or if its rows are apart and the mapping does not
//! ask for rows from anywhere.

use std::collections::HashMap;
use std::sync::Arc;

use super::cells::Bound;
use super::check::{Checker, Outcome};
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
pub const MAX_HELD_BYTES: usize = 256 * 1024 * 1024;

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
    pub fn next(&mut self) -> String {
        self.given += 1;
        format!("import-{:016x}-{}", self.run, self.given)
    }
}

/// What all files of a run share.
pub struct Shared<'m> {
    /// The fields of an order.
    pub plan: &'m Plan<'m>,
    /// Checks orders.
    pub checker: Checker<'m>,
    /// Keys of orders without a name.
    pub keys: RunKeys,
    /// Which orders' rows are apart.
    pub numbers: OrderNumbers,
    /// The names of all files, by their index.
    pub file_names: Vec<Arc<str>>,
}

/// Makes orders of the rows of one file.
pub struct Assembler<'s, 'm> {
    shared: &'s mut Shared<'m>,
    bound: Bound<'m>,
    file: usize,
    open: Option<Open>,
    waiting: HashMap<String, Open>,
    held_bytes: usize,
    max_held_bytes: usize,
    doubts: Vec<Doubt>,
}

/// An order whose rows are coming in.
struct Open {
    group: Group,
    /// Runs of rows that are still to come after this one.
    runs_left: u32,
    /// Whether it was refused for its rows being apart, by an earlier run of them already or not.
    refused_apart: Option<bool>,
}

/// An unreadable row since the last good one, whose order is not known.
struct Doubt {
    row: u64,
}

impl<'s, 'm> Assembler<'s, 'm> {
    /// An assembler for the file with this index.
    pub fn new(shared: &'s mut Shared<'m>, bound: Bound<'m>, file: usize) -> Self {
        Self {
            shared,
            bound,
            file,
            open: None,
            waiting: HashMap::new(),
            held_bytes: 0,
            max_held_bytes: MAX_HELD_BYTES,
            doubts: Vec::new(),
        }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// If too many rows wait for others of their order.
    pub fn push(&mut self, row: &Row, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        if row.broken.is_some() {
            return self.push_broken(row, out);
        }
        if !self.bound.counts(row) {
            return Ok(());
        }
        let name = self.bound.name(row);
        self.enter(name, row.number, out)?;
        if let Some(open) = &mut self.open
            && open.refused_apart.is_none()
        {
            open.group.push(row, &self.bound, self.shared.plan);
        } else if let Some(open) = &mut self.open {
            refuse_apart(&mut open.group, row.number);
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// As [`Assembler::push`].
    pub fn finish(mut self, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        self.close(out)
    }

    fn push_broken(&mut self, row: &Row, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        let Some(broken) = &row.broken else {
            return Ok(());
        };
        let (name, is_certain) = self.bound.broken_name(row, broken.trusted_cells);
        let is_of_open = self
            .open
            .as_ref()
            .is_some_and(|open| !open.group.name.is_empty() && name == open.group.name);
        if is_certain || is_of_open {
            self.enter(name, row.number, out)?;
            if let Some(open) = &mut self.open {
                open.group
                    .push_broken(row.number, broken.code, &broken.reason);
            }
            return Ok(());
        }
        if self.shared.rows_are_anywhere() {
            return Err(self.row_of_any_order(row, &broken.reason));
        }
        let mut faults = OrderFaults::new(self.file_name(), String::new());
        faults.add(row.number, "", broken.code, &*broken.reason);
        out.push(Outcome::Refused(Refused {
            refusals: faults.finish(),
            is_counted: false,
        }));
        // If each row is an order, an unreadable one belongs to no other.
        let may_be_anothers = self.bound.mapping.grouping().is_some();
        if may_be_anothers && self.doubts.len() < MAX_DOUBTS {
            self.doubts.push(Doubt { row: row.number });
        }
        Ok(())
    }

    /// Makes the order of a row the open one.
    fn enter(&mut self, name: String, row: u64, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        // A row without a name is an order of its own; if it ought to have one, its check refuses it.
        let continues = !name.is_empty()
            && self
                .open
                .as_ref()
                .is_some_and(|open| open.group.name == name);
        let doubts = std::mem::take(&mut self.doubts);
        if !continues {
            self.doubts = doubts;
            self.close(out)?;
            let doubts = std::mem::take(&mut self.doubts);
            let mut open = self.begin(name, row);
            refuse_beside(&mut open.group, &doubts);
            self.open = Some(open);
        } else if let Some(open) = &mut self.open {
            refuse_beside(&mut open.group, &doubts);
        }
        Ok(())
    }

    fn begin(&mut self, name: String, row: u64) -> Open {
        if let Some(waiting) = self.waiting.remove(&name) {
            self.held_bytes = self.held_bytes.saturating_sub(waiting.group.bytes());
            return waiting;
        }
        let lie = if name.is_empty() {
            Lie::Together
        } else {
            self.shared.numbers.lie(self.file, &name)
        };
        let file = self.file_name();
        let mut group = Group::new(name, &file, row, self.shared.plan);
        let mut runs_left = 0;
        let is_refused = match lie {
            Lie::Together => false,
            Lie::Apart { runs } if self.shared.rows_are_anywhere() => {
                runs_left = runs - 1;
                false
            }
            Lie::Apart { .. } => true,
            Lie::Split { other_file } => {
                let other = self.shared.file_names.get(other_file);
                let other = other.map_or("another file", |name| name);
                let reason = format!(
                    "is an order that {other} has too, with other rows; an order's rows must be in one file"
                );
                let field = self.bound.mapping.grouping().map(|(field, _)| field);
                let column = super::columns::name_of(self.bound.mapping, field);
                group.faults.add(row, column, "in_two_files", reason);
                true
            }
        };
        let refused_apart =
            is_refused.then(|| !self.shared.numbers.count(self.file, &group.name));
        Open {
            group,
            runs_left,
            refused_apart,
        }
    }

    fn close(&mut self, out: &mut Vec<Outcome>) -> Result<(), Stop> {
        let doubts = std::mem::take(&mut self.doubts);
        let Some(mut open) = self.open.take() else {
            self.doubts = doubts;
            return Ok(());
        };
        refuse_beside(&mut open.group, &doubts);
        self.doubts = doubts;
        if let Some(is_counted) = open.refused_apart {
            out.push(Outcome::Refused(Refused {
                refusals: open.group.faults.finish(),
                is_counted,
            }));
            return Ok(());
        }
        if open.runs_left > 0 {
            open.runs_left -= 1;
            self.held_bytes += open.group.bytes();
            if self.held_bytes > self.max_held_bytes {
                return Err(Stop::TooMuchHeld {
                    file: self.file_name(),
                    row: open.group.first_row,
                    limit: self.max_held_bytes,
                });
            }
            self.waiting.insert(open.group.name.clone(), open);
            return Ok(());
        }
        let key = self.shared.keys.next();
        let outcome = self
            .shared
            .checker
            .finish(open.group, self.shared.plan, key);
        out.push(outcome);
        Ok(())
    }

    fn file_name(&self) -> Arc<str> {
        let name = self.shared.file_names.get(self.file);
        name.map_or_else(|| Arc::from(""), Arc::clone)
    }

    fn row_of_any_order(&self, row: &Row, reason: &str) -> Stop {
        Stop::RowOfAnyOrder {
            file: self.file_name(),
            row: row.number,
            reason: reason.to_owned(),
        }
    }
}

impl Shared<'_> {
    fn rows_are_anywhere(&self) -> bool {
        self.checker.mapping().rows == RowOrder::Anywhere
    }
}

fn refuse_beside(group: &mut Group, doubts: &[Doubt]) {
    for doubt in doubts {
        let reason = "this row cannot be read and may belong to the order";
        group.faults.add(doubt.row, "", "broken_row", reason);
    }
}

fn refuse_apart(group: &mut Group, row: u64) {
    if group.faults.has_code("in_two_files") {
        return;
    }
    let reason = "belongs to an order whose rows are apart: its number comes again after another order; sort the file by \
                  the number, or set rows = \"anywhere\" in the mapping";
    group.faults.add(row, "", "rows_apart", reason);
}
