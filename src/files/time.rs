//! Open times as files write them: numbers by magnitude, text by shape, without a zone UTC.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// For the reasons given with unreadable rows.
pub(super) const ACCEPTED: &str = "use unix seconds to nanoseconds, RFC 3339, 2024-01-31 09:00, 2024-01-31 09-AM or 20240131 09:00";

const ZONED: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z"];
const NAIVE: [&str; 4] =
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y%m%d %H:%M:%S%.f", "%Y%m%d %H:%M"];

/// Reads any accepted text.
pub(super) fn of_text(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return of_integer(number);
    }
    if let Ok(number) = text.parse::<f64>() {
        return of_float(number);
    }
    of_date(text).and_then(plausible)
}

/// Reads unix seconds, milliseconds, microseconds or nanoseconds, whichever the size suggests.
///
/// Below 100 million nothing is read: a row number or a spreadsheet's day number would become a
/// plausible candle of 1970. Digits that spell a date, like 20240131, are that date.
pub(super) fn of_integer(number: i64) -> Option<DateTime<Utc>> {
    if let Some(at) = of_digits(number) {
        return plausible(at);
    }
    let micros = match number.unsigned_abs() {
        100_000_000..100_000_000_000 => number.checked_mul(1_000_000),
        100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number),
        100_000_000_000_000_000.. => Some(number.div_euclid(1_000)),
        _ => None,
    };
    micros.and_then(of_micros)
}

/// Like [`of_integer`]; a fraction counts only where the number can hold one to the microsecond.
pub(super) fn of_float(number: f64) -> Option<DateTime<Utc>> {
    // What no i64 holds is no instant either.
    if number.is_nan() || number.abs() > 9e18 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the range of i64, see above")]
    let whole = |number: f64| number as i64;
    if number.fract() == 0.0 {
        return of_integer(whole(number));
    }
    let per_micro = match number.abs() {
        size if size < 1e8 => return None,
        size if size < 1e11 => 1e6,
        size if size < 1e14 => 1e3,
        _ => 1.0,
    };
    of_micros(whole((number * per_micro).round()))
}

pub(super) fn of_micros(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).and_then(plausible)
}

/// The time of day in text that holds nothing else.
pub(super) fn of_day(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

/// Years no market data is from are misread numbers or typing errors.
fn plausible(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1900..2200).contains(&at.year()).then_some(at)
}

/// Eight, twelve or fourteen digits that are a calendar date.
fn of_digits(number: i64) -> Option<DateTime<Utc>> {
    let midnight = match number {
        19_000_101..=21_991_231 => number * 1_000_000,
        190_001_010_000..=219_912_312_359 => number * 100,
        19_000_101_000_000..=21_991_231_235_959 => number,
        _ => return None,
    };
    let parsed = NaiveDateTime::parse_from_str(&midnight.to_string(), "%Y%m%d%H%M%S");
    parsed.ok().map(|at| at.and_utc())
}

fn of_date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    let text = text.strip_suffix("UTC").map_or(text, str::trim_end).replacen(['T', 't'], " ", 1);
    if text.ends_with(['M', 'm']) {
        // An hour alone is no time to chrono, so it is given its minute.
        let parsed = NaiveDateTime::parse_from_str(&format!("{text} 00"), "%Y-%m-%d %I-%p %M");
        return parsed.ok().map(|at| at.and_utc());
    }
    let naive = NAIVE.iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok());
    if let Some(at) = naive {
        return Some(at.and_utc());
    }
    let zoned = ZONED.iter().find_map(|form| DateTime::parse_from_str(&text, form).ok());
    zoned.map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_instant_is_the_same_instant() {
        let expected: DateTime<Utc> = "2023-12-31T23:00:00Z".parse().unwrap();
        for text in [
            "1704063600",
            "1704063600.0",
            "1.7040636e9",
            "1704063600000",
            "1704063600000.0",
            "1704063600000000",
            "1704063600000000000",
            "1704063600000000000.0",
            "2023-12-31T23:00:00Z",
            "2023-12-31t23:00:00z",
            "2024-01-01T01:00:00+02:00",
            "2024-01-01 01:00+02",
            "2023-12-31T23:00:00.000000Z",
            "2023-12-31T23:00:00",
            "2023-12-31 23:00:00",
            "2023-12-31 23:00:00.000",
            "2023-12-31 23:00:00+00:00",
            "2023-12-31 23:00:00 +00:00",
            "2023-12-31 23:00:00 UTC",
            "2023-12-31 23:00",
            "2023-12-31 23:00+00:00",
            "2023-12-31 11-PM",
            "20231231 23:00",
            "20231231 23:00:00",
            "20231231230000",
            "202312312300",
            " 2023-12-31 23:00 ",
        ] {
            assert_eq!(of_text(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn days_noon_midnight_and_fractions_are_exact() {
        for (text, expected) in [
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("20240229", "2024-02-29T00:00:00Z"),
            ("2019-10-17 12-AM", "2019-10-17T00:00:00Z"),
            ("2019-10-17 12-PM", "2019-10-17T12:00:00Z"),
            ("1704063600.25", "2023-12-31T23:00:00.25Z"),
            ("1704063600250.5", "2023-12-31T23:00:00.2505Z"),
            ("-252460800", "1962-01-01T00:00:00Z"),
        ] {
            assert_eq!(of_text(text), Some(expected.parse().unwrap()), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_instant_is_not_guessed_at() {
        for text in [
            "",
            "-",
            "NaN",
            "inf",
            "0",
            "17",
            "45292",
            "99999999",
            "1e300",
            "2024-02-30",
            "24-02-28",
            "02/28/2024",
            "2024-01-01 25:00",
            "2024-01-01 13-PM",
            "09:00",
            "9999-01-01",
            "9223372036854775807",
            "yesterday",
            "2024-01-01 09:00 CET",
        ] {
            assert_eq!(of_text(text), None, "{text:?}");
        }
    }
}
