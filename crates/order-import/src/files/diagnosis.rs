//! Why columns that a mapping names are not in the heading. `heading_trials` reads the first bytes of the file with other
//! settings; the one under which the most columns are there is the one that is wrong. Only if no setting helps are the
//! nearest column names suggested.

use std::fmt;
use std::sync::Arc;

use encoding_rs::UTF_8;

use super::FileLayout;
use super::encoding::{decode_all, encoding_of, names_of};
use super::heading::Plan;
use super::heading_trials::{Reading, encodings, heading_of, readings};
use super::nearest::nearest;
use super::sheet_rows::SheetRows;
use super::spreadsheet::Sheet;
use super::text_rows::FoundHeading;

/// How many rows are looked at for a heading below a preamble.
pub const ROWS: usize = 50;
/// How many first bytes are read with other settings.
pub const TRIED_BYTES: usize = 64 * 1024;

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
    /// The missing columns of `names` and their nearest ones among `columns`.
    pub(super) fn of_columns(names: &[&str], columns: &[String]) -> Self {
        let missing = missing(names, columns)
            .into_iter()
            .map(|name| NearestColumn {
                name: name.to_owned(),
                nearest: nearest(
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
            hint: None,
        }
    }

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

/// Why columns are missing from a text file that begins with `head`.
pub fn of_text(head: &[u8], layout: &FileLayout, names: &[&str]) -> Diagnosis {
    let plan = Plan::new(head, layout, names);
    let text = decode_all(&head[plan.bom_bytes..], plan.encoding);
    let columns = heading_of(&plan, &text, &layout.heading);
    let missing = missing(names, &columns);
    let mut best: Option<Reading> = None;
    for reading in encodings(head, &plan)
        .into_iter()
        .flat_map(|encoding| readings(head, layout, encoding, names))
    {
        let is_better = best.as_ref().is_none_or(|best| reading.rank > best.rank);
        let found = reading.rank.0;
        if is_better && is_convincing(found, &missing, names) {
            best = Some(reading);
        }
    }
    match best {
        Some(best) => best.explain(head, layout, &plan, &missing, names),
        None => Diagnosis {
            hint: hint(&text),
            ..Diagnosis::of_columns(names, &columns)
        },
    }
}

/// Whether a setting under which `found` of the names are columns is the one that is wrong, and not a coincidence.
const fn is_convincing(found: usize, missing: &[&str], names: &[&str]) -> bool {
    found + missing.len() > names.len() && found * 3 >= names.len()
}

/// Names of the heading that are enough to find it.
pub fn marks(names: &[&str], columns: &[String]) -> Vec<String> {
    let found = names
        .iter()
        .map(|name| name.trim())
        .filter(|name| columns.iter().any(|column| column == name));
    found.take(2).map(str::to_owned).collect()
}

/// What else may be wrong with a file whose columns no setting finds.
fn hint(text: &[u8]) -> Option<String> {
    let hint = if text.trim_ascii_start().starts_with(b"[") {
        "the file may be a JSON array: write one object a line instead"
    } else if text.contains(&0) {
        "the file holds NUL bytes: it is damaged, or no text"
    } else if std::str::from_utf8(text.get(..TRIED_BYTES.min(text.len()))?)
        .is_err_and(|error| error.error_len().is_some())
    {
        "the file has bytes that its encoding does not have: set encoding"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// Says if the first bytes are UTF-8 and are read as another encoding that keeps ASCII, or are not what they are read as.
pub fn encoding_doubt(head: &[u8], layout: &FileLayout) -> Option<String> {
    let (encoding, bom_bytes) = encoding_of(head, layout.encoding);
    let head = &head[bom_bytes..];
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // Cut off within a character.
        Err(error) => error.error_len().is_none() && head.len() - error.valid_up_to() < 4,
    };
    if head.contains(&0) || head.is_ascii() || is_utf8 == (encoding == UTF_8) {
        return None;
    }
    let (name, _) = names_of(encoding);
    if is_utf8 {
        return Some(format!(
            "is read as {name} and is valid UTF-8: set encoding = \"utf-8\" if letters look wrong"
        ));
    }
    Some("is read as UTF-8 and has other bytes: set encoding, for instance encoding = \"windows-1252\"".to_owned())
}

/// Why columns are missing from a sheet.
pub fn of_sheet(sheet: &Sheet, file: &Arc<str>, layout: &FileLayout, names: &[&str]) -> Diagnosis {
    let columns = match SheetRows::new(Arc::clone(file), &sheet.rows).find_heading(&layout.heading)
    {
        Ok(FoundHeading::Columns(columns)) => columns,
        _ => Vec::new(),
    };
    let absent = missing(names, &columns);
    let mut rows = SheetRows::new(Arc::clone(file), &sheet.rows);
    let mut best: Option<(usize, u64, Vec<String>)> = None;
    for _ in 0..ROWS {
        let Ok(Some(cells)) = rows.next_cells() else {
            break;
        };
        let found = names.len() - missing(names, &cells).len();
        if is_convincing(found, &absent, names) && best.as_ref().is_none_or(|best| found > best.0) {
            best = Some((found, rows.row(), cells));
        }
    }
    if let Some((_, row, cells)) = best {
        let marks = marks(names, &cells);
        let settings = vec![format!("header_contains = {marks:?}")];
        return Diagnosis::of_settings(
            &absent,
            vec![format!("the heading is in row {row}")],
            settings,
        );
    }
    let others: Vec<_> = sheet
        .others
        .iter()
        .take(10)
        .map(|name| format!("{name:?}"))
        .collect();
    let hint = (!others.is_empty()).then(|| {
        format!(
            "the sheet {:?} was read; set sheet for another one: {}",
            sheet.name,
            others.join(", ")
        )
    });
    Diagnosis {
        hint,
        ..Diagnosis::of_columns(names, &columns)
    }
}
