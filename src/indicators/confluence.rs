//! What the timeframes of a market say together: the trend of each, and whether they agree.

use super::{
    Prices,
    averages::sma,
    momentum::{Macd, macd, rsi},
    trend::{Directional, adx},
    volatility::{Bands, atr, bollinger},
};

/// Candles that a trend needs.
pub const LEAST: usize = 50;
/// Candles after which every value is the same as from the beginning of time: see [`super::decisions`].
pub const REACH: usize = 1_000;

/// Where a market goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
    Ranging,
    /// Some go up and some go down.
    Mixed,
    /// There is too little to tell.
    Unknown,
}

impl Direction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "uptrend",
            Self::Down => "downtrend",
            Self::Ranging => "ranging",
            Self::Mixed => "mixed",
            Self::Unknown => "unknown",
        }
    }
}

/// What the newest candle of one timeframe says, given those before it. What is not there is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub close: f64,
    pub sma_20: f64,
    pub sma_50: f64,
    pub rsi: f64,
    /// Line, signal and histogram.
    pub macd: [f64; 3],
    /// Upper, middle and lower band, and where between them the close is, from 0 to 100.
    pub bands: [f64; 4],
    /// The index, and the indicators of both directions.
    pub adx: [f64; 3],
    pub atr: f64,
    /// How many candles it was made of.
    pub candles: usize,
}

impl Reading {
    /// `None` without a candle.
    pub fn of(prices: Prices<'_>) -> Option<Self> {
        let close = prices.close;
        let at = close.len().checked_sub(1)?;
        let Macd { line, signal, histogram } = macd(close, 12, 26, 9);
        let Bands { upper, middle, lower, percent_b } = bollinger(close, 20, 2.0);
        let Directional { adx, plus_di, minus_di } = adx(prices, 14);
        Some(Self {
            close: close[at],
            sma_20: sma(close, 20)[at],
            sma_50: sma(close, 50)[at],
            rsi: rsi(close, 14)[at],
            macd: [line[at], signal[at], histogram[at]],
            bands: [upper[at], middle[at], lower[at], percent_b[at]],
            adx: [adx[at], plus_di[at], minus_di[at]],
            atr: atr(prices, 14)[at],
            candles: close.len(),
        })
    }

    /// The trend and its strength from 0 to 100. The averages decide it; an index above 25 that agrees
    /// adds to its strength, one below takes from it, the MACD on its side adds a little; a close that is
    /// 2 % beyond the short average on the other side makes it ranging.
    pub fn trend(&self) -> (Direction, f64) {
        let apart = self.sma_20 - self.sma_50;
        if self.candles < LEAST || apart.is_nan() {
            return (Direction::Unknown, 0.0);
        }
        let is_up = apart > 0.0;
        let mut direction = match apart {
            0.0 => Direction::Ranging,
            _ if is_up => Direction::Up,
            _ => Direction::Down,
        };
        let percent = apart.abs() / self.sma_50 * 100.0;
        let mut strength = (50.0 + percent * 200.0).min(100.0);
        let [index, plus, minus] = self.adx;
        if index > 25.0 {
            let agrees = direction == Direction::Up && plus > minus
                || direction == Direction::Down && minus > plus;
            strength += if agrees { 10.0 } else { 0.0 };
        } else if index <= 25.0 {
            strength = (strength - 15.0).max(30.0);
        }
        let [line, signal, _] = self.macd;
        let agrees = direction == Direction::Up && line > signal
            || direction == Direction::Down && line < signal;
        strength = (strength + if agrees { 5.0 } else { 0.0 }).min(100.0);
        let is_beyond = direction == Direction::Up && self.close < self.sma_20 * 0.98
            || direction == Direction::Down && self.close > self.sma_20 * 1.02;
        if is_beyond {
            direction = Direction::Ranging;
        }
        (direction, strength)
    }

    /// How much the range moves, as a share of the price; NaN during the warm-up.
    pub fn volatility(&self) -> Option<&'static str> {
        let share = self.atr / self.close;
        match share {
            _ if share.is_nan() => None,
            _ if share < 0.01 => Some("low"),
            _ if share < 0.025 => Some("medium"),
            _ => Some("high"),
        }
    }

    /// The mean of what RSI, MACD, ADX and Bollinger bands say, from 0 to 100; 50 if none says anything.
    /// The histogram is weighed by the range, so that it means the same for any price.
    pub fn signal_strength(&self) -> f64 {
        let rsi = vote(self.rsi, |rsi| match rsi {
            _ if !(30.0..=70.0).contains(&rsi) => 80.0,
            _ if !(40.0..=60.0).contains(&rsi) => 60.0,
            _ => 40.0,
        });
        let histogram = vote(self.macd[2].abs() / self.atr, |share| match share {
            _ if share > 0.1 => 80.0,
            _ if share > 0.05 => 65.0,
            _ => 50.0,
        });
        let index =
            vote(self.adx[0], |adx| if adx > 25.0 { (50.0 + adx).min(100.0) } else { 30.0 });
        let place = vote(self.bands[3], |place| match place {
            _ if !(10.0..=90.0).contains(&place) => 85.0,
            _ if !(30.0..=70.0).contains(&place) => 65.0,
            _ => 45.0,
        });
        let votes: Vec<f64> = [rsi, histogram, index, place].into_iter().flatten().collect();
        if votes.is_empty() {
            return 50.0;
        }
        (votes.iter().sum::<f64>() / votes.len() as f64).trunc()
    }
}

fn vote(value: f64, says: impl Fn(f64) -> f64) -> Option<f64> {
    value.is_finite().then(|| says(value))
}

/// Whether timeframes agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    pub direction: Direction,
    /// Of the side that wins, or of the larger one, from 0 to 100.
    pub strength: f64,
    pub up_percent: f64,
    pub down_percent: f64,
}

/// A side has it with more than 60 % of the weight. Each entry is a timeframe's weight, its trend and that
/// trend's strength; those of which nothing is known do not count.
pub fn align(trends: &[(f64, Direction, f64)]) -> Alignment {
    let known = trends.iter().filter(|(_, direction, _)| *direction != Direction::Unknown);
    let total: f64 = known.map(|(weight, ..)| weight).sum();
    let side = |side: Direction| {
        let votes = trends.iter().filter(|(_, direction, _)| *direction == side);
        let sum: f64 = votes.map(|(weight, _, strength)| weight * strength / 100.0).sum();
        if total == 0.0 { 0.0 } else { sum / total * 100.0 }
    };
    let (up_percent, down_percent) = (side(Direction::Up), side(Direction::Down));
    let direction = match () {
        () if total == 0.0 => Direction::Unknown,
        () if up_percent > 60.0 => Direction::Up,
        () if down_percent > 60.0 => Direction::Down,
        () => Direction::Mixed,
    };
    Alignment {
        direction,
        strength: up_percent.max(down_percent).trunc(),
        up_percent,
        down_percent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading {
            close: 101.0,
            sma_20: 100.1,
            sma_50: 100.0,
            rsi: 55.0,
            macd: [1.0, 0.5, 0.5],
            bands: [103.0, 100.0, 97.0, 66.0],
            adx: [30.0, 25.0, 10.0],
            atr: 1.0,
            candles: 100,
        }
    }

    #[test]
    fn a_trend_by_hand() {
        // 0.1 % apart: 50 + 20, then 10 for the index, 5 for the MACD.
        let up = reading();
        assert_eq!((up.trend().0, up.trend().1.round()), (Direction::Up, 85.0));
        let weak = Reading { adx: [20.0, 25.0, 10.0], ..reading() };
        assert_eq!(weak.trend().1.round(), 60.0);
        let flat =
            Reading { sma_20: 100.001, adx: [10.0, 1.0, 1.0], macd: [0.0, 1.0, -1.0], ..reading() };
        assert_eq!((flat.trend().0, flat.trend().1.round()), (Direction::Up, 35.0));
        let fallen = Reading { close: 98.0, ..reading() };
        assert_eq!(fallen.trend().0, Direction::Ranging);
        let few = Reading { candles: 49, ..reading() };
        assert_eq!(few.trend(), (Direction::Unknown, 0.0));
        let down = Reading { sma_20: 99.0, close: 98.5, macd: [-1.0, 0.0, -1.0], ..reading() };
        assert_eq!(down.trend(), (Direction::Down, 100.0));
    }

    #[test]
    fn a_signal_by_hand() {
        // 40 for the RSI, 80 for the histogram, 80 for the index, 45 for the place.
        assert_eq!(reading().signal_strength(), 61.0);
        let nothing = f64::NAN;
        let young = Reading {
            rsi: 75.0,
            macd: [nothing; 3],
            bands: [nothing; 4],
            adx: [nothing; 3],
            atr: nothing,
            ..reading()
        };
        assert_eq!(young.signal_strength(), 80.0);
        assert_eq!(young.volatility(), None);
        assert_eq!(reading().volatility(), Some("low"));
    }

    #[test]
    fn timeframes_agree_by_weight() {
        let up = align(&[(40.0, Direction::Up, 90.0), (25.0, Direction::Up, 80.0)]);
        assert_eq!((up.direction, up.strength), (Direction::Up, 86.0));
        let mixed = align(&[(40.0, Direction::Up, 100.0), (40.0, Direction::Down, 90.0)]);
        assert_eq!((mixed.direction, mixed.up_percent), (Direction::Mixed, 50.0));
        let held = align(&[(40.0, Direction::Up, 100.0), (40.0, Direction::Ranging, 50.0)]);
        assert_eq!(held.direction, Direction::Mixed, "what ranges counts as well");
        let alone = align(&[(5.0, Direction::Down, 70.0), (40.0, Direction::Unknown, 0.0)]);
        assert_eq!((alone.direction, alone.strength), (Direction::Down, 70.0));
        assert_eq!(align(&[]).direction, Direction::Unknown);
    }
}
