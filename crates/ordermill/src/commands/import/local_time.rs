//! When an order of the past was made: text in the file's own format and zone becomes an instant. A local time that
//! comes twice (clocks go back) is read as the mapping says; one that never was (clocks go forward) is a fault.

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// Where the time is, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeField {
    /// The column.
    pub column: String,
    format: Option<String>,
    zone: Option<String>,
    when_ambiguous: Ambiguous,
}

/// Which of the two instants a local time means that comes twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ambiguous {
    /// Before the clocks went back.
    #[default]
    Earlier,
    /// After.
    Later,
    /// Neither: a fault.
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeTable {
    column: String,
    format: Option<String>,
    zone: Option<String>,
    #[serde(default)]
    when_ambiguous: Ambiguous,
}

impl<'de> Deserialize<'de> for TimeField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl<'de> Visitor<'de> for TimeVisitor {
            type Value = TimeField;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a column's name, or a table with column, format and zone")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<TimeField, E> {
                Ok(TimeField {
                    column: name.to_owned(),
                    format: None,
                    zone: None,
                    when_ambiguous: Ambiguous::default(),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TimeField, A::Error> {
                let table = TimeTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(TimeField {
                    column: table.column,
                    format: table.format,
                    zone: table.zone,
                    when_ambiguous: table.when_ambiguous,
                })
            }
        }
        deserializer.deserialize_any(TimeVisitor)
    }
}

impl TimeField {
    /// Whether zone and format can be used at all.
    pub fn check(&self) -> Result<(), String> {
        self.reader().map(|_| ())
    }

    /// Makes ready to read many texts.
    pub fn reader(&self) -> Result<TimeReader<'_>, String> {
        let zone = match &self.zone {
            None => None,
            Some(name) => Some(TimeZone::get(name).map_err(|_| {
                format!("zone {name:?} is no time zone, such as \"Europe/London\" or \"UTC\"")
            })?),
        };
        if let Some(format) = &self.format {
            let has_offset = ["%z", "%:z", "%Q", "%:Q", "%s"]
                .iter()
                .any(|part| format.contains(part));
            if zone.is_none() && !has_offset {
                return Err("needs a zone: its format has neither %z nor %s".to_owned());
            }
        } else if zone.is_some() {
            return Err(
                "has a zone but no format; without a format it is read as RFC 3339".to_owned(),
            );
        }
        Ok(TimeReader { field: self, zone })
    }
}

/// Reads texts of one column.
#[derive(Debug)]
pub struct TimeReader<'f> {
    field: &'f TimeField,
    zone: Option<TimeZone>,
}

impl TimeReader<'_> {
    /// The instant that a text means.
    ///
    /// # Errors
    /// A sentence that follows the column's name.
    pub fn read(&self, text: &str) -> Result<Timestamp, String> {
        let Some(format) = &self.field.format else {
            return Timestamp::parse(text).map_err(|error| error.to_string());
        };
        let parts = strtime::parse(format, text)
            .map_err(|_| format!("is not a time of the form {format}"))?;
        let instant = match (&self.zone, parts.to_timestamp()) {
            (_, Ok(instant)) => instant,
            (Some(zone), Err(_)) => {
                let local = parts
                    .to_datetime()
                    .map_err(|_| format!("is not a whole date and time of the form {format}"))?;
                self.instant(local, zone)?
            }
            (None, Err(_)) => return Err(format!("is not a whole time of the form {format}")),
        };
        let ms =
            u64::try_from(instant.as_millisecond()).map_err(|_| "is before 1970".to_owned())?;
        Timestamp::from_millis(ms).map_err(|error| error.to_string())
    }

    fn instant(&self, local: DateTime, zone: &TimeZone) -> Result<jiff::Timestamp, String> {
        let ambiguous = zone.to_ambiguous_timestamp(local);
        let name = self.field.zone.as_deref().unwrap_or_default();
        let outside = |_| "is outside the years that can be written".to_owned();
        match (ambiguous.offset(), self.field.when_ambiguous) {
            (AmbiguousOffset::Unambiguous { .. }, _) => ambiguous.unambiguous().map_err(outside),
            (AmbiguousOffset::Gap { .. }, _) => Err(format!(
                "never was in {name}: the clocks went forward over it"
            )),
            (AmbiguousOffset::Fold { .. }, Ambiguous::Earlier) => {
                ambiguous.earlier().map_err(outside)
            }
            (AmbiguousOffset::Fold { .. }, Ambiguous::Later) => ambiguous.later().map_err(outside),
            (AmbiguousOffset::Fold { .. }, Ambiguous::Refuse) => Err(format!(
                "comes twice in {name}, where the clocks went back, and the mapping refuses that"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ambiguous, TimeField};

    fn london(when_ambiguous: Ambiguous) -> TimeField {
        TimeField {
            column: "at".to_owned(),
            format: Some("%Y-%m-%d %H:%M:%S".to_owned()),
            zone: Some("Europe/London".to_owned()),
            when_ambiguous,
        }
    }

    fn read(field: &TimeField, text: &str) -> Result<String, String> {
        field.reader().unwrap().read(text).map(|at| at.to_string())
    }

    #[test]
    fn local_times_follow_their_zone_through_summer_and_winter() {
        let field = london(Ambiguous::Earlier);
        assert_eq!(
            read(&field, "2010-12-01 08:26:00").unwrap(),
            "2010-12-01T08:26:00.000Z"
        );
        assert_eq!(
            read(&field, "2011-07-01 08:26:00").unwrap(),
            "2011-07-01T07:26:00.000Z"
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_read_as_told_and_one_that_never_was_is_refused() {
        let twice = "2011-10-30 01:30:00";
        assert_eq!(
            read(&london(Ambiguous::Earlier), twice).unwrap(),
            "2011-10-30T00:30:00.000Z"
        );
        assert_eq!(
            read(&london(Ambiguous::Later), twice).unwrap(),
            "2011-10-30T01:30:00.000Z"
        );
        assert!(
            read(&london(Ambiguous::Refuse), twice)
                .unwrap_err()
                .contains("comes twice")
        );
        let never = read(&london(Ambiguous::Earlier), "2011-03-27 01:30:00").unwrap_err();
        assert!(never.contains("never was in Europe/London"));
    }

    #[test]
    fn offsets_and_rfc_3339_need_no_zone_and_nonsense_is_refused() {
        let plain = TimeField {
            format: None,
            zone: None,
            ..london(Ambiguous::Earlier)
        };
        assert_eq!(
            read(&plain, "2026-01-31T13:00:00+01:00").unwrap(),
            "2026-01-31T12:00:00.000Z"
        );
        let offset = TimeField {
            format: Some("%d.%m.%Y %H:%M %z".to_owned()),
            zone: None,
            ..plain.clone()
        };
        assert_eq!(
            read(&offset, "31.01.2026 13:00 +0100").unwrap(),
            "2026-01-31T12:00:00.000Z"
        );
        assert!(read(&london(Ambiguous::Earlier), "yesterday").is_err());
        assert!(
            read(&london(Ambiguous::Earlier), "1969-01-01 00:00:00")
                .unwrap_err()
                .contains("1970")
        );
        assert!(
            TimeField {
                zone: None,
                ..london(Ambiguous::Earlier)
            }
            .check()
            .is_err()
        );
        assert!(
            TimeField {
                zone: Some("Europe/Londen".to_owned()),
                ..london(Ambiguous::Earlier)
            }
            .check()
            .is_err()
        );
    }
}
