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
pub mod momentum;
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

/// NaN if any value is.
fn highest(window: &[f64]) -> f64 {
    let wins = |most: f64, value: &f64| if most.is_nan() || *value <= most { most } else { *value };
    window.iter().fold(f64::NEG_INFINITY, wins)
}

/// NaN if any value is.
fn lowest(window: &[f64]) -> f64 {
    let wins =
        |least: f64, value: &f64| if least.is_nan() || *value >= least { least } else { *value };
    window.iter().fold(f64::INFINITY, wins)
}

/// NaN where there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { f64::NAN } else { part / whole }
}
