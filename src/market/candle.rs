//! Open, high, low, close and volume of one stretch of time, alone and in columns.

use chrono::{DateTime, Utc};

/// One candle. `volume` is in base units, and absent where the source reports none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candle {
    pub open_time: DateTime<Utc>,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: Option<f64>,
}

impl Candle {
    /// Takes in the next candle of a finer timeframe; the open time and the open stay.
    pub fn absorb(&mut self, next: &Self) {
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
        self.close = next.close;
        self.volume = self.volume.zip(next.volume).map(|(sum, volume)| sum + volume);
    }

    /// Whether both say the same, bit for bit; a difference is a revision.
    pub fn has_values_of(&self, other: &Self) -> bool {
        let bits = |c: &Self| {
            let prices = [c.open, c.high, c.low, c.close].map(f64::to_bits);
            (prices, c.volume.map(f64::to_bits))
        };
        bits(self) == bits(other)
    }
}

/// Candles as columns of equal length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candles {
    /// Microseconds since 1970.
    pub open_time: Vec<i64>,
    pub open: Vec<f64>,
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub volume: Vec<Option<f64>>,
}

impl Candles {
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            open_time: Vec::with_capacity(rows),
            open: Vec::with_capacity(rows),
            high: Vec::with_capacity(rows),
            low: Vec::with_capacity(rows),
            close: Vec::with_capacity(rows),
            volume: Vec::with_capacity(rows),
        }
    }

    pub fn len(&self) -> usize {
        self.open_time.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open_time.is_empty()
    }

    pub fn push(&mut self, candle: Candle) {
        self.open_time.push(candle.open_time.timestamp_micros());
        self.open.push(candle.open);
        self.high.push(candle.high);
        self.low.push(candle.low);
        self.close.push(candle.close);
        self.volume.push(candle.volume);
    }

    pub fn get(&self, row: usize) -> Candle {
        Candle {
            open_time: self.open_time_at(row),
            open: self.open[row],
            high: self.high[row],
            low: self.low[row],
            close: self.close[row],
            volume: self.volume[row],
        }
    }

    pub fn open_time_at(&self, row: usize) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.open_time[row]).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Candle> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    pub fn extend(&mut self, other: &Self) {
        self.open_time.extend_from_slice(&other.open_time);
        self.open.extend_from_slice(&other.open);
        self.high.extend_from_slice(&other.high);
        self.low.extend_from_slice(&other.low);
        self.close.extend_from_slice(&other.close);
        self.volume.extend_from_slice(&other.volume);
    }

    /// Turns newest-first answers into oldest-first ones.
    pub fn reverse(&mut self) {
        self.open_time.reverse();
        self.open.reverse();
        self.high.reverse();
        self.low.reverse();
        self.close.reverse();
        self.volume.reverse();
    }
}

impl FromIterator<Candle> for Candles {
    fn from_iter<I: IntoIterator<Item = Candle>>(candles: I) -> Self {
        let mut columns = Self::default();
        for candle in candles {
            columns.push(candle);
        }
        columns
    }
}
