//! One simulated candle in exact integers, and its row in Coinbase's JSON.

use chrono::{DateTime, Utc};

use super::decimal::{nearest, write_decimal};
use crate::market::Candle;

/// Digits after the point of a volume of crypto.
pub(super) const VOLUME_DECIMALS: u8 = 8;

/// One candle as the market holds it: integers, so that its text is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MarketCandle {
    /// Open time, unix seconds.
    pub open_time: i64,
    /// First price, in units of the last price decimal.
    pub open: i64,
    /// Greatest price, in units of the last price decimal.
    pub high: i64,
    /// Least price, in units of the last price decimal.
    pub low: i64,
    /// Last price, in units of the last price decimal.
    pub close: i64,
    /// Traded base currency or shares, or for currencies the number of quotes; in units of the last
    /// volume decimal.
    pub volume: i64,
    /// Digits after the point of the four prices.
    pub price_decimals: u8,
    /// Digits after the point of the volume.
    pub volume_decimals: u8,
}

impl MarketCandle {
    /// Appends `[time,low,high,open,close,volume]`, without the zeros a decimal may end in.
    pub fn write_row(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        write_decimal(out, self.open_time, 0);
        for price in [self.low, self.high, self.open, self.close] {
            out.push(b',');
            write_decimal(out, price, self.price_decimals);
        }
        out.push(b',');
        write_decimal(out, self.volume, self.volume_decimals);
        out.push(b']');
    }

    /// The candle in Barkeep's words, each number the `f64` nearest to its text.
    pub fn to_candle(&self) -> Candle {
        let price = |ticks| nearest(ticks, self.price_decimals);
        Candle {
            open_time: DateTime::from_timestamp(self.open_time, 0)
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
            open: price(self.open),
            high: price(self.high),
            low: price(self.low),
            close: price(self.close),
            volume: Some(nearest(self.volume, self.volume_decimals)),
        }
    }

    /// With every price off by so many basis points, in whole ticks.
    pub(super) fn diverged(self, basis_points: i64) -> Self {
        let off = |price: i64| (price + price * basis_points / 10_000).max(1);
        let Self { open, high, low, close, .. } = self;
        Self { open: off(open), high: off(high), low: off(low), close: off(close), ..self }
    }

    /// With so many decimals; what does not fit is cut off.
    pub(super) fn rescaled(self, price_decimals: u8, volume_decimals: u8) -> Self {
        let rescaled = |units: i64, from: u8, to: u8| match from.checked_sub(to) {
            Some(fewer) => units / 10_i64.pow(u32::from(fewer)),
            None => units * 10_i64.pow(u32::from(to - from)),
        };
        let price = |units| rescaled(units, self.price_decimals, price_decimals);
        Self {
            open_time: self.open_time,
            open: price(self.open),
            high: price(self.high),
            low: price(self.low),
            close: price(self.close),
            volume: rescaled(self.volume, self.volume_decimals, volume_decimals),
            price_decimals,
            volume_decimals,
        }
    }

    /// Takes in the candle that follows within the same bucket.
    pub(super) fn absorb(&mut self, next: &Self) {
        self.high = self.high.max(next.high);
        self.low = self.low.min(next.low);
        self.close = next.close;
        self.volume += next.volume;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_time_low_high_open_close_volume() {
        let candle = MarketCandle {
            open_time: 1_756_004_400,
            open: 11_495_501,
            high: 11_512_027,
            low: 11_488_012,
            close: 11_493_499,
            volume: 3_517_607_771,
            price_decimals: 2,
            volume_decimals: VOLUME_DECIMALS,
        };
        let mut row = Vec::new();
        candle.write_row(&mut row);
        let expected = "[1756004400,114880.12,115120.27,114955.01,114934.99,35.17607771]";
        assert_eq!(String::from_utf8(row).unwrap(), expected);
        assert_eq!(candle.to_candle().volume, Some(35.176_077_71));
    }
}
