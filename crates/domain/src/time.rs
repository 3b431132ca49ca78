//! Points in time as orders carry them: UTC, whole milliseconds. Reading a clock is the business of a port.

use std::fmt;

use jiff::fmt::temporal::DateTimePrinter;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, never before it and never past what a UUIDv7 holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// Why a text or a number is not a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an RFC 3339 time between 1970 and 9999-12-30, such as 2026-01-31T12:00:00.000Z")]
pub struct TimestampError;

/// 9999-12-30T22:00:00.000Z, the last instant that can be written in the year 9999 at every offset (and so the last one
/// that `jiff` knows: past it, printing would fail).
const LAST_MS: u64 = 253_402_207_200_000;

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

impl Timestamp {
    /// The instant `ms` milliseconds after the epoch.
    ///
    /// # Errors
    /// Where it lies past 9999-12-30T22:00:00.000Z.
    pub const fn from_millis(ms: u64) -> Result<Self, TimestampError> {
        if ms > LAST_MS {
            Err(TimestampError)
        } else {
            Ok(Self(ms))
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant plus `duration`, or the last representable instant.
    #[must_use]
    pub fn saturating_add(self, duration: std::time::Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ms).min(LAST_MS))
    }

    /// Reads RFC 3339 (any offset); digits past the millisecond are cut off.
    ///
    /// # Errors
    /// Where the text is not RFC 3339, or lies before 1970 or past 9999-12-30T22:00:00.000Z.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        let ms = u64::try_from(instant.as_millisecond()).map_err(|_| TimestampError)?;
        Self::from_millis(ms)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with three digits of fraction: `2026-01-31T12:00:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).map_err(|_| fmt::Error)?;
        let instant = jiff::Timestamp::from_millisecond(ms).map_err(|_| fmt::Error)?;
        PRINTER
            .print_timestamp(&instant, jiff::fmt::StdFmtWrite(f))
            .map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn prints_and_reads_rfc_3339_in_utc_with_milliseconds() {
        let noon = Timestamp::parse("2026-01-31T13:00:00.1239+01:00").unwrap();
        assert_eq!(noon.to_string(), "2026-01-31T12:00:00.123Z");
        assert_eq!(Timestamp::parse(&noon.to_string()).unwrap(), noon);
        assert_eq!(
            Timestamp::from_millis(0).unwrap().to_string(),
            "1970-01-01T00:00:00.000Z"
        );
    }

    #[test]
    fn refuses_what_rfc_3339_cannot_write() {
        let last = Timestamp::from_millis(253_402_207_200_000).unwrap();
        assert_eq!(last.to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!(last.saturating_add(std::time::Duration::MAX), last);
        assert!(Timestamp::from_millis(253_402_207_200_001).is_err());
        for text in [
            "",
            "yesterday",
            "2026-02-30T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-31",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text:?}");
        }
    }
}
