//! Instants as people and programs write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// ISO 8601 (UTC where it names no offset) or unix seconds, possibly with a fraction.
pub(super) fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let unix = || {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        DateTime::from_timestamp(seconds.parse().ok()?, nanos)
    };
    let with_offset = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
    let without_offset = || Some(text.parse::<NaiveDateTime>().ok()?.and_utc());
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc());
    unix().or_else(with_offset).or_else(without_offset).or_else(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_iso_or_unix_seconds() {
        for text in [
            "1709251200",
            "1709251200.000000000",
            "2024-03-01",
            "2024-03-01T00:00:00",
            "2024-03-01T00:00:00Z",
            "2024-03-01T01:00:00.000+01:00",
        ] {
            assert_eq!(read_instant(text).unwrap().timestamp(), 1_709_251_200, "{text}");
        }
        assert_eq!(read_instant("5.25").unwrap().timestamp_subsec_millis(), 250);
        for text in ["", "noon", "2024-13-01", "9223372036854775807"] {
            assert_eq!(read_instant(text), None, "{text}");
        }
    }
}
