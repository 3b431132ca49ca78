//! All that `suggest` has found out about a file, for the sections that are written of it.

use super::guess::Guess;
use super::orders::Check;
use super::probe::Sample;
use super::values::Values;

/// All that is known of a file.
pub struct Known<'s> {
    /// Its heading and first rows.
    pub sample: &'s Sample,
    /// Which column is what.
    pub guess: Guess,
    /// How it writes numbers.
    pub values: Values,
    /// How its columns add up.
    pub check: Check,
}

impl Known<'_> {
    /// The name of a column.
    pub fn name(&self, column: usize) -> &str {
        &self.sample.columns[column]
    }

    /// The cells of a column that are not blank.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        let rows = self.sample.rows.iter();
        rows.map(move |row| row[column].trim())
            .filter(|cell| !self.values.is_blank(cell))
    }
}
