//! Which order numbers come again after another order, found in a first pass before anything is sent. The pass keeps a
//! 16-byte hash per run of rows with one number; if several files are read, also what the rows say, so that the same
//! order in two files is told from an order that is split over them.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use super::stop::Stop;

/// The most runs of rows that a first pass keeps.
pub const MAX_RUNS: usize = 20_000_000;

/// Hashes order numbers. Two keyed hashes of 64 bits, with keys of this process: two numbers of 20 million share one with
/// a probability of 10^-24, and no file can aim at it.
#[derive(Debug, Clone, Default)]
pub struct NumberHasher([RandomState; 2]);

impl NumberHasher {
    /// The hash of a number.
    pub fn hash(&self, number: &str) -> u128 {
        let [high, low] = self.0.each_ref().map(|state| {
            let mut hasher = state.build_hasher();
            hasher.write(number.as_bytes());
            u128::from(hasher.finish())
        });
        high << 64 | low
    }

    /// The hash of what was hashed so far and a row's cells.
    fn content<'c>(&self, before: u64, cells: impl Iterator<Item = &'c str>) -> u64 {
        let mut hasher = self.0[0].build_hasher();
        hasher.write_u64(before);
        for cell in cells {
            hasher.write_usize(cell.len());
            hasher.write(cell.as_bytes());
        }
        hasher.finish()
    }
}

/// The first pass over all files.
#[derive(Debug)]
pub struct FirstPass {
    hasher: NumberHasher,
    has_several_files: bool,
    max_runs: usize,
    /// Number and content of the run whose rows are coming in.
    open: Option<(u128, u64)>,
    runs: Vec<u128>,
    seen: Vec<Seen>,
    seen_before_file: usize,
    files: Vec<Vec<Apart>>,
}

/// An order of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    number: u128,
    file: u32,
    content: u64,
}

/// An order number that comes again after another order.
#[derive(Debug)]
struct Apart {
    number: u128,
    runs: u32,
    is_counted: bool,
}

/// An order number that two files have with different rows.
#[derive(Debug)]
struct Split {
    number: u128,
    files: [u32; 2],
    is_counted: bool,
}

/// What the first pass found.
#[derive(Debug, Default)]
pub struct OrderNumbers {
    hasher: NumberHasher,
    files: Vec<Vec<Apart>>,
    split: Vec<Split>,
}

/// How the rows of an order lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// All together.
    Together,
    /// In this many runs.
    Apart {
        /// How many.
        runs: u32,
    },
    /// The file with this index has other rows of it.
    Split {
        /// The other file.
        other_file: usize,
    },
}

impl FirstPass {
    /// A pass over this many files.
    pub fn new(files: usize) -> Self {
        Self::bounded(files, MAX_RUNS)
    }

    fn bounded(files: usize, max_runs: usize) -> Self {
        Self {
            hasher: NumberHasher::default(),
            has_several_files: files > 1,
            max_runs,
            open: None,
            runs: Vec::new(),
            seen: Vec::new(),
            seen_before_file: 0,
            files: Vec::new(),
        }
    }

    /// Takes the number and the cells of a row; an empty number is no order's.
    ///
    /// # Errors
    /// If there are too many orders.
    pub fn row<'c>(
        &mut self,
        number: &str,
        cells: impl Iterator<Item = &'c str>,
    ) -> Result<(), Stop> {
        if number.is_empty() {
            self.end_run();
            return Ok(());
        }
        let hash = self.hasher.hash(number);
        if self.open.is_none_or(|(open, _)| open != hash) {
            self.end_run();
            if self.runs.len().max(self.seen.len()) >= self.max_runs {
                return Err(Stop::TooManyOrders {
                    limit: self.max_runs,
                });
            }
            self.open = Some((hash, 0));
        }
        if self.has_several_files
            && let Some((_, content)) = &mut self.open
        {
            *content = self.hasher.content(*content, cells);
        }
        Ok(())
    }

    /// Ends a file.
    pub fn end_file(&mut self) {
        self.end_run();
        self.runs.sort_unstable();
        let apart = self.runs.chunk_by(|left, right| left == right);
        let apart = apart.filter(|runs| runs.len() > 1).map(|runs| Apart {
            number: runs[0],
            runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
            is_counted: false,
        });
        let mut apart: Vec<Apart> = apart.collect();
        apart.shrink_to_fit();
        self.files.push(apart);
        self.runs.clear();
        // Runs of one order count as one, whatever their order is.
        let own = &mut self.seen[self.seen_before_file..];
        own.sort_unstable();
        let merged: Vec<Seen> = own
            .chunk_by(|left, right| left.number == right.number)
            .map(|runs| Seen {
                content: runs
                    .iter()
                    .fold(0, |sum, run| u64::wrapping_add(sum, run.content)),
                ..runs[0]
            })
            .collect();
        self.seen.truncate(self.seen_before_file);
        self.seen.extend(merged);
        self.seen_before_file = self.seen.len();
    }

    /// Ends the pass.
    pub fn finish(mut self) -> OrderNumbers {
        self.seen.sort_unstable();
        let orders = self
            .seen
            .chunk_by(|left, right| left.number == right.number);
        let split = orders.filter_map(|files| {
            let first = files[0];
            let other = files.iter().find(|file| file.content != first.content)?;
            Some(Split {
                number: first.number,
                files: [first.file, other.file],
                is_counted: false,
            })
        });
        OrderNumbers {
            split: split.collect(),
            hasher: self.hasher,
            files: self.files,
        }
    }

    fn end_run(&mut self) {
        let Some((number, content)) = self.open.take() else {
            return;
        };
        self.runs.push(number);
        if self.has_several_files {
            let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
            self.seen.push(Seen {
                number,
                file,
                content,
            });
        }
    }
}

impl OrderNumbers {
    /// How the rows of an order of a file lie.
    pub fn lie(&self, file: usize, number: &str) -> Lie {
        let hash = self.hasher.hash(number);
        if let Some(index) = self.split_index(hash) {
            let [first, second] = self.split[index].files.map(|file| file as usize);
            let other_file = if file == first { second } else { first };
            return Lie::Split { other_file };
        }
        match self.apart_index(file, hash) {
            Some(index) => Lie::Apart {
                runs: self.files[file][index].runs,
            },
            None => Lie::Together,
        }
    }

    /// Whether an order whose rows do not lie together is met for the first time.
    pub fn count(&mut self, file: usize, number: &str) -> bool {
        let hash = self.hasher.hash(number);
        let is_counted = if let Some(index) = self.split_index(hash) {
            &mut self.split[index].is_counted
        } else if let Some(index) = self.apart_index(file, hash) {
            &mut self.files[file][index].is_counted
        } else {
            return true;
        };
        !std::mem::replace(is_counted, true)
    }

    /// Begins another pass, in which every order counts again.
    pub fn forget_counts(&mut self) {
        for split in &mut self.split {
            split.is_counted = false;
        }
        for apart in self.files.iter_mut().flatten() {
            apart.is_counted = false;
        }
    }

    fn split_index(&self, hash: u128) -> Option<usize> {
        self.split
            .binary_search_by_key(&hash, |split| split.number)
            .ok()
    }

    fn apart_index(&self, file: usize, hash: u128) -> Option<usize> {
        let apart = self.files.get(file)?;
        apart.binary_search_by_key(&hash, |own| own.number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{FirstPass, Lie, OrderNumbers};

    fn pass(files: &[&str]) -> OrderNumbers {
        let mut pass = FirstPass::new(files.len());
        for file in files {
            for row in file.split_whitespace() {
                pass.row(&row[..1], std::iter::once(&row[1..])).unwrap();
            }
            pass.end_file();
        }
        pass.finish()
    }

    #[test]
    fn a_number_that_comes_again_after_another_one_is_apart() {
        let mut numbers = pass(&["a1 a2 b1 a3 c1 b1 b2 b3"]);
        assert_eq!(numbers.lie(0, "a"), Lie::Apart { runs: 2 });
        assert_eq!(numbers.lie(0, "b"), Lie::Apart { runs: 2 });
        assert_eq!(numbers.lie(0, "c"), Lie::Together);
        assert!(numbers.count(0, "a") && !numbers.count(0, "a"));
        assert!(numbers.count(0, "b"));
    }

    #[test]
    fn an_order_in_two_files_is_split_unless_both_say_the_same() {
        let mut numbers = pass(&["a1 a2 b1", "b1 a1 c1", "c2"]);
        assert_eq!(numbers.lie(0, "a"), Lie::Split { other_file: 1 });
        assert_eq!(numbers.lie(1, "a"), Lie::Split { other_file: 0 });
        assert_eq!(numbers.lie(1, "b"), Lie::Together);
        assert_eq!(numbers.lie(2, "c"), Lie::Split { other_file: 1 });
        assert!(numbers.count(0, "a") && !numbers.count(1, "a"));
    }

    #[test]
    fn runs_are_bounded() {
        let mut pass = FirstPass::bounded(1, 2);
        let none = std::iter::empty;
        assert!(pass.row("a", none()).is_ok());
        assert!(pass.row("b", none()).is_ok());
        let stop = pass.row("c", none()).unwrap_err().to_string();
        assert!(stop.contains("more than 2 orders"), "{stop}");
    }
}
