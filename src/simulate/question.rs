//! Reading a request for candles: what may be asked, and the words in which it is refused.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde::Deserialize;

use super::GRANULARITIES;

/// Most candles between `start` and `end`; both bounds count, so an answer may have one row more.
const MOST_CANDLES: i64 = 300;

/// The query of a request for candles, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CandleQuery {
    /// Length of the candles, in seconds.
    pub granularity: Option<String>,
    /// First open time, ISO 8601 or unix seconds.
    pub start: Option<String>,
    /// Last open time, inclusive, ISO 8601 or unix seconds.
    pub end: Option<String>,
}

/// Why a request is wrong, in the exchange's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such product or page.
    #[error("NotFound")]
    NotFound,
    /// A granularity other than those of [`GRANULARITIES`], or none.
    #[error("Unsupported granularity")]
    Granularity,
    /// More than 300 candles between the bounds.
    #[error(
        "granularity too small for the requested time range. Count of aggregations requested \
         exceeds 300"
    )]
    TooMany,
    /// The bounds are the wrong way round.
    #[error("start must be before end")]
    Order,
    /// A bound is no time. The real exchange's words for it are not known.
    #[error("Invalid start or end")]
    Bound,
}

impl Refusal {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            _ => 400,
        }
    }
}

/// Reads a granularity the exchange offers, in seconds.
pub(super) fn read_granularity(text: Option<&str>) -> Result<i64, Refusal> {
    let given = text.and_then(|text| text.parse().ok());
    given.filter(|given| GRANULARITIES.contains(given)).ok_or(Refusal::Granularity)
}

/// Reads bounds of at most 300 candles, as whole unix seconds between the given instants.
pub(super) fn read_bounds(start: &str, end: &str, granularity: i64) -> Result<(i64, i64), Refusal> {
    let (start, end) = (read_instant(start)?, read_instant(end)?);
    if start > end {
        return Err(Refusal::Order);
    }
    if end - start > TimeDelta::seconds(MOST_CANDLES * granularity) {
        return Err(Refusal::TooMany);
    }
    // Candles open on whole seconds: a fraction moves the start on and leaves the end behind.
    let starts_late = i64::from(start.timestamp_subsec_nanos() > 0);
    Ok((start.timestamp() + starts_late, end.timestamp()))
}

/// Reads ISO 8601 (UTC where it names no offset) or unix seconds.
pub(super) fn read_instant(text: &str) -> Result<DateTime<Utc>, Refusal> {
    let text = text.trim();
    let unix = || DateTime::from_timestamp(text.parse().ok()?, 0);
    let with_offset = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
    let without_offset = || Some(text.parse::<NaiveDateTime>().ok()?.and_utc());
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc());
    unix().or_else(with_offset).or_else(without_offset).or_else(day).ok_or(Refusal::Bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_iso_or_unix_seconds() {
        for text in [
            "1709251200",
            "2024-03-01",
            "2024-03-01T00:00:00",
            "2024-03-01T00:00:00Z",
            "2024-03-01T01:00:00.000+01:00",
        ] {
            assert_eq!(read_instant(text).unwrap().timestamp(), 1_709_251_200, "{text}");
        }
        for text in ["", "noon", "2024-13-01", "9223372036854775807"] {
            assert_eq!(read_instant(text), Err(Refusal::Bound), "{text}");
        }
    }

    #[test]
    fn only_offered_granularities_are_read() {
        for granularity in GRANULARITIES {
            assert_eq!(read_granularity(Some(&granularity.to_string())), Ok(granularity));
        }
        for other in [None, Some(""), Some("120"), Some("14400"), Some("1m")] {
            assert_eq!(read_granularity(other), Err(Refusal::Granularity));
        }
    }
}
