//! Moving averages.

use super::over_windows;

/// Simple moving average: the mean of the last `n` values, `n` included.
pub fn sma(values: &[f64], n: usize) -> Vec<f64> {
    over_windows(values, n, |window| window.iter().sum::<f64>() / n as f64)
}

/// Exponential moving average with the weight `2 / (n + 1)`, begun with the mean of the first `n` values.
pub fn ema(values: &[f64], n: usize) -> Vec<f64> {
    smoothed(values, n, 2.0 / (n as f64 + 1.0))
}

/// Wilder's moving average: exponential, with the weight `1 / n` (Wilder 1978).
pub(super) fn wilder(values: &[f64], n: usize) -> Vec<f64> {
    smoothed(values, n, 1.0 / n as f64)
}

/// Begins with the mean of `n` values, also after one that is not there.
fn smoothed(values: &[f64], n: usize, weight: f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    let (mut seen, mut sum, mut last) = (0, 0.0, f64::NAN);
    for (value, out) in values.iter().zip(&mut out) {
        if value.is_nan() {
            (seen, sum) = (0, 0.0);
            continue;
        }
        seen += 1;
        if seen < n {
            sum += value;
            continue;
        }
        last = if seen == n { (sum + value) / n as f64 } else { last + weight * (value - last) };
        *out = last;
    }
    out
}
