//! Two accounts of one candle that do not agree.

use chrono::{DateTime, Utc};

use crate::market::{Candle, Series};

/// What two accounts of the same candle were compared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Two providers on the same candle.
    ProviderDivergence,
    /// A provider's own candle and the one that its finer candles make.
    TimeframeMismatch,
}

impl Check {
    pub const ALL: [Self; 2] = [Self::ProviderDivergence, Self::TimeframeMismatch];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderDivergence => "provider_divergence",
            Self::TimeframeMismatch => "timeframe_mismatch",
        }
    }
}

/// How far two candles are apart where they differ most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divergence {
    /// One of [`Divergence::FIELDS`].
    pub field: &'static str,
    /// Hundredths of a percent of the mean of both values.
    pub bps: f64,
}

impl Divergence {
    pub const FIELDS: [&str; 5] = ["open", "high", "low", "close", "volume"];

    /// The price that differs most.
    pub fn of_prices(one: &Candle, other: &Candle) -> Self {
        let all = [
            Self::of("open", one.open, other.open),
            Self::of("high", one.high, other.high),
            Self::of("low", one.low, other.low),
            Self::of("close", one.close, other.close),
        ];
        all.into_iter().max_by(|a, b| a.bps.total_cmp(&b.bps)).unwrap_or(all[0])
    }

    /// The volume, where both have one. Volumes of different venues have nothing in common.
    pub fn of_volume(one: &Candle, other: &Candle) -> Option<Self> {
        one.volume.zip(other.volume).map(|(one, other)| Self::of("volume", one, other))
    }

    fn of(field: &'static str, one: f64, other: f64) -> Self {
        let mean = f64::midpoint(one, other);
        Self { field, bps: if one == other { 0.0 } else { (one - other).abs() / mean * 10_000.0 } }
    }
}

/// A divergence beyond what is tolerated.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub check: Check,
    /// The account that is preferred.
    pub series: Series,
    /// The one it was compared with.
    pub other: Series,
    pub open_time: DateTime<Utc>,
    pub divergence: Divergence,
    pub found_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(open: f64, high: f64, low: f64, close: f64) -> Candle {
        Candle { open_time: DateTime::UNIX_EPOCH, open, high, low, close, volume: None }
    }

    #[test]
    fn the_field_that_differs_most_is_named_in_hundredths_of_a_percent() {
        let one = candle(100.0, 110.0, 99.0, 105.0);
        let other = candle(100.1, 110.0, 99.0, 104.0);
        let apart = Divergence::of_prices(&one, &other);
        assert_eq!(apart.field, "close");
        assert!((apart.bps - 95.693).abs() < 0.001, "{}", apart.bps);
        assert_eq!(Divergence::of_prices(&one, &one).bps, 0.0);
        assert_eq!(apart.bps, Divergence::of_prices(&other, &one).bps);
    }

    #[test]
    fn volumes_are_compared_where_both_are_known() {
        let of = |volume| Candle { volume, ..candle(1.0, 1.0, 1.0, 1.0) };
        let volume = |one, other| Divergence::of_volume(&of(one), &of(other));
        assert_eq!(volume(Some(3.0), Some(1.0)).unwrap().bps, 10_000.0);
        assert_eq!(volume(Some(0.0), Some(0.0)).unwrap().bps, 0.0);
        assert_eq!(volume(None, Some(1.0)), None);
    }
}
