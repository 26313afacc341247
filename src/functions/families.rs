//! What the functions are called, take and give.

use std::sync::Arc;

use deltalake::arrow::array::{ArrayRef, BooleanArray, Float64Array};

use crate::indicators::{
    Prices,
    averages::{ema, sma},
    momentum::{cci, macd, rsi, stochastic, williams_r},
    robust::robust_z,
    trend::{adx, ichimoku},
    volatility::{atr, bollinger},
};

/// One function.
pub(super) struct Family {
    pub(super) name: &'static str,
    /// Columns of prices.
    pub(super) prices: &'static [&'static str],
    /// Numbers that are the same for every row.
    pub(super) parameters: &'static [Parameter],
    /// The fields of the struct it gives; a single value has no name.
    pub(super) fields: &'static [Field],
    pub(super) compute: fn(&[&[f64]], &[f64]) -> Vec<ArrayRef>,
}

/// How a parameter is called, and whether it counts candles.
#[derive(Clone, Copy)]
pub(super) enum Parameter {
    Candles(&'static str),
    Factor(&'static str),
}

/// Part of what a function gives.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Number(&'static str),
    Flag(&'static str),
}

use Field::{Flag, Number};
use Parameter::{Candles, Factor};

const CLOSE: &[&str] = &["the value"];
const RANGE: &[&str] = &["high", "low", "close"];
const SINGLE: &[Field] = &[];

pub(super) const FAMILIES: [Family; 12] = [
    Family {
        name: "sma",
        prices: CLOSE,
        parameters: &[Candles("n")],
        fields: SINGLE,
        compute: |x, p| vec![numbers(sma(x[0], count(p[0])))],
    },
    Family {
        name: "ema",
        prices: CLOSE,
        parameters: &[Candles("n")],
        fields: SINGLE,
        compute: |x, p| vec![numbers(ema(x[0], count(p[0])))],
    },
    Family {
        name: "rsi",
        prices: CLOSE,
        parameters: &[Candles("n")],
        fields: SINGLE,
        compute: |x, p| vec![numbers(rsi(x[0], count(p[0])))],
    },
    Family {
        name: "macd",
        prices: CLOSE,
        parameters: &[Candles("fast"), Candles("slow"), Candles("signal")],
        fields: &[Number("line"), Number("signal"), Number("histogram")],
        compute: |x, p| {
            let all = macd(x[0], count(p[0]), count(p[1]), count(p[2]));
            vec![numbers(all.line), numbers(all.signal), numbers(all.histogram)]
        },
    },
    Family {
        name: "bollinger",
        prices: CLOSE,
        parameters: &[Candles("n"), Factor("width")],
        fields: &[Number("upper"), Number("middle"), Number("lower"), Number("percent_b")],
        compute: |x, p| {
            let bands = bollinger(x[0], count(p[0]), p[1]);
            [bands.upper, bands.middle, bands.lower, bands.percent_b].map(numbers).into()
        },
    },
    Family {
        name: "adx",
        prices: RANGE,
        parameters: &[Candles("n")],
        fields: &[Number("adx"), Number("plus_di"), Number("minus_di")],
        compute: |x, p| {
            let all = adx(prices(x), count(p[0]));
            [all.adx, all.plus_di, all.minus_di].map(numbers).into()
        },
    },
    Family {
        name: "atr",
        prices: RANGE,
        parameters: &[Candles("n")],
        fields: SINGLE,
        compute: |x, p| vec![numbers(atr(prices(x), count(p[0])))],
    },
    Family {
        name: "stochastic",
        prices: RANGE,
        parameters: &[Candles("n"), Candles("smooth")],
        fields: &[Number("k"), Number("d")],
        compute: |x, p| {
            let all = stochastic(prices(x), count(p[0]), count(p[1]));
            vec![numbers(all.k), numbers(all.d)]
        },
    },
    Family {
        name: "cci",
        prices: RANGE,
        parameters: &[Candles("n")],
        fields: SINGLE,
        compute: |x, p| vec![numbers(cci(prices(x), count(p[0])))],
    },
    Family {
        name: "williams_r",
        prices: RANGE,
        parameters: &[Candles("n")],
        fields: SINGLE,
        compute: |x, p| vec![numbers(williams_r(prices(x), count(p[0])))],
    },
    Family {
        name: "ichimoku",
        prices: RANGE,
        parameters: &[Candles("tenkan"), Candles("kijun"), Candles("senkou")],
        fields: &[
            Number("tenkan"),
            Number("kijun"),
            Number("senkou_a"),
            Number("senkou_b"),
            Flag("is_price_above_cloud"),
        ],
        compute: |x, p| {
            let all = ichimoku(prices(x), count(p[0]), count(p[1]), count(p[2]));
            let above = x[2].iter().enumerate().map(|(at, close)| all.is_above(at, *close));
            let above: ArrayRef = Arc::new(above.collect::<BooleanArray>());
            let lines = [all.tenkan, all.kijun, all.senkou_a, all.senkou_b].map(numbers);
            lines.into_iter().chain([above]).collect()
        },
    },
    Family {
        name: "robust_z",
        prices: CLOSE,
        parameters: &[Candles("n")],
        fields: &[Number("z"), Number("median"), Number("spread")],
        compute: |x, p| {
            let all = robust_z(x[0], count(p[0]));
            [all.z, all.median, all.spread].map(numbers).into()
        },
    },
];

fn prices<'a>(columns: &[&'a [f64]]) -> Prices<'a> {
    Prices { high: columns[0], low: columns[1], close: columns[2] }
}

/// A parameter that has been found to be a small whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at before")]
fn count(parameter: f64) -> usize {
    parameter as usize
}

/// What is not there is null.
fn numbers(values: Vec<f64>) -> ArrayRef {
    let some = |value: f64| (!value.is_nan()).then_some(value);
    Arc::new(values.into_iter().map(some).collect::<Float64Array>())
}
