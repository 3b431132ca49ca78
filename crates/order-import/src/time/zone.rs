//! Names of time zones as files have them: names of the IANA database, Windows names, abbreviations and offsets.

use std::collections::BTreeMap;

use jiff::tz::{Offset, TimeZone};

use super::windows_zones::iana_name;

/// A mapping's own words for zones; the words in small letters.
#[derive(Debug, Clone, Default)]
pub struct OwnZones(pub BTreeMap<String, TimeZone>);

/// Why a text is not a time zone. The sentence follows the text's quote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneFault {
    /// Not the name of one.
    #[error(
        "{0:?} is not a time zone such as \"Europe/London\", \"Pacific Standard Time\", \"PDT\" or \"+02:00\"; \
         zones = {{ {0:?} = \"...\" }} in the mapping can say which one it is"
    )]
    Unknown(String),
    /// An abbreviation with several meanings.
    #[error(
        "{0:?} is an abbreviation of several time zones; say which one with zones = {{ {0:?} = \"...\" }} in the mapping"
    )]
    Several(String),
    /// An abbreviation for one half of the year.
    #[error(
        "{name:?} is the time of one half of the year; write the zone, such as {zone:?}, or the offset {offset:?} if it is \
         meant all year"
    )]
    HalfYear {
        /// The abbreviation.
        name: String,
        /// A zone that uses it.
        zone: &'static str,
        /// Its offset.
        offset: String,
    },
}

/// Abbreviations with their minutes from UTC, and a zone that has them for a part of the year. American meanings are
/// taken for CST, EST, MST and PST.
const ABBREVIATIONS: [(&str, i32, Option<&str>); 47] = [
    ("utc", 0, None),
    ("gmt", 0, None),
    ("z", 0, None),
    ("pst", -480, Some("America/Los_Angeles")),
    ("pdt", -420, Some("America/Los_Angeles")),
    ("mst", -420, Some("America/Denver")),
    ("mdt", -360, Some("America/Denver")),
    ("cst", -360, Some("America/Chicago")),
    ("cdt", -300, Some("America/Chicago")),
    ("est", -300, Some("America/New_York")),
    ("edt", -240, Some("America/New_York")),
    ("adt", -180, Some("America/Halifax")),
    ("nst", -210, Some("America/St_Johns")),
    ("ndt", -150, Some("America/St_Johns")),
    ("akst", -540, Some("America/Anchorage")),
    ("akdt", -480, Some("America/Anchorage")),
    ("hst", -600, None),
    ("brt", -180, None),
    ("art", -180, None),
    ("clt", -240, Some("America/Santiago")),
    ("clst", -180, Some("America/Santiago")),
    ("cot", -300, None),
    ("pet", -300, None),
    ("wet", 0, Some("Europe/Lisbon")),
    ("west", 60, Some("Europe/Lisbon")),
    ("cet", 60, Some("Europe/Paris")),
    ("cest", 120, Some("Europe/Paris")),
    ("mez", 60, Some("Europe/Berlin")),
    ("mesz", 120, Some("Europe/Berlin")),
    ("eet", 120, Some("Europe/Athens")),
    ("eest", 180, Some("Europe/Athens")),
    ("msk", 180, None),
    ("trt", 180, None),
    ("sast", 120, None),
    ("wat", 60, None),
    ("cat", 120, None),
    ("eat", 180, None),
    ("pkt", 300, None),
    ("hkt", 480, None),
    ("sgt", 480, None),
    ("awst", 480, None),
    ("jst", 540, None),
    ("kst", 540, None),
    ("aest", 600, Some("Australia/Sydney")),
    ("aedt", 660, Some("Australia/Sydney")),
    ("nzst", 720, Some("Pacific/Auckland")),
    ("nzdt", 780, Some("Pacific/Auckland")),
];

/// Abbreviations that several countries use for different times.
const SEVERAL: [&str; 7] = ["ist", "bst", "ast", "gst", "sst", "wst", "pht"];

/// The zone that a cell or a text names; an abbreviation is the offset that it stands for.
///
/// # Errors
/// See [`ZoneFault`].
pub fn zone_of_text(text: &str, own: &OwnZones) -> Result<TimeZone, ZoneFault> {
    let text = text.trim();
    let letters = text.to_lowercase();
    if let Some(zone) = own.0.get(&letters) {
        return Ok(zone.clone());
    }
    if let Some(zone) = of_offset(text) {
        return Ok(zone);
    }
    let known = ABBREVIATIONS.iter().find(|(name, ..)| *name == letters);
    if let Some((_, minutes, _)) = known {
        return fixed(*minutes).ok_or_else(|| ZoneFault::Unknown(text.to_owned()));
    }
    if SEVERAL.contains(&letters.as_str()) {
        return Err(ZoneFault::Several(text.to_owned()));
    }
    TimeZone::get(iana_name(&letters).unwrap_or(text))
        .map_err(|_| ZoneFault::Unknown(text.to_owned()))
}

/// The zone of a whole file: an abbreviation for one half of the year is refused, because the other half would be wrong
/// by an hour.
///
/// # Errors
/// See [`ZoneFault`].
pub fn zone_of_all_year(text: &str) -> Result<TimeZone, ZoneFault> {
    let letters = text.trim().to_lowercase();
    let known = ABBREVIATIONS.iter().find(|(name, ..)| *name == letters);
    if let Some((_, minutes, Some(zone))) = known {
        return Err(ZoneFault::HalfYear {
            name: text.trim().to_owned(),
            zone,
            offset: format!(
                "{}{:02}:{:02}",
                if *minutes < 0 { '-' } else { '+' },
                minutes.abs() / 60,
                minutes.abs() % 60
            ),
        });
    }
    zone_of_text(text, &OwnZones::default())
}

fn fixed(minutes: i32) -> Option<TimeZone> {
    let offset = Offset::from_seconds(minutes * 60).ok()?;
    Some(offset.to_time_zone())
}

/// `+02:00`, `-0330`, `+2`, also behind `UTC` or `GMT`.
fn of_offset(text: &str) -> Option<TimeZone> {
    let upper = text.to_ascii_uppercase();
    let offset = upper
        .strip_prefix("UTC")
        .or_else(|| upper.strip_prefix("GMT"))
        .unwrap_or(&upper)
        .trim();
    let (sign, digits) = match offset.as_bytes().first()? {
        b'+' => (1, &offset[1..]),
        b'-' => (-1, &offset[1..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let number = |text: &str, most: i32| -> Option<i32> {
        let is_short = matches!(text.len(), 1..=2) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|number| is_short && *number <= most)
    };
    fixed(sign * (number(hours, 15)? * 60 + number(minutes, 59)?))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::super::windows_zones::WINDOWS_ZONES;
    use super::{ABBREVIATIONS, OwnZones, ZoneFault, zone_of_all_year, zone_of_text};

    #[test]
    fn every_name_in_the_tables_is_a_zone_of_the_database() {
        for (_, iana) in WINDOWS_ZONES {
            assert!(TimeZone::get(iana).is_ok(), "{iana}");
        }
        for (name, _, zone) in ABBREVIATIONS {
            assert!(zone_of_text(name, &OwnZones::default()).is_ok(), "{name}");
            assert!(zone.is_none_or(|zone| TimeZone::get(zone).is_ok()));
        }
    }

    #[test]
    fn a_mapping_s_own_words_come_first_and_ambiguous_ones_need_them() {
        let mut own = OwnZones::default();
        assert_eq!(
            zone_of_text("IST", &own),
            Err(ZoneFault::Several("IST".to_owned()))
        );
        own.0
            .insert("ist".to_owned(), TimeZone::get("Asia/Kolkata").unwrap());
        assert!(zone_of_text("IST", &own).is_ok());
        assert!(zone_of_text("Europe/Londen", &own).is_err());
    }

    #[test]
    fn the_zone_of_a_whole_file_is_not_the_time_of_half_a_year() {
        let fault = zone_of_all_year("EST").unwrap_err().to_string();
        assert!(
            fault.contains("America/New_York") && fault.contains("-05:00"),
            "{fault}"
        );
        for good in ["UTC", "Eastern Standard Time", "America/New_York", "-05:00"] {
            assert!(zone_of_all_year(good).is_ok(), "{good}");
        }
    }
}
