//! One way to write a time, and reading a text by it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};

use crate::files::date_of_serial;

/// One way to write a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339, or a local date or date and time of ISO 8601.
    Iso,
    /// A serial date of a spreadsheet.
    Serial {
        /// Whether day 0 is 1904-01-01.
        is_1904: bool,
    },
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMilliseconds,
    /// A pattern of strftime.
    Pattern {
        /// The pattern, without `%Z` at its end.
        pattern: String,
        /// Whether it ended with `%Z`.
        ends_with_zone: bool,
        /// Whether it contains an offset or the name of a zone that jiff reads itself.
        has_offset: bool,
    },
}

/// What a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// An instant.
    Instant(Timestamp),
    /// A local time, and the zone if the text names one.
    Local {
        /// The local time.
        at: DateTime,
        /// Whether it is a date alone.
        is_date: bool,
        /// The zone's text.
        zone: Option<String>,
    },
}

impl TimeFormat {
    /// The format that a mapping's text stands for.
    ///
    /// # Errors
    /// If a pattern has a directive that cannot be read, or lacks a part of the date; a sentence that follows the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "iso" => Self::Iso,
            "excel" => Self::Serial { is_1904: false },
            "excel_1904" => Self::Serial { is_1904: true },
            "unix" => Self::Unix,
            "unix_ms" => Self::UnixMilliseconds,
            pattern => Self::of_pattern(pattern)?,
        })
    }

    fn of_pattern(text: &str) -> Result<Self, String> {
        if !text.contains('%') {
            return Err(
                "is not a format: it has no directive such as %Y, and is none of iso, excel, excel_1904, unix, unix_ms"
                    .to_owned(),
            );
        }
        let (pattern, ends_with_zone) = match text.trim_end().strip_suffix("%Z") {
            Some(rest) => (rest.trim_end(), true),
            None => (text, false),
        };
        if pattern.contains("%Z") {
            return Err("has %Z, which can stand at the end only".to_owned());
        }
        // What the pattern writes for a known time, it must read again.
        let sample = DateTime::constant(2026, 2, 3, 4, 5, 6, 0)
            .in_tz("Europe/Paris")
            .map_err(|error| error.to_string())?;
        let read = strtime::format(pattern, &sample)
            .and_then(|written| BrokenDownTime::parse(pattern, written))
            .map_err(|error| format!("is not a format that can be read: {error}"))?;
        let has_offset = read.to_zoned().is_ok();
        if !has_offset && read.to_datetime().is_err() {
            return Err("needs a year, a month and a day, and an hour beside minutes".to_owned());
        }
        Ok(Self::Pattern {
            pattern: pattern.to_owned(),
            ends_with_zone,
            has_offset,
        })
    }

    /// Whether a text in this format can be a local time, which needs a zone from elsewhere.
    pub const fn needs_zone(&self) -> bool {
        match self {
            Self::Iso | Self::Unix | Self::UnixMilliseconds => false,
            Self::Serial { .. } => true,
            Self::Pattern {
                ends_with_zone,
                has_offset,
                ..
            } => !*ends_with_zone && !*has_offset,
        }
    }

    /// How a fault names the format.
    pub fn name(&self) -> &str {
        match self {
            Self::Iso => "2026-01-31T12:00:00Z (iso)",
            Self::Serial { .. } => "46053.5 (excel)",
            Self::Unix => "1769860800 (unix)",
            Self::UnixMilliseconds => "1769860800000 (unix_ms)",
            Self::Pattern { pattern, .. } => pattern,
        }
    }

    /// Reads a text; `None` if it is not in this format.
    pub fn read(&self, text: &str) -> Option<Moment> {
        match self {
            Self::Iso => iso(text),
            Self::Serial { is_1904 } => Some(Moment::Local {
                at: date_of_serial(text, *is_1904)?,
                is_date: false,
                zone: None,
            }),
            Self::Unix => {
                let seconds: i64 = text.parse().ok()?;
                Timestamp::from_second(seconds).ok().map(Moment::Instant)
            }
            Self::UnixMilliseconds => {
                let ms: i64 = text.parse().ok()?;
                Timestamp::from_millisecond(ms).ok().map(Moment::Instant)
            }
            Self::Pattern {
                pattern,
                ends_with_zone,
                has_offset,
            } => by_pattern(text, pattern, *ends_with_zone, *has_offset),
        }
    }
}

fn iso(text: &str) -> Option<Moment> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(Moment::Instant(instant));
    }
    // `2026-04-05 21:06:21 +0400` has a space that ISO 8601 does not.
    if let Ok(read) = BrokenDownTime::parse("%Y-%m-%d %H:%M:%S %z", text)
        && let Ok(instant) = read.to_timestamp()
    {
        return Some(Moment::Instant(instant));
    }
    let at: DateTime = text.parse().ok()?;
    Some(Moment::Local {
        at,
        is_date: text.len() <= "2026-01-31".len(),
        zone: None,
    })
}

fn by_pattern(text: &str, pattern: &str, ends_with_zone: bool, has_offset: bool) -> Option<Moment> {
    let (read, zone) = if ends_with_zone {
        let (read, end) = BrokenDownTime::parse_prefix(pattern, text).ok()?;
        let zone = text.get(end..)?.trim();
        if zone.is_empty() {
            return None;
        }
        (read, Some(zone.to_owned()))
    } else {
        (BrokenDownTime::parse(pattern, text).ok()?, None)
    };
    if has_offset {
        return read
            .to_zoned()
            .ok()
            .map(|zoned| Moment::Instant(zoned.timestamp()));
    }
    Some(Moment::Local {
        at: read.to_datetime().ok()?,
        is_date: read.hour().is_none(),
        zone,
    })
}
