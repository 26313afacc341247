//! Reading a request for candles: what may be asked, and the words in which it is refused.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::simulate::{Reply, instant::read_instant};

/// Candle lengths that are offered, in seconds.
pub(super) const GRANULARITIES: [i64; 6] = [60, 300, 900, 3_600, 21_600, 86_400];

/// Most candles between `start` and `end`; both bounds count, so an answer may have one row more.
const MOST_CANDLES: i64 = 300;

/// The query of a request for candles, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct CandleQuery {
    /// Length of the candles, in seconds.
    pub(super) granularity: Option<String>,
    /// First open time, ISO 8601 or unix seconds.
    pub(super) start: Option<String>,
    /// Last open time, inclusive, ISO 8601 or unix seconds.
    pub(super) end: Option<String>,
}

/// Why a request is wrong, in the exchange's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
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
    const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            _ => 400,
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::message(refusal.status(), &refusal.to_string())
    }
}

/// Reads a granularity the exchange offers, in seconds.
pub(super) fn read_granularity(text: Option<&str>) -> Result<i64, Refusal> {
    let given = text.and_then(|text| text.parse().ok());
    given.filter(|given| GRANULARITIES.contains(given)).ok_or(Refusal::Granularity)
}

/// Reads bounds of at most 300 candles, as whole unix seconds between the given instants.
pub(super) fn read_bounds(start: &str, end: &str, granularity: i64) -> Result<(i64, i64), Refusal> {
    let bound = |text| read_instant(text).ok_or(Refusal::Bound);
    let (start, end) = (bound(start)?, bound(end)?);
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

#[cfg(test)]
mod tests {
    use super::*;

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
