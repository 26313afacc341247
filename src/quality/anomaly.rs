//! What is unusual about good candles: they land, and it is said.

/// An expectation that compares a series with its own past. See `silver.anomalies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anomaly {
    PriceMove,
    VolumeSpike,
    FlatWithVolume,
    GapRate,
}

impl Anomaly {
    pub const ALL: [Self; 4] =
        [Self::PriceMove, Self::VolumeSpike, Self::FlatWithVolume, Self::GapRate];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PriceMove => "price_move",
            Self::VolumeSpike => "volume_spike",
            Self::FlatWithVolume => "flat_with_volume",
            Self::GapRate => "gap_rate",
        }
    }

    /// What it expects, and what its threshold counts.
    pub const fn about(self) -> &'static str {
        match self {
            Self::PriceMove => {
                "the log return of the close is at most so many robust sigmas from the median of those \
                 before it"
            }
            Self::VolumeSpike => {
                "the logarithm of the volume is at most so many robust sigmas above the median of those \
                 before it"
            }
            Self::FlatWithVolume => {
                "where high and low are the same, the volume is at most so many times the median of \
                 those before it"
            }
            Self::GapRate => {
                "at most this share of the candles of a day is missing or not asked for"
            }
        }
    }
}
