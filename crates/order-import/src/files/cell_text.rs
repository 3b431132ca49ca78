//! The cell of a spreadsheet as the text that a person would type: numbers in their shortest form, dates in ISO 8601.
//! Numbers and dates pass through a float here, because that is what spreadsheets hold; nothing else of the importer
//! does. A value that the float does not give back exactly is marked as uncertain.

use calamine::{Data, ExcelDateTime, ExcelDateTimeType};
use jiff::civil::{Date, DateTime, Time};

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Text, a number or a boolean.
    Plain,
    /// A date, whose text can be parsed as [`DateTime`].
    Date,
    /// Something that is not certain, such as an error.
    Uncertain,
}

/// Spreadsheets hold this many digits of a number.
const DIGITS: usize = 15;
/// From here on a float does not hold every whole number.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;
/// The day after 9999-12-31, as a serial date.
const SERIAL_END: f64 = 2_958_466.0;

/// The text of a cell.
pub fn text_of_cell(value: &Data) -> (CellKind, String) {
    match value {
        Data::Empty => (CellKind::Plain, String::new()),
        Data::String(text) => (CellKind::Plain, text.clone()),
        Data::Int(number) => (CellKind::Plain, number.to_string()),
        Data::Float(number) => text_of_number(*number),
        Data::Bool(is_true) => (
            CellKind::Plain,
            if *is_true { "TRUE" } else { "FALSE" }.to_owned(),
        ),
        Data::DateTime(date) if date.is_duration() => {
            (CellKind::Plain, text_of_duration(date.as_f64()))
        }
        Data::DateTime(date) => text_of_date(date),
        Data::DateTimeIso(text) => match text.parse::<DateTime>() {
            Ok(date) => (CellKind::Date, iso_date(date)),
            Err(_) => (CellKind::Plain, text.clone()),
        },
        Data::DurationIso(text) => (CellKind::Plain, text.clone()),
        Data::Error(error) => (CellKind::Uncertain, error.to_string()),
    }
}

fn text_of_number(number: f64) -> (CellKind, String) {
    let shortest = number.to_string();
    if !number.is_finite() || number.abs() >= EXACT_BELOW {
        return (CellKind::Uncertain, shortest);
    }
    let digits = shortest.bytes().filter(u8::is_ascii_digit).count();
    if number.fract() == 0.0 || digits <= DIGITS {
        return (CellKind::Plain, shortest);
    }
    // What spreadsheets show: 0.1 + 0.2 is 0.3.
    let rounded: f64 = format!("{number:.*e}", DIGITS - 1)
        .parse()
        .unwrap_or(number);
    (CellKind::Plain, rounded.to_string())
}

fn text_of_date(date: &ExcelDateTime) -> (CellKind, String) {
    let serial = date.as_f64();
    if !(0.0..SERIAL_END).contains(&serial) {
        return (CellKind::Uncertain, serial.to_string());
    }
    match civil(date) {
        // Serial dates below 1 are times of day.
        Some(at) if serial < 1.0 => (CellKind::Plain, at.time().to_string()),
        Some(at) => (CellKind::Date, iso_date(at)),
        None => (CellKind::Uncertain, serial.to_string()),
    }
}

fn civil(date: &ExcelDateTime) -> Option<DateTime> {
    let (year, month, day, hour, minute, second, milli) = date.to_ymd_hms_milli();
    let small = |number: u8| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    let nanos = i32::from(milli) * 1_000_000;
    Some(date.to_datetime(Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?))
}

/// A date at midnight is written without a time.
fn iso_date(at: DateTime) -> String {
    if at.time() == Time::midnight() {
        at.date().to_string()
    } else {
        at.to_string()
    }
}

fn text_of_duration(days: f64) -> String {
    let seconds = (days.abs() * 86_400.0).round() as u64;
    let sign = if days < 0.0 { "-" } else { "" };
    format!(
        "{sign}{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The date and time of a serial date in digits, as spreadsheets count them: days since the end of 1899, or since the
/// beginning of 1904 (`is_1904`), to the millisecond. `None` if it is no such number, or before or after what
/// spreadsheets allow, or the 29th of February 1900, which never was.
pub fn date_of_serial(serial: &str, is_1904: bool) -> Option<DateTime> {
    let serial = serial.trim();
    if !serial
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    let days: f64 = serial.parse().ok()?;
    let first = if is_1904 { 0.0 } else { 1.0 };
    let end = if is_1904 {
        SERIAL_END - 1462.0
    } else {
        SERIAL_END
    };
    if !(first..end).contains(&days) {
        return None;
    }
    civil(&ExcelDateTime::new(
        days,
        ExcelDateTimeType::DateTime,
        is_1904,
    ))
}

#[cfg(test)]
mod tests {
    use calamine::{CellErrorType, Data, ExcelDateTime, ExcelDateTimeType};

    use super::{CellKind, date_of_serial, text_of_cell};

    #[test]
    fn numbers_are_written_as_a_person_types_them() {
        for (number, text) in [
            (3.0, "3"),
            (-0.5, "-0.5"),
            (1234.5, "1234.5"),
            (19.99 * 3.0, "59.97"),
            (0.1 + 0.2, "0.3"),
            (1e15, "1000000000000000"),
            (3812345671.0, "3812345671"),
            (1e-7, "0.0000001"),
            (1.0 / 3.0, "0.333333333333333"),
        ] {
            assert_eq!(
                text_of_cell(&Data::Float(number)),
                (CellKind::Plain, text.to_owned())
            );
        }
    }

    #[test]
    fn numbers_past_what_a_spreadsheet_holds_exactly_and_errors_are_uncertain() {
        assert_eq!(text_of_cell(&Data::Float(1e16)).0, CellKind::Uncertain);
        assert_eq!(text_of_cell(&Data::Float(f64::NAN)).0, CellKind::Uncertain);
        assert_eq!(
            text_of_cell(&Data::Error(CellErrorType::NA)),
            (CellKind::Uncertain, "#N/A".to_owned())
        );
    }

    #[test]
    fn dates_are_iso_and_times_and_durations_stay_what_they_are() {
        let date = |serial, is_1904| {
            text_of_cell(&Data::DateTime(ExcelDateTime::new(
                serial,
                ExcelDateTimeType::DateTime,
                is_1904,
            )))
        };
        assert_eq!(
            date(46117.0, false),
            (CellKind::Date, "2026-04-05".to_owned())
        );
        assert_eq!(
            date(46_117.879_409_722_22, false),
            (CellKind::Date, "2026-04-05T21:06:21".to_owned())
        );
        assert_eq!(
            date(46117.0 - 1462.0, true),
            (CellKind::Date, "2026-04-05".to_owned())
        );
        assert_eq!(
            date(0.4375, false),
            (CellKind::Plain, "10:30:00".to_owned())
        );
        assert_eq!(date(60.0, false).0, CellKind::Uncertain);
        assert_eq!(date(-1.0, false).0, CellKind::Uncertain);
        let duration = ExcelDateTime::new(1.5, ExcelDateTimeType::TimeDelta, false);
        assert_eq!(
            text_of_cell(&Data::DateTime(duration)),
            (CellKind::Plain, "36:00:00".to_owned())
        );
        let iso = Data::DateTimeIso("2026-04-05T21:06:21".to_owned());
        assert_eq!(
            text_of_cell(&iso),
            (CellKind::Date, "2026-04-05T21:06:21".to_owned())
        );
    }

    #[test]
    fn serial_dates_in_digits_are_dates_in_both_systems() {
        let text = |serial, is_1904| date_of_serial(serial, is_1904).map(|date| date.to_string());
        assert_eq!(
            text("46117.5", false).as_deref(),
            Some("2026-04-05T12:00:00")
        );
        assert_eq!(
            text(" 44655 ", true).as_deref(),
            Some("2026-04-05T00:00:00")
        );
        assert_eq!(
            text("2958465", false).as_deref(),
            Some("9999-12-31T00:00:00")
        );
        for wrong in [
            "",
            ".",
            "60",
            "0.5",
            "-1",
            "1e3",
            "2958466",
            "abc",
            "2026-04-05",
        ] {
            assert_eq!(text(wrong, false), None, "{wrong:?}");
        }
    }
}
