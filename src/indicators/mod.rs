//! Technical indicators over the candles of one series, oldest first.
//!
//! A value that is not there (a warm-up that has not ended, a division of nothing by nothing) is NaN; so
//! is an input that is not there, after which a warm-up begins anew. Values are in full precision and
//! follow the conventions of TA-Lib, but that what is undefined is not called 0.
//!
//! No value depends on a later candle. Those with a window are computed from the window alone, so they
//! are the same bits wherever a computation began. The others remember: they are the same bits once
//! enough candles have passed, see [`decisions`].

pub mod averages;
pub mod confluence;
pub mod momentum;
pub mod robust;
pub mod trend;
pub mod volatility;

/// How far a value sees back.
#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[cfg(test)]
mod tests;

/// The prices of candles; all of the same length.
#[derive(Debug, Clone, Copy)]
pub struct Prices<'a> {
    pub high: &'a [f64],
    pub low: &'a [f64],
    pub close: &'a [f64],
}

/// What `value` makes of the window that ends at each candle; NaN until there is a whole one.
fn over_windows(values: &[f64], size: usize, value: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    for (window, out) in values.windows(size).zip(out.iter_mut().skip(size - 1)) {
        *out = value(window);
    }
    out
}

/// The mean of a window: of values that are all the same exactly that value, which `Σ / n` is not.
fn mean(window: &[f64]) -> f64 {
    let first = window[0];
    first + window.iter().map(|value| value - first).sum::<f64>() / window.len() as f64
}

/// The winner of each window of `size` values, as [`over_windows`] but with three comparisons per value
/// however long the window is (van Herk 1992): a window is the end of one block and the beginning of the
/// next.
fn extremes(values: &[f64], size: usize, wins: fn(f64, f64) -> f64) -> Vec<f64> {
    let mut ends = values.to_vec();
    for block in ends.chunks_mut(size) {
        for at in (1..block.len()).rev() {
            block[at - 1] = wins(block[at - 1], block[at]);
        }
    }
    let mut out = vec![f64::NAN; values.len()];
    let mut begun = f64::NAN;
    for (at, value) in values.iter().enumerate() {
        begun = if at % size == 0 { *value } else { wins(begun, *value) };
        if at + 1 >= size {
            out[at] = wins(ends[at + 1 - size], begun);
        }
    }
    out
}

/// NaN if one of them is.
fn higher(one: f64, other: f64) -> f64 {
    if one.is_nan() || other <= one { one } else { other }
}

/// NaN if one of them is.
fn lower(one: f64, other: f64) -> f64 {
    if one.is_nan() || other >= one { one } else { other }
}

/// NaN where there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { f64::NAN } else { part / whole }
}
