//! Why columns that a mapping names are not in the heading: the answer, and its text. `diagnose` finds it out; errors carry
//! it.

use std::fmt;

use order_json::nearest_name;

/// Why columns are missing. Its text follows the name of the file: "has no column ...".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    missing: Vec<NearestColumn>,
    reasons: Vec<String>,
    settings: Vec<String>,
    hint: Option<String>,
}

/// A column that is not in the heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearestColumn {
    /// As the mapping names it.
    pub name: String,
    /// The column that it may have been meant to be, if no setting is wrong.
    pub nearest: Option<String>,
}

impl Diagnosis {
    /// The missing columns of `names` and their nearest ones among `columns`; `hint` says what else may be wrong.
    pub(super) fn of_columns(names: &[&str], columns: &[String], hint: Option<String>) -> Self {
        let missing = missing(names, columns)
            .into_iter()
            .map(|name| NearestColumn {
                name: name.to_owned(),
                nearest: nearest_name(
                    name,
                    columns
                        .iter()
                        .map(String::as_str)
                        .filter(|column| !column.is_empty()),
                )
                .map(str::to_owned),
            });
        Self {
            missing: missing.collect(),
            reasons: Vec::new(),
            settings: Vec::new(),
            hint,
        }
    }

    /// The missing columns, and the settings under which they would be there, with the reason for each.
    pub(super) fn of_settings(
        missing: &[&str],
        reasons: Vec<String>,
        settings: Vec<String>,
    ) -> Self {
        let missing = missing.iter().map(|name| NearestColumn {
            name: (*name).to_owned(),
            nearest: None,
        });
        Self {
            missing: missing.collect(),
            reasons,
            settings,
            hint: None,
        }
    }

    /// The columns that are not in the heading as the layout reads it.
    pub fn missing(&self) -> &[NearestColumn] {
        &self.missing
    }

    /// The settings that make the columns appear, as they are written in a mapping: `delimiter = ";"`. None if no
    /// setting helps.
    pub fn settings(&self) -> &[String] {
        &self.settings
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        let names = self
            .missing
            .iter()
            .take(SHOWN)
            .map(|column| format!("{:?}", column.name));
        let names = names.collect::<Vec<_>>().join(", ");
        let more = self.missing.len().saturating_sub(SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let columns = if self.missing.len() == 1 {
            "column"
        } else {
            "columns"
        };
        write!(f, "has no {columns} {names}{more}")?;
        if !self.settings.is_empty() {
            return write!(
                f,
                "; {}: set {}",
                self.reasons.join(", and "),
                self.settings.join(" and ")
            );
        }
        let suggested = self.missing.iter().take(SHOWN).filter_map(|column| {
            column
                .nearest
                .as_ref()
                .map(|nearest| format!("{nearest:?} instead of {:?}", column.name))
        });
        let suggested: Vec<_> = suggested.collect();
        if !suggested.is_empty() {
            write!(f, "; did you mean {}?", suggested.join(", "))?;
        }
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Which of `names` are no columns.
pub fn missing<'n>(names: &[&'n str], columns: &[String]) -> Vec<&'n str> {
    names
        .iter()
        .copied()
        .filter(|name| !columns.iter().any(|column| column == name.trim()))
        .collect()
}

/// Names of the heading that are enough to find it.
pub fn marks(names: &[&str], columns: &[String]) -> Vec<String> {
    let found = names
        .iter()
        .map(|name| name.trim())
        .filter(|name| columns.iter().any(|column| column == name));
    found.take(2).map(str::to_owned).collect()
}
