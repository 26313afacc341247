//! One simulated candle in exact integers, and its row of JSON text.

use chrono::{DateTime, Utc};

use crate::market::Candle;

/// Digits after the point of a volume.
pub(super) const VOLUME_DECIMALS: u8 = 8;

/// One candle as the exchange holds it: integers, so that its text is exact.
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
    /// Traded base currency, in units of 1e-8.
    pub volume: i64,
    /// Digits after the point of the four prices.
    pub price_decimals: u8,
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
        write_decimal(out, self.volume, VOLUME_DECIMALS);
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
            volume: Some(nearest(self.volume, VOLUME_DECIMALS)),
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

/// Rows as one JSON array, in the order given.
pub(super) fn write_rows(rows: &[MarketCandle]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + rows.len() * 72);
    out.push(b'[');
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        row.write_row(&mut out);
    }
    out.push(b']');
    out
}

/// Both operands are whole and below 2^53, so the division rounds once, as reading the text does.
fn nearest(units: i64, decimals: u8) -> f64 {
    units as f64 / 10_i64.pow(u32::from(decimals)) as f64
}

/// Appends `units` with the point `decimals` digits from the right, in plain notation.
pub(super) fn write_decimal(out: &mut Vec<u8>, units: i64, decimals: u8) {
    let mut rest = units.unsigned_abs();
    let mut places = decimals;
    while places > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        places -= 1;
    }
    let mut text = [0_u8; 40];
    let mut at = text.len();
    let mut put = |byte| {
        at -= 1;
        text[at] = byte;
    };
    for _ in 0..places {
        put(last_digit(rest));
        rest /= 10;
    }
    if places > 0 {
        put(b'.');
    }
    loop {
        put(last_digit(rest));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if units < 0 {
        put(b'-');
    }
    out.extend_from_slice(&text[at..]);
}

fn last_digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(units: i64, decimals: u8) -> String {
        let mut out = Vec::new();
        write_decimal(&mut out, units, decimals);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_are_written_like_the_exchange_writes_them() {
        let cases = [
            (0, 8, "0"),
            (1, 8, "0.00000001"),
            (10_317_566_980, 8, "103.1756698"),
            (11_500_000, 2, "115000"),
            (11_528_490, 2, "115284.9"),
            (-5, 2, "-0.05"),
            (1_756_004_400, 0, "1756004400"),
            (i64::MIN, 8, "-92233720368.54775808"),
        ];
        for (units, decimals, expected) in cases {
            assert_eq!(text(units, decimals), expected);
        }
    }

    proptest! {
        #[test]
        fn text_reads_back_to_the_same_units_and_the_same_float(
            units in -(1_i64 << 53)..1_i64 << 53,
            decimals in 0_u8..=12,
        ) {
            let text = text(units, decimals);
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            let digits = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
            prop_assert_eq!(digits.parse::<i64>().unwrap(), units);
            prop_assert_eq!(text.parse::<f64>().unwrap(), nearest(units, decimals));
        }
    }

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
        };
        let rows = String::from_utf8(write_rows(&[candle, candle])).unwrap();
        let row = "[1756004400,114880.12,115120.27,114955.01,114934.99,35.17607771]";
        assert_eq!(rows, format!("[{row},{row}]"));
        assert_eq!(candle.to_candle().volume, Some(35.176_077_71));
    }
}
