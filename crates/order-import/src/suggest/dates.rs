//! How a file writes times: the first format that reads all cells of a column. A day and a month that could be meant
//! either way are said to be so, because no import can tell later.

use jiff::civil::DateTime;
use jiff::{Timestamp, fmt::strtime};

/// How the cells of a column write times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dates {
    /// The format for a mapping; `None` for RFC 3339, which needs none.
    pub format: Option<String>,
    /// Whether each cell says its offset or zone.
    pub has_zone: bool,
    /// The format with day and month the other way round, if it reads all cells too.
    pub other: Option<String>,
}

const DATES: [&str; 22] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%b %d, %Y",
    "%b %d %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %y",
    "%B %d, %Y",
    "%d %B %Y",
    "%Y%m%d",
];
const TIMES: [&str; 10] = [
    "",
    " %H:%M:%S",
    " %H:%M",
    "T%H:%M:%S",
    "T%H:%M",
    " %I:%M:%S %p",
    " %I:%M %p",
    ", %H:%M:%S",
    ", %I:%M:%S %p",
    ", %I:%M %p",
];
const OFFSETS: [&str; 3] = ["", " %z", "%z"];
/// Serial dates of spreadsheets between 1982 and 2064.
const SERIALS: std::ops::Range<u32> = 30_000..60_000;

/// Guesses from cells that are not blank; `None` if there are none, or no format reads them. `day_first` decides what
/// could be meant either way.
pub fn dates_of(cells: &[String], day_first: bool) -> Option<Dates> {
    if cells.is_empty() {
        return None;
    }
    let all = |reads: &dyn Fn(&str) -> bool| cells.iter().all(|cell| reads(cell));
    if all(&|cell| cell.parse::<Timestamp>().is_ok()) {
        return Some(Dates::plain(None, true));
    }
    if let Some(serial) = serial_of(cells) {
        return Some(Dates::plain(Some(serial), serial != "excel"));
    }
    if all(&|cell| cell.contains('T') && cell.parse::<DateTime>().is_ok()) {
        return Some(Dates::plain(Some("iso"), false));
    }
    let mut found = fitting(cells, "");
    if found.is_empty() {
        let without_zone: Option<Vec<String>> =
            cells.iter().map(|cell| without_zone(cell)).collect();
        found = fitting(&without_zone?, " %Z");
    }
    let swapped = |format: &String| found.iter().find(|other| is_swapped(format, other));
    let preferred = |format: &&String| {
        swapped(format).is_none() || (format.find("%d") < format.find("%m")) == day_first
    };
    let format = found.iter().find(preferred).or_else(|| found.first())?;
    Some(Dates {
        has_zone: format.ends_with("%z") || format.ends_with("%Z"),
        other: swapped(format).cloned(),
        format: Some(format.clone()),
    })
}

impl Dates {
    fn plain(format: Option<&str>, has_zone: bool) -> Self {
        Self {
            format: format.map(str::to_owned),
            has_zone,
            other: None,
        }
    }
}

/// All formats that read all cells.
fn fitting(cells: &[String], zone: &str) -> Vec<String> {
    let mut found = Vec::new();
    for date in DATES {
        for time in TIMES {
            for offset in OFFSETS {
                let format = format!("{date}{time}{offset}");
                if cells.iter().all(|cell| reads(&format, cell)) {
                    found.push(format + zone);
                }
            }
        }
    }
    found
}

fn reads(format: &str, cell: &str) -> bool {
    let date = strtime::parse(format, cell).and_then(|parts| parts.to_date());
    // A year of two digits is not the year 25.
    date.is_ok_and(|date| date.year() >= 1900)
}

/// Whether one format is the other with day and month exchanged.
fn is_swapped(format: &str, other: &str) -> bool {
    let exchanged = format
        .replace("%d", "%\0")
        .replace("%m", "%d")
        .replace("%\0", "%m");
    format != other && exchanged == other
}

/// The text before an abbreviation such as PST or CEST at its end.
fn without_zone(cell: &str) -> Option<String> {
    let (time, zone) = cell.rsplit_once(' ')?;
    let is_zone = (2..=5).contains(&zone.len())
        && zone.bytes().all(|byte| byte.is_ascii_uppercase())
        && !matches!(zone, "AM" | "PM");
    is_zone.then(|| time.to_owned())
}

fn serial_of(cells: &[String]) -> Option<&'static str> {
    let is_serial = |cell: &String| {
        let (days, fraction) = cell.split_once('.').unwrap_or((cell, ""));
        let is_day = days.parse().is_ok_and(|days: u32| SERIALS.contains(&days));
        is_day && fraction.bytes().all(|byte| byte.is_ascii_digit())
    };
    let has_digits = |count: usize| {
        move |cell: &String| cell.len() == count && cell.bytes().all(|byte| byte.is_ascii_digit())
    };
    if cells.iter().all(is_serial) {
        Some("excel")
    } else if cells.iter().all(has_digits(10)) {
        Some("unix")
    } else if cells.iter().all(has_digits(13)) {
        Some("unix_ms")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::dates_of;

    fn guess(cells: &[&str]) -> Option<(Option<String>, bool, Option<String>)> {
        let cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
        dates_of(&cells, true).map(|dates| (dates.format, dates.has_zone, dates.other))
    }

    fn format(format: &str, has_zone: bool) -> Option<(Option<String>, bool, Option<String>)> {
        Some((Some(format.to_owned()), has_zone, None))
    }

    #[test]
    fn the_format_that_reads_all_cells_is_found() {
        assert_eq!(
            guess(&["2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00"]),
            Some((None, true, None))
        );
        for (cells, found) in [
            (
                &["2026-04-05 21:06:21 +0400"][..],
                format("%Y-%m-%d %H:%M:%S %z", true),
            ),
            (&["2026-04-26 21:32:57"], format("%Y-%m-%d %H:%M:%S", false)),
            (&["2026-04-26T21:32:57"], format("iso", false)),
            (&["20/12/2025 23:59:59"], format("%d/%m/%Y %H:%M:%S", false)),
            (&["01/02/2025", "12/31/2025"], format("%m/%d/%Y", false)),
            (&["08/14/25", "09/02/25"], format("%m/%d/%y", false)),
            (&["Sep 5, 2026", "Oct 22, 2026"], format("%b %d, %Y", false)),
            (&["31.12.2025 09:05"], format("%d.%m.%Y %H:%M", false)),
            (
                &["2025-07-01 10:00:00 PDT"],
                format("%Y-%m-%d %H:%M:%S %Z", true),
            ),
            (&["45678.5", "45679"], format("excel", false)),
            (&["1767225600"], format("unix", true)),
        ] {
            assert_eq!(guess(cells), found, "{cells:?}");
        }
        assert_eq!(guess(&["soon"]), None);
        assert_eq!(guess(&[]), None);
    }

    #[test]
    fn a_day_that_may_be_a_month_is_named() {
        assert_eq!(
            guess(&["01/02/2025", "03/04/2025"]),
            Some((
                Some("%d/%m/%Y".to_owned()),
                false,
                Some("%m/%d/%Y".to_owned())
            ))
        );
    }
}
