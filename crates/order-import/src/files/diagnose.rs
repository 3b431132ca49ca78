//! Finds out why columns that a mapping names are not in the heading. `heading_trials` reads the first bytes of the file with
//! other settings; the one under which the most columns are there is the one that is wrong. Only if no setting helps are
//! the nearest column names suggested.

use std::sync::Arc;

use encoding_rs::UTF_8;

use super::FileLayout;
use super::diagnosis::{Diagnosis, marks, missing};
use super::encoding::{decode_all, encoding_of, names_of};
use super::heading::Plan;
use super::heading_trials::{ROWS, Reading, TRIED_BYTES, encodings, heading_of, readings};
use super::sheet_rows::SheetRows;
use super::spreadsheet::Sheet;
use super::text_rows::FoundHeading;

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
        None => Diagnosis::of_columns(names, &columns, hint(&text)),
    }
}

/// Whether a setting under which `found` of the names are columns is the one that is wrong, and not a coincidence.
const fn is_convincing(found: usize, missing: &[&str], names: &[&str]) -> bool {
    found + missing.len() > names.len() && found * 3 >= names.len()
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
    Diagnosis::of_columns(names, &columns, hint)
}
