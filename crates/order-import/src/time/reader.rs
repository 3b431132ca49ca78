//! The text of a time into an instant, by the formats and zones of a mapping. A local time that comes twice (the clocks
//! go back) is read as the mapping says; one that never was (the clocks go forward) is a fault; a date alone is the
//! first instant of that day.

use std::collections::HashMap;

use domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::format::{Moment, TimeFormat};
use super::zone::{OwnZones, zone_of_text};

/// How times are written.
#[derive(Debug, Clone)]
pub struct TimeRules {
    /// Tried in turn.
    pub formats: Vec<TimeFormat>,
    /// The zone of local times whose row names none, with its name.
    pub zone: Option<(String, TimeZone)>,
    /// The mapping's own words for zones.
    pub own_zones: OwnZones,
    /// Which instant a local time means that comes twice.
    pub when_ambiguous: Ambiguous,
}

/// Which of the two instants a local time means that comes twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ambiguous {
    /// Before the clocks went back.
    #[default]
    Earlier,
    /// After.
    Later,
    /// Neither: a fault.
    Refuse,
}

/// The most zone names that are remembered.
const MAX_REMEMBERED: usize = 1000;

/// Reads times of one field, and remembers the zones that it has met.
#[derive(Debug)]
pub struct TimeReader<'m> {
    rules: &'m TimeRules,
    zones: HashMap<String, TimeZone>,
}

impl<'m> TimeReader<'m> {
    /// A reader by these rules.
    pub fn new(rules: &'m TimeRules) -> Self {
        Self {
            rules,
            zones: HashMap::new(),
        }
    }

    /// The instant that a text means. `date` is the cell's date if a spreadsheet holds it as one; `zone` is the text of
    /// the zone column.
    ///
    /// # Errors
    /// A sentence that follows the text.
    pub fn read(
        &mut self,
        text: &str,
        date: Option<DateTime>,
        zone: &str,
    ) -> Result<Timestamp, String> {
        let moment = match date {
            Some(at) => Moment::Local {
                at,
                is_date: false,
                zone: None,
            },
            None => self.moment(text)?,
        };
        let instant = match moment {
            Moment::Instant(instant) => instant,
            Moment::Local {
                at,
                is_date,
                zone: own_zone,
            } => {
                let name = own_zone.as_deref().unwrap_or(zone);
                self.instant(at, is_date, name)?
            }
        };
        let ms =
            u64::try_from(instant.as_millisecond()).map_err(|_| "is before 1970".to_owned())?;
        Timestamp::from_millis(ms).map_err(|error| error.to_string())
    }

    fn moment(&self, text: &str) -> Result<Moment, String> {
        let formats = &self.rules.formats;
        let read = formats.iter().find_map(|format| format.read(text));
        read.ok_or_else(|| {
            let names: Vec<&str> = formats.iter().map(TimeFormat::name).collect();
            format!("is not a time of the form {}", names.join(" or "))
        })
    }

    fn instant(
        &mut self,
        at: DateTime,
        is_date: bool,
        zone: &str,
    ) -> Result<jiff::Timestamp, String> {
        let (name, zone) = if zone.trim().is_empty() {
            self.rules.zone.clone().ok_or_else(|| {
                "has neither an offset nor a zone; set zone in the mapping, such as zone = \"Europe/London\"".to_owned()
            })?
        } else {
            (zone.trim().to_owned(), self.named(zone.trim())?)
        };
        let ambiguous = zone.to_ambiguous_timestamp(at);
        let outside = |_| "is outside the years that can be written".to_owned();
        match (ambiguous.offset(), self.rules.when_ambiguous) {
            (AmbiguousOffset::Unambiguous { .. }, _) => ambiguous.unambiguous().map_err(outside),
            (AmbiguousOffset::Gap { .. }, _) if is_date => ambiguous.compatible().map_err(outside),
            (AmbiguousOffset::Gap { .. }, _) => Err(format!(
                "never was in {name}: the clocks went forward over it"
            )),
            (AmbiguousOffset::Fold { .. }, _) if is_date => ambiguous.earlier().map_err(outside),
            (AmbiguousOffset::Fold { .. }, Ambiguous::Earlier) => {
                ambiguous.earlier().map_err(outside)
            }
            (AmbiguousOffset::Fold { .. }, Ambiguous::Later) => ambiguous.later().map_err(outside),
            (AmbiguousOffset::Fold { .. }, Ambiguous::Refuse) => Err(format!(
                "comes twice in {name}, because the clocks went back, and the mapping refuses that"
            )),
        }
    }

    fn named(&mut self, name: &str) -> Result<TimeZone, String> {
        if let Some(zone) = self.zones.get(name) {
            return Ok(zone.clone());
        }
        let zone = zone_of_text(name, &self.rules.own_zones).map_err(|fault| fault.to_string())?;
        if self.zones.len() < MAX_REMEMBERED {
            self.zones.insert(name.to_owned(), zone.clone());
        }
        Ok(zone)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ambiguous, TimeReader, TimeRules};
    use crate::time::zone::zone_of_text;
    use crate::time::{OwnZones, TimeFormat};

    fn rules(formats: &[&str], zone: Option<&str>) -> TimeRules {
        TimeRules {
            formats: formats
                .iter()
                .map(|format| TimeFormat::parse(format).unwrap())
                .collect(),
            zone: zone.map(|name| {
                let zone = zone_of_text(name, &OwnZones::default()).unwrap();
                (name.to_owned(), zone)
            }),
            own_zones: OwnZones::default(),
            when_ambiguous: Ambiguous::Earlier,
        }
    }

    fn read(rules: &TimeRules, text: &str, zone: &str) -> Result<String, String> {
        let read = TimeReader::new(rules).read(text, None, zone);
        read.map(|at| at.to_string())
    }

    #[test]
    fn local_times_follow_their_zone_through_summer_and_winter() {
        let rules = rules(&["%Y-%m-%d %H:%M:%S"], Some("Europe/London"));
        assert_eq!(
            read(&rules, "2010-12-01 08:26:00", "").unwrap(),
            "2010-12-01T08:26:00.000Z"
        );
        assert_eq!(
            read(&rules, "2011-07-01 08:26:00", "").unwrap(),
            "2011-07-01T07:26:00.000Z"
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_read_as_the_mapping_says_and_one_that_never_was_is_refused() {
        let twice = "2011-10-30 01:30:00";
        let mut london = rules(&["iso"], Some("Europe/London"));
        assert_eq!(
            read(&london, twice, "").unwrap(),
            "2011-10-30T00:30:00.000Z"
        );
        london.when_ambiguous = Ambiguous::Later;
        assert_eq!(
            read(&london, twice, "").unwrap(),
            "2011-10-30T01:30:00.000Z"
        );
        london.when_ambiguous = Ambiguous::Refuse;
        assert!(
            read(&london, twice, "")
                .unwrap_err()
                .contains("comes twice")
        );
        let never = read(&london, "2011-03-27 01:30:00", "").unwrap_err();
        assert!(never.contains("never was in Europe/London"), "{never}");
    }

    #[test]
    fn formats_are_tried_in_turn_and_two_digit_years_and_dates_alone_are_read() {
        let rules = rules(
            &["%m/%d/%y", "%b %d, %Y", "%d.%m.%Y %H:%M %z", "excel"],
            Some("America/New_York"),
        );
        for (text, at) in [
            ("08/14/25", "2025-08-14T04:00:00.000Z"),
            ("8/4/25", "2025-08-04T04:00:00.000Z"),
            ("Sep 5, 2026", "2026-09-05T04:00:00.000Z"),
            ("31.01.2026 13:00 +0100", "2026-01-31T12:00:00.000Z"),
            ("46053.5", "2026-01-31T17:00:00.000Z"),
        ] {
            assert_eq!(read(&rules, text, "").as_deref(), Ok(at), "{text}");
        }
        let fault = read(&rules, "yesterday", "").unwrap_err();
        assert!(fault.contains("%m/%d/%y or %b %d, %Y or"), "{fault}");
    }

    #[test]
    fn a_zone_in_the_row_or_in_the_text_is_stronger_than_the_mappings() {
        let plain = rules(&["%Y-%m-%d %H:%M"], Some("UTC"));
        for (zone, at) in [
            ("", "2026-07-01T12:00:00.000Z"),
            ("PDT", "2026-07-01T19:00:00.000Z"),
            ("Pacific Standard Time", "2026-07-01T19:00:00.000Z"),
            ("America/Los_Angeles", "2026-07-01T19:00:00.000Z"),
            ("+02:00", "2026-07-01T10:00:00.000Z"),
            ("UTC-3", "2026-07-01T15:00:00.000Z"),
        ] {
            assert_eq!(
                read(&plain, "2026-07-01 12:00", zone).as_deref(),
                Ok(at),
                "{zone}"
            );
        }
        let fault = read(&plain, "2026-07-01 12:00", "IST").unwrap_err();
        assert!(fault.contains("zones"), "{fault}");
        let named = rules(&["%b %d, %Y %I:%M:%S %p %Z"], None);
        assert_eq!(
            read(&named, "Jul 1, 2026 12:00:00 PM PDT", "").as_deref(),
            Ok("2026-07-01T19:00:00.000Z")
        );
    }

    #[test]
    fn rfc_3339_needs_no_zone_and_what_cannot_be_an_order_s_time_is_refused() {
        let plain = rules(&["iso", "unix"], None);
        for text in [
            "2026-01-31T13:00:00+01:00",
            "2026-01-31 13:00:00 +0100",
            "1769860800",
        ] {
            assert_eq!(
                read(&plain, text, "").as_deref(),
                Ok("2026-01-31T12:00:00.000Z"),
                "{text}"
            );
        }
        assert!(
            read(&plain, "2026-01-31 13:00:00", "")
                .unwrap_err()
                .contains("set zone")
        );
        assert!(
            read(&plain, "1969-12-31T23:00:00Z", "")
                .unwrap_err()
                .contains("1970")
        );
    }

    #[test]
    fn a_format_that_cannot_make_a_date_is_refused_before_any_row() {
        for (format, part) in [
            ("%H:%M", "needs a year"),
            ("%Y-%m", "needs a year"),
            ("%Y-%m-%d %E", "can be read"),
            ("%Z %Y-%m-%d", "at the end only"),
            ("yyyy-mm-dd", "no directive"),
        ] {
            let fault = TimeFormat::parse(format).unwrap_err();
            assert!(fault.contains(part), "{format}: {fault}");
        }
    }
}
