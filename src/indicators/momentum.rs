//! How strongly prices go on as they went.

use super::{
    Prices,
    averages::{ema, ema_of_changes, sma, wilder},
    extremes, higher, lower, mean, over_windows, ratio,
};

/// Relative strength index, from 0 to 100, smoothed as Wilder does: the average gain over the sum
/// of average gain and average loss; from value `n` on, counted from 0. NaN while there is no change
/// (Wilder 1978).
pub fn rsi(values: &[f64], n: usize) -> Vec<f64> {
    let change = |part: fn(f64) -> f64| -> Vec<f64> {
        let changes = values.windows(2).map(|pair| part(pair[1] - pair[0]));
        [f64::NAN].into_iter().take(values.len()).chain(changes).collect()
    };
    // `max` and `min` would make a number of what is none.
    let gains = wilder(&change(|change| if change < 0.0 { 0.0 } else { change }), values, n);
    let losses = wilder(&change(|change| if change > 0.0 { 0.0 } else { -change }), values, n);
    gains.iter().zip(&losses).map(|(gain, loss)| 100.0 * ratio(*gain, gain + loss)).collect()
}

/// Moving averages, converging and diverging.
#[derive(Debug, Clone)]
pub struct Macd {
    pub line: Vec<f64>,
    pub signal: Vec<f64>,
    pub histogram: Vec<f64>,
}

/// The difference of a fast and a slow exponential average, its own average, and the difference of these
/// two (Appel 1979). As in TA-Lib both averages begin at the same value.
pub fn macd(values: &[f64], fast: usize, slow: usize, signal: usize) -> Macd {
    let (short, long) = (fast.min(slow), fast.max(slow));
    let slow = ema(values, long);
    let fast = begun_with(values, &slow, short, long);
    let line: Vec<f64> = fast.iter().zip(&slow).map(|(fast, slow)| fast - slow).collect();
    let signal = ema_of_changes(&line, values, signal);
    let histogram = line.iter().zip(&signal).map(|(line, signal)| line - signal).collect();
    Macd { line, signal, histogram }
}

/// The average over `short` values, begun so that its first value is where the one over `long` has its.
fn begun_with(values: &[f64], other: &[f64], short: usize, long: usize) -> Vec<f64> {
    let mut late = values.to_vec();
    let mut seen = 0;
    for (value, other) in late.iter_mut().zip(other) {
        seen = if value.is_nan() { 0 } else { seen + 1 };
        if other.is_nan() && seen <= long - short {
            *value = f64::NAN;
        }
    }
    ema(&late, short)
}

/// Where the close is within the range of the last candles, from 0 to 100.
#[derive(Debug, Clone)]
pub struct Stochastic {
    pub k: Vec<f64>,
    pub d: Vec<f64>,
}

/// The fast stochastic: %K over `n` candles and %D, its mean over `smooth`. NaN where the range is none
/// (Lane 1984).
pub fn stochastic(prices: Prices<'_>, n: usize, smooth: usize) -> Stochastic {
    let Range { top, bottom } = Range::of(prices, n);
    let within = |at: usize| 100.0 * ratio(prices.close[at] - bottom[at], top[at] - bottom[at]);
    let k: Vec<f64> = (0..prices.close.len()).map(within).collect();
    Stochastic { d: sma(&k, smooth), k }
}

/// Williams %R, from -100 to 0. NaN where the range is none (Williams 1973).
pub fn williams_r(prices: Prices<'_>, n: usize) -> Vec<f64> {
    let Range { top, bottom } = Range::of(prices, n);
    let below = |at: usize| -100.0 * ratio(top[at] - prices.close[at], top[at] - bottom[at]);
    (0..prices.close.len()).map(below).collect()
}

/// Commodity channel index: how many mean deviations, in units of 0.015, the typical price is away from
/// its mean over `n` candles. NaN where there is no deviation (Lambert 1980).
pub fn cci(prices: Prices<'_>, n: usize) -> Vec<f64> {
    let Prices { high, low, close } = prices;
    let typical: Vec<f64> =
        (0..close.len()).map(|at| (high[at] + low[at] + close[at]) / 3.0).collect();
    over_windows(&typical, n, |window| {
        let mean = mean(window);
        let deviation = window.iter().map(|value| (value - mean).abs()).sum::<f64>() / n as f64;
        ratio(window[n - 1] - mean, 0.015 * deviation)
    })
}

/// Between which prices the last candles were.
pub(super) struct Range {
    pub(super) top: Vec<f64>,
    pub(super) bottom: Vec<f64>,
}

impl Range {
    pub(super) fn of(prices: Prices<'_>, n: usize) -> Self {
        Self { top: extremes(prices.high, n, higher), bottom: extremes(prices.low, n, lower) }
    }

    pub(super) fn middle(&self) -> Vec<f64> {
        self.top
            .iter()
            .zip(&self.bottom)
            .map(|(top, bottom)| f64::midpoint(*top, *bottom))
            .collect()
    }
}
