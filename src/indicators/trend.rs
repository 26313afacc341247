//! Whether prices go somewhere, and where to.

use super::{
    Prices,
    averages::{step, wilder},
    momentum::Range,
    ratio,
    volatility::true_range,
};

/// The strength of a trend and its direction, each from 0 to 100.
#[derive(Debug, Clone)]
pub struct Directional {
    pub adx: Vec<f64>,
    pub plus_di: Vec<f64>,
    pub minus_di: Vec<f64>,
}

/// Directional movement: both indicators from candle `n` on, their average index from candle `2 n - 1` on,
/// counted from 0 (Wilder 1978). As in TA-Lib the first averages are of `n - 1` candles. Where prices do not
/// move in either direction there is no index, and its average begins anew.
pub fn adx(prices: Prices<'_>, n: usize) -> Directional {
    let none = || vec![f64::NAN; prices.close.len()];
    let (mut plus_di, mut minus_di, mut index) = (none(), none(), none());
    let mut average = Average::default();
    for (at, range) in true_range(prices).into_iter().enumerate().skip(1) {
        let (up, down) = movement(prices, at);
        if range.is_nan() || up.is_nan() {
            average = Average::default();
            continue;
        }
        average.add((up, down, range), prices.close[at], n);
        if average.seen >= n {
            let Average { up, down, range, .. } = average;
            plus_di[at] = 100.0 * ratio(up, range);
            minus_di[at] = 100.0 * ratio(down, range);
            index[at] = 100.0 * ratio((up - down).abs(), up + down);
        }
    }
    let whole = vec![100.0; index.len()];
    Directional { adx: wilder(&index, &whole, n), plus_di, minus_di }
}

/// Averages of movements and of the true range.
#[derive(Default)]
struct Average {
    /// Candles since the beginning.
    seen: usize,
    up: f64,
    down: f64,
    range: f64,
}

impl Average {
    fn add(&mut self, (up, down, range): (f64, f64, f64), price: f64, n: usize) {
        self.seen += 1;
        let share = 1.0 / n as f64;
        let with = |average: f64, value: f64| {
            if self.seen < n { average + share * value } else { step(average, value, share, price) }
        };
        (self.up, self.down) = (with(self.up, up), with(self.down, down));
        self.range = with(self.range, range);
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
