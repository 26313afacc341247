//! The six candle lengths, all aligned to the UTC day.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::ParseError;

/// How long a candle lasts. Every timeframe divides the UTC day, so open times are multiples of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timeframe {
    #[serde(rename = "1m")]
    M1,
    #[serde(rename = "5m")]
    M5,
    #[serde(rename = "15m")]
    M15,
    #[serde(rename = "1h")]
    H1,
    #[serde(rename = "4h")]
    H4,
    #[serde(rename = "1d")]
    D1,
}

impl Timeframe {
    /// All of them, finest first.
    pub const ALL: [Self; 6] = [Self::M1, Self::M5, Self::M15, Self::H1, Self::H4, Self::D1];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::H1 => "1h",
            Self::H4 => "4h",
            Self::D1 => "1d",
        }
    }

    pub const fn seconds(self) -> i64 {
        match self {
            Self::M1 => 60,
            Self::M5 => 300,
            Self::M15 => 900,
            Self::H1 => 3_600,
            Self::H4 => 14_400,
            Self::D1 => 86_400,
        }
    }

    pub const fn micros(self) -> i64 {
        self.seconds() * 1_000_000
    }

    pub const fn duration(self) -> TimeDelta {
        TimeDelta::seconds(self.seconds())
    }

    /// The open time of the candle that contains `at`.
    pub fn floor(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let micros = at.timestamp_micros();
        let floor = micros - micros.rem_euclid(self.micros());
        DateTime::from_timestamp_micros(floor).unwrap_or(at)
    }

    /// The first open time at or after `at`.
    pub fn ceil(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let floor = self.floor(at);
        if floor == at { at } else { floor + self.duration() }
    }

    pub fn is_open_time(self, at: DateTime<Utc>) -> bool {
        at.timestamp_micros().rem_euclid(self.micros()) == 0
            && at.timestamp_subsec_nanos().is_multiple_of(1_000)
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Timeframe {
    type Err = ParseError;

    fn from_str(given: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|timeframe| timeframe.as_str() == given).ok_or_else(|| {
            ParseError {
                what: "timeframe",
                given: given.to_owned(),
                fix: "use one of 1m, 5m, 15m, 1h, 4h, 1d",
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timeframes() -> impl Strategy<Value = Timeframe> {
        prop::sample::select(&Timeframe::ALL[..])
    }

    proptest! {
        #[test]
        fn t24_a_boundary_and_its_neighbours_fall_into_one_candle_each(
            timeframe in timeframes(),
            candle in -1_000_000_i64..3_000_000,
            off_by in -1_000_i64..=1_000,
        ) {
            let open = DateTime::from_timestamp(candle * timeframe.seconds(), 0).unwrap();
            let at = open + TimeDelta::microseconds(off_by);
            let expected = if off_by < 0 { open - timeframe.duration() } else { open };
            prop_assert_eq!(timeframe.floor(at), expected);
            prop_assert!(timeframe.ceil(at) >= at);
            prop_assert!(timeframe.ceil(at) - timeframe.floor(at) <= timeframe.duration());
        }

        #[test]
        fn text_round_trips(timeframe in timeframes()) {
            prop_assert_eq!(timeframe.as_str().parse::<Timeframe>().unwrap(), timeframe);
        }
    }

    #[test]
    fn t26_new_year_and_leap_day_are_ordinary_candles() {
        for text in ["2024-01-01T00:00:00Z", "2024-02-29T00:00:00Z", "2020-12-28T00:00:00Z"] {
            let midnight: DateTime<Utc> = text.parse().unwrap();
            for timeframe in Timeframe::ALL {
                assert!(timeframe.is_open_time(midnight), "{timeframe} at {text}");
            }
        }
    }

    #[test]
    fn an_unknown_timeframe_names_the_known_ones() {
        let error = "2h".parse::<Timeframe>().unwrap_err().to_string();
        assert!(error.contains("2h") && error.contains("1m, 5m, 15m, 1h, 4h, 1d"), "{error}");
    }
}
