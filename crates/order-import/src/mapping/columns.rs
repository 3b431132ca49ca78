//! The columns that a mapping names, each once, so that a field refers to one by its number and a file finds each by its
//! name a single time. The parsers of fields fill it.

/// A column that the mapping names: an index into [`ColumnNames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnRef(usize);

impl ColumnRef {
    /// The index into the mapping's column names.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// All columns that a mapping names, in the order in which they are first named.
#[derive(Debug, Default)]
pub struct ColumnNames(Vec<String>);

impl ColumnNames {
    /// The reference of a column; the same name has the same one.
    pub fn intern(&mut self, name: &str) -> ColumnRef {
        let name = name.trim();
        let index = self.0.iter().position(|own| own == name);
        ColumnRef(index.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        }))
    }

    /// The name of a column.
    pub fn name(&self, column: ColumnRef) -> &str {
        &self.0[column.0]
    }

    /// All names.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}
