//! A provider's rate limit as people write it: `75/min`, `25/day`, `10/s`, `500/5m`.

use std::{fmt, num::NonZeroU32, str::FromStr};

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, de::Error};

use crate::market::ParseError;

/// So many requests in any stretch of that length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub requests: NonZeroU32,
    pub span: TimeDelta,
}

const UNITS: [(&str, i64); 4] = [("s", 1), ("min", 60), ("hour", 3_600), ("day", 86_400)];

impl FromStr for Limit {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        let read = || {
            let (requests, span) = given.split_once('/')?;
            let unit = UNITS.into_iter().find(|(name, _)| *name == span.trim());
            let span = match unit {
                Some((_, seconds)) => TimeDelta::seconds(seconds),
                None => TimeDelta::from_std(humantime::parse_duration(span).ok()?).ok()?,
            };
            let requests = requests.trim().parse().ok()?;
            (span >= TimeDelta::seconds(1)).then_some(Self { requests, span })
        };
        read().ok_or_else(|| ParseError {
            what: "limit",
            given: given.to_owned(),
            fix: "write requests per time, like 75/min, 25/day, 10/s or 500/5m",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.span.num_seconds();
        match UNITS.into_iter().find(|(_, length)| *length == seconds) {
            Some((unit, _)) => write!(f, "{}/{unit}", self.requests),
            None => write!(f, "{}/{seconds}s", self.requests),
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_written() {
        for text in ["75/min", "25/day", "10/s", "100/hour", "500/300s"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        assert_eq!("500/5m".parse::<Limit>().unwrap().span, TimeDelta::minutes(5));
        for bad in ["", "75", "0/min", "-1/s", "75/fortnight", "75/10ms", "x/s"] {
            assert!(bad.parse::<Limit>().is_err(), "{bad:?}");
        }
    }
}
