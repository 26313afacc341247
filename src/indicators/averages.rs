//! Moving averages.

use super::{mean, over_windows};

/// Simple moving average: the mean of the last `n` values, its own included.
pub fn sma(values: &[f64], n: usize) -> Vec<f64> {
    over_windows(values, n, mean)
}

/// Exponential moving average with the weight `2 / (n + 1)`, begun with the mean of the first `n` values.
pub fn ema(values: &[f64], n: usize) -> Vec<f64> {
    ema_of_changes(values, values, n)
}

/// The same of changes of `prices`.
pub(super) fn ema_of_changes(values: &[f64], prices: &[f64], n: usize) -> Vec<f64> {
    smoothed(values, prices, n, 2.0 / (n as f64 + 1.0))
}

/// Wilder's moving average of changes of `prices`: exponential, with the weight `1 / n` (Wilder 1978).
pub(super) fn wilder(values: &[f64], prices: &[f64], n: usize) -> Vec<f64> {
    smoothed(values, prices, n, 1.0 / n as f64)
}

/// Begins with the mean of `n` values, also after one that is not there.
fn smoothed(values: &[f64], prices: &[f64], n: usize, weight: f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    let (mut seen, mut sum, mut last) = (0, 0.0, f64::NAN);
    for ((value, price), out) in values.iter().zip(prices).zip(&mut out) {
        if value.is_nan() {
            (seen, sum) = (0, 0.0);
            continue;
        }
        seen += 1;
        if seen < n {
            sum += value;
            continue;
        }
        last =
            if seen == n { (sum + value) / n as f64 } else { step(last, *value, weight, *price) };
        *out = last;
    }
    out
}

/// Brings an average nearer to a value: all the way when the step is less than a price can resolve.
/// Otherwise an average in a market that stands still would stop a few bits beside its value, on the side
/// that it came from, or shrink for ten thousand candles: it would never forget where it began.
pub(super) fn step(average: f64, value: f64, weight: f64, price: f64) -> f64 {
    let step = weight * (value - average);
    if step.abs() <= f64::EPSILON * price.abs() { value } else { average + step }
}
