//! Whether prices go somewhere, and where to.

use super::{Prices, momentum::Range, ratio, volatility::true_range};

/// The strength of a trend and its direction, each from 0 to 100.
#[derive(Debug, Clone)]
pub struct Directional {
    pub adx: Vec<f64>,
    pub plus_di: Vec<f64>,
    pub minus_di: Vec<f64>,
}

/// Directional movement: both indicators from candle `n` on, their average index from candle `2 n - 1` on
/// (Wilder 1978). As in TA-Lib sums begin with `n - 1` candles, and the index stays where neither
/// direction is.
pub fn adx(prices: Prices<'_>, n: usize) -> Directional {
    let length = prices.close.len();
    let range = true_range(prices);
    let none = || vec![f64::NAN; length];
    let mut out = Directional { adx: none(), plus_di: none(), minus_di: none() };
    let mut sums = Sums::default();
    for (at, range) in range.into_iter().enumerate().skip(1) {
        let (up, down) = movement(prices, at);
        if range.is_nan() || up.is_nan() {
            sums = Sums::default();
            continue;
        }
        sums.add(up, down, range, n);
        if sums.seen < n {
            continue;
        }
        let (plus, minus) =
            (100.0 * ratio(sums.up, sums.range), 100.0 * ratio(sums.down, sums.range));
        (out.plus_di[at], out.minus_di[at]) = (plus, minus);
        out.adx[at] = sums.index(100.0 * ratio((plus - minus).abs(), plus + minus), n);
    }
    out
}

/// What is smoothed as Wilder does it, with sums.
#[derive(Default)]
struct Sums {
    /// Candles since the beginning.
    seen: usize,
    up: f64,
    down: f64,
    range: f64,
    /// The sum of the indexes of the first candles, then their average.
    average: f64,
}

impl Sums {
    fn add(&mut self, up: f64, down: f64, range: f64, n: usize) {
        self.seen += 1;
        let share = if self.seen < n { 0.0 } else { 1.0 / n as f64 };
        self.up += up - self.up * share;
        self.down += down - self.down * share;
        self.range += range - self.range * share;
    }

    /// The average with one more index, NaN until there are `n`.
    fn index(&mut self, index: f64, n: usize) -> f64 {
        let count = n as f64;
        let known = if index.is_nan() { None } else { Some(index) };
        if self.seen < 2 * n {
            self.average += known.unwrap_or(0.0);
            if self.seen + 1 < 2 * n {
                return f64::NAN;
            }
            self.average /= count;
        } else if let Some(index) = known {
            self.average = (self.average * (count - 1.0) + index) / count;
        }
        self.average
    }
}

/// How far the range has moved up, or down.
fn movement(prices: Prices<'_>, at: usize) -> (f64, f64) {
    let up = prices.high[at] - prices.high[at - 1];
    let down = prices.low[at - 1] - prices.low[at];
    if up.is_nan() || down.is_nan() {
        (f64::NAN, f64::NAN)
    } else if down > 0.0 && up < down {
        (0.0, down)
    } else if up > 0.0 && up > down {
        (up, 0.0)
    } else {
        (0.0, 0.0)
    }
}

/// The equilibrium at a glance, without the span that looks ahead.
#[derive(Debug, Clone)]
pub struct Ichimoku {
    pub tenkan: Vec<f64>,
    pub kijun: Vec<f64>,
    /// The cloud as it was cast ahead `kijun` candles ago.
    pub senkou_a: Vec<f64>,
    pub senkou_b: Vec<f64>,
}

/// Middles of the ranges over `tenkan`, `kijun` and `senkou` candles; the cloud is shifted by `kijun`
/// (Hosoda 1969).
pub fn ichimoku(prices: Prices<'_>, tenkan: usize, kijun: usize, senkou: usize) -> Ichimoku {
    let middle = |n: usize| Range::of(prices, n).middle();
    let (short, medium, long) = (middle(tenkan), middle(kijun), middle(senkou));
    let ahead = |value: Vec<f64>| -> Vec<f64> {
        let before = std::iter::repeat_n(f64::NAN, kijun.min(value.len()));
        before.chain(value.iter().copied()).take(value.len()).collect()
    };
    let first = short.iter().zip(&medium).map(|(a, b)| f64::midpoint(*a, *b)).collect();
    Ichimoku { senkou_a: ahead(first), senkou_b: ahead(long), tenkan: short, kijun: medium }
}

impl Ichimoku {
    /// Whether a price is above the cloud; `None` while there is none.
    pub fn is_above(&self, at: usize, price: f64) -> Option<bool> {
        let (a, b) = (self.senkou_a[at], self.senkou_b[at]);
        let is_known = !(a.is_nan() || b.is_nan() || price.is_nan());
        is_known.then(|| price > a.max(b))
    }
}
