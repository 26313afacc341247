//! How much prices move.

use super::{
    Prices,
    averages::{sma, wilder},
    higher, mean, over_windows, ratio,
};

/// `middle` is the moving average, `upper` and `lower` are so many deviations away from it, and
/// `percent_b` says where between them the value is, from 0 to 100.
#[derive(Debug, Clone)]
pub struct Bands {
    pub upper: Vec<f64>,
    pub middle: Vec<f64>,
    pub lower: Vec<f64>,
    /// NaN where the bands are one.
    pub percent_b: Vec<f64>,
}

/// Bollinger bands: the mean of `n` values and `width` population standard deviations around it
/// (Bollinger 2001).
pub fn bollinger(values: &[f64], n: usize, width: f64) -> Bands {
    let middle = sma(values, n);
    let deviation = over_windows(values, n, |window| {
        let mean = mean(window);
        (window.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64).sqrt()
    });
    let band = |side: f64| -> Vec<f64> {
        middle.iter().zip(&deviation).map(|(mean, one)| mean + side * width * one).collect()
    };
    let (upper, lower) = (band(1.0), band(-1.0));
    let within = |at: usize| 100.0 * ratio(values[at] - lower[at], upper[at] - lower[at]);
    Bands { percent_b: (0..values.len()).map(within).collect(), upper, middle, lower }
}

/// The true range: how far the price went, from the close before on. NaN at the first candle.
pub(super) fn true_range(prices: Prices<'_>) -> Vec<f64> {
    let Prices { high, low, close } = prices;
    let mut out = vec![f64::NAN; close.len()];
    for at in 1..close.len() {
        let before = close[at - 1];
        let beyond = higher((high[at] - before).abs(), (low[at] - before).abs());
        out[at] = higher(high[at] - low[at], beyond);
    }
    out
}

/// Average true range, smoothed as Wilder does; from candle `n` on, counted from 0 (Wilder 1978).
pub fn atr(prices: Prices<'_>, n: usize) -> Vec<f64> {
    wilder(&true_range(prices), prices.close, n)
}
