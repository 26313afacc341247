//! Words of the command line that mean something: instants, ids, names of schedules.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};

use crate::market::TableName;

/// A date, which is its midnight in UTC, or an instant with its zone.
///
/// Text without a zone is refused: it would be another instant on another machine.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(NaiveTime::MIN).and_utc());
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(at.to_utc()),
        Err(_) if DateTime::parse_from_rfc3339(&format!("{text}Z")).is_ok() => {
            Err(format!("it has no time zone; write {text}Z for UTC"))
        }
        Err(_) => Err("write a date like 2024-01-31, which is its midnight in UTC, or an instant \
                       like 2024-01-31T09:00:00Z"
            .to_owned()),
    }
}

/// As the API reads it.
pub(super) fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// An id becomes a part of a path, so it must not mean anything there.
pub(super) fn id(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.chars().all(is_plain) && (1..=100).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err("an id has letters, digits, _ and -, like bf_018e13f6a1c07f3e8a54b1c2d3e4f506".to_owned())
}

/// `poll/1m` is called `poll-1m` in a path.
pub(super) fn schedule(text: &str) -> Result<String, String> {
    id(&text.replace('/', "-")).map_err(|_| "write a name like poll-1m or repair".to_owned())
}

/// A table becomes a part of a path too.
pub(super) fn table(text: &str) -> Result<String, String> {
    let name: Result<TableName, _> = text.parse();
    let fix = |_| "write a name like raw_market_data_1m or user.prices".to_owned();
    name.map(|name| name.to_string()).map_err(fix)
}

pub(super) fn patience(text: &str) -> Result<std::time::Duration, String> {
    let span =
        humantime::parse_duration(text).map_err(|error| format!("{error}; write 1s or 1m"))?;
    if span.is_zero() { Err("use more than zero, like 1s".to_owned()) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t30_a_date_is_midnight_in_utc_and_an_instant_has_a_zone() {
        for (text, expected) in [
            ("2024-01-31", "2024-01-31T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("2024-01-31T09:00:00Z", "2024-01-31T09:00:00Z"),
            ("2024-01-31T09:00:00+02:00", "2024-01-31T07:00:00Z"),
        ] {
            assert_eq!(written(instant(text).unwrap()), expected, "{text}");
        }
        for bad in
            ["2024-02-30", "2023-02-29", "31.01.2024", "yesterday", "", "1704063600", "2024-1"]
        {
            assert!(instant(bad).unwrap_err().starts_with("write a date"), "{bad:?}");
        }
        let naive = instant("2024-01-31T09:00:00").unwrap_err();
        assert_eq!(naive, "it has no time zone; write 2024-01-31T09:00:00Z for UTC");
    }

    #[test]
    fn an_id_means_nothing_in_a_path() {
        assert_eq!(id("bf_1").unwrap(), "bf_1");
        for bad in ["", ".", "..", "a/b", "a?b", "a b", "ä"] {
            assert!(id(bad).is_err(), "{bad:?}");
        }
        assert_eq!(schedule("poll/1m").unwrap(), "poll-1m");
        assert!(schedule("../x").is_err());
    }
}
