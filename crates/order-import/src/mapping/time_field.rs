//! A time's field: its columns, formats and zones. `[order]` uses it for `created_at` and `process_after`.

use super::columns::ColumnRef;
use super::document::{Section, text_of};
use super::field::{Field, FieldReader, word_of};
use crate::time::{Ambiguous, OwnZones, TimeFormat, TimeRules, zone_of_all_year};

/// Where a time is, and how it is written.
#[derive(Debug)]
pub struct TimeField {
    /// The text.
    pub field: Field,
    /// The column with the row's own zone.
    pub zone_column: Option<ColumnRef>,
    /// How it is written.
    pub rules: TimeRules,
}

/// The keys of a time's table.
pub const TIME_KEYS: [&str; 11] = [
    "column",
    "columns",
    "template",
    "format",
    "zone",
    "zone_column",
    "zones",
    "when_ambiguous",
    "strip_prefix",
    "strip_suffix",
    "when_empty",
];

/// Reads a time's field that may be missing.
pub fn time_field(
    parent: &Section<'_>,
    key: &str,
    reader: &mut FieldReader<'_, '_>,
) -> Option<TimeField> {
    let value = parent.value(key)?;
    if !value.get_ref().is_table() {
        return reader.field(parent, key).map(|field| TimeField {
            field,
            zone_column: None,
            rules: TimeRules {
                formats: vec![TimeFormat::Iso],
                zone: None,
                own_zones: OwnZones::default(),
                when_ambiguous: Ambiguous::default(),
            },
        });
    }
    let section = parent.section(key, reader.faults)?;
    section.refuse_unknown(&TIME_KEYS, reader.faults);
    let origin = reader.origin(&section, "column, columns and template");
    let mut edits = reader.strips(&section);
    edits.when_empty = section
        .text("when_empty", reader.faults)
        .map(|text| text.value.to_owned());
    let rules = TimeRules {
        formats: formats(&section, reader),
        zone: zone(&section, reader),
        own_zones: own_zones(&section, reader),
        when_ambiguous: when_ambiguous(&section, reader),
    };
    let zone_column = section
        .text("zone_column", reader.faults)
        .map(|name| reader.columns.intern(name.value));
    let needs_zone = rules.formats.iter().find(|format| format.needs_zone());
    if let Some(format) = needs_zone
        && !section.has("zone")
        && !section.has("zone_column")
    {
        let message = format!(
            "{} needs zone or zone_column: {} has no offset",
            section.name(),
            format.name()
        );
        reader.faults.add(section.span(), message);
    }
    Some(TimeField {
        field: Field {
            origin: origin?,
            edits,
        },
        zone_column,
        rules,
    })
}

fn formats(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> Vec<TimeFormat> {
    let Some(texts) = section.texts("format", reader.faults) else {
        return vec![TimeFormat::Iso];
    };
    let mut formats = Vec::new();
    for text in texts {
        match TimeFormat::parse(text.value) {
            Ok(format) => formats.push(format),
            Err(fault) => {
                let message = format!("{} {:?} {fault}", section.path("format"), text.value);
                reader.faults.add(&text.span, message);
            }
        }
    }
    formats
}

fn zone(
    section: &Section<'_>,
    reader: &mut FieldReader<'_, '_>,
) -> Option<(String, jiff::tz::TimeZone)> {
    let text = section.text("zone", reader.faults)?;
    match zone_of_all_year(text.value) {
        Ok(zone) => Some((text.value.trim().to_owned(), zone)),
        Err(fault) => {
            let message = format!("{}: {fault}", section.path("zone"));
            reader.faults.add(&text.span, message);
            None
        }
    }
}

fn own_zones(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> OwnZones {
    let mut own = OwnZones::default();
    let Some(table) = section.section("zones", reader.faults) else {
        return own;
    };
    for (word, value) in table.entries() {
        let Some(text) = text_of(value) else {
            let message = format!("{} must be a zone in quotes", table.path(word.value));
            reader.faults.add(&value.span(), message);
            continue;
        };
        match zone_of_all_year(text.value) {
            Ok(zone) => {
                own.0.insert(word_of(word.value), zone);
            }
            Err(fault) => {
                let message = format!("{}: {fault}", table.path(word.value));
                reader.faults.add(&text.span, message);
            }
        }
    }
    own
}

fn when_ambiguous(section: &Section<'_>, reader: &mut FieldReader<'_, '_>) -> Ambiguous {
    match section
        .text("when_ambiguous", reader.faults)
        .map(|text| text.value)
    {
        None | Some("earlier") => Ambiguous::Earlier,
        Some("later") => Ambiguous::Later,
        Some("refuse") => Ambiguous::Refuse,
        Some(_) => {
            let message = "must be \"earlier\", \"later\" or \"refuse\"";
            reader.faults.add_at_key(section, "when_ambiguous", message);
            Ambiguous::Earlier
        }
    }
}
