//! Small cases by hand, and what must hold of any prices.

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    Prices,
    averages::{ema, sma},
    extremes, higher, lower,
    momentum::{cci, macd, rsi, stochastic, williams_r},
    over_windows,
    trend::{adx, ichimoku},
    volatility::{atr, bollinger},
};

struct Walk {
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
}

impl Walk {
    /// Prices around `price` with steps of about `step` of it, rounded to `tick`.
    fn new(seed: u64, length: usize, (price, step, tick): (f64, f64, f64)) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut walk = Self { high: Vec::new(), low: Vec::new(), close: Vec::new() };
        let mut at = price;
        let round = |price: f64| (price / tick).round() * tick;
        for _ in 0..length {
            at *= 1.0 + step * random.random_range(-1.0..1.0_f64);
            at += (price - at) * 1e-3;
            let (up, down) = (random.random_range(0.0..1.0_f64), random.random_range(0.0..1.0_f64));
            walk.close.push(round(at));
            walk.high.push(round(at * (1.0 + step * up)));
            walk.low.push(round(at * (1.0 - step * down)));
        }
        walk
    }

    fn from(&self, start: usize) -> Prices<'_> {
        Prices { high: &self.high[start..], low: &self.low[start..], close: &self.close[start..] }
    }
}

/// Every family with its usual parameters.
fn all(prices: Prices<'_>) -> Vec<(&'static str, Vec<f64>)> {
    let close = prices.close;
    let (macd, bands, di) = (macd(close, 12, 26, 9), bollinger(close, 20, 2.0), adx(prices, 14));
    let (stoch, cloud) = (stochastic(prices, 14, 3), ichimoku(prices, 9, 26, 52));
    vec![
        ("sma", sma(close, 20)),
        ("ema", ema(close, 26)),
        ("rsi", rsi(close, 14)),
        ("line", macd.line),
        ("signal", macd.signal),
        ("histogram", macd.histogram),
        ("upper", bands.upper),
        ("percent_b", bands.percent_b),
        ("adx", di.adx),
        ("plus_di", di.plus_di),
        ("minus_di", di.minus_di),
        ("atr", atr(prices, 14)),
        ("k", stoch.k),
        ("d", stoch.d),
        ("cci", cci(prices, 20)),
        ("williams", williams_r(prices, 14)),
        ("tenkan", cloud.tenkan),
        ("senkou_a", cloud.senkou_a),
        ("senkou_b", cloud.senkou_b),
    ]
}

fn rounded(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| (value * 1e6).round() / 1e6).collect()
}

#[test]
fn averages_by_hand() {
    let values = [1.0, 2.0, 3.0, 4.0, 8.0];
    assert_eq!(sma(&values, 3)[2..], [2.0, 3.0, 5.0]);
    assert_eq!(ema(&values, 3)[2..], [2.0, 3.0, 5.5]);
    assert!(sma(&values, 3)[1].is_nan() && ema(&values, 3)[1].is_nan());
    assert!(sma(&values, 9).iter().all(|value| value.is_nan()));
}

#[test]
fn rsi_by_hand() {
    // Changes 1, -1, 2, 0: averages over two 0.5 and 0.5, then 1.25 and 0.25, then 0.625 and 0.125.
    let values = rsi(&[1.0, 2.0, 1.0, 3.0, 3.0], 2);
    assert_eq!(rounded(&values[2..]), [50.0, 83.333_333, 83.333_333]);
    assert!(rsi(&[5.0; 9], 2).iter().all(|value| value.is_nan()), "nothing moves");
}

#[test]
fn ranges_by_hand() {
    let prices = Prices {
        high: &[10.0, 12.0, 11.0, 13.0],
        low: &[8.0, 9.0, 10.0, 11.0],
        close: &[9.0, 11.0, 10.0, 12.0],
    };
    // True ranges 3, 1, 3.
    assert_eq!(atr(prices, 2)[2..], [2.0, 2.5]);
    assert_eq!(rounded(&stochastic(prices, 3, 1).k[2..]), [50.0, 75.0]);
    assert_eq!(rounded(&williams_r(prices, 3)[2..]), [-50.0, -25.0]);
    let typical: [f64; 4] = [9.0, 32.0 / 3.0, 31.0 / 3.0, 12.0];
    let mean = (typical[1] + typical[2] + typical[3]) / 3.0;
    let deviation = typical[1..].iter().map(|value| (value - mean).abs()).sum::<f64>() / 3.0;
    let expected = (typical[3] - mean) / (0.015 * deviation);
    assert_eq!(rounded(&cci(prices, 3)[3..]), rounded(&[expected]));
    let cloud = ichimoku(prices, 1, 2, 2);
    assert_eq!(cloud.kijun[1..], [10.0, 10.5, 11.5]);
    assert_eq!(cloud.senkou_b[3], 10.0);
    assert_eq!((cloud.is_above(3, 10.5), cloud.is_above(2, 10.5)), (Some(true), None));
}

#[test]
fn bands_by_hand() {
    let bands = bollinger(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 8, 2.0);
    assert_eq!((bands.middle[7], bands.upper[7], bands.lower[7]), (5.0, 9.0, 1.0));
    assert_eq!(bands.percent_b[7], 100.0);
    assert!(bollinger(&[3.0; 8], 8, 2.0).percent_b[7].is_nan());
}

#[test]
fn a_market_that_only_rises_has_a_trend() {
    let close: Vec<f64> = (0..100).map(f64::from).collect();
    let high: Vec<f64> = close.iter().map(|close| close + 1.0).collect();
    let low: Vec<f64> = close.iter().map(|close| close - 1.0).collect();
    let di = adx(Prices { high: &high, low: &low, close: &close }, 14);
    assert!(di.adx[26].is_nan() && !di.adx[27].is_nan());
    assert!(di.plus_di[13].is_nan() && !di.plus_di[14].is_nan());
    assert_eq!((di.adx[99], di.minus_di[99]), (100.0, 0.0));
    assert!(rsi(&close, 14)[50] == 100.0);
}

#[test]
fn a_value_that_is_not_there_begins_the_warm_up_anew() {
    let mut walk = Walk::new(3, 300, (100.0, 0.01, 0.01));
    for column in [&mut walk.high, &mut walk.low, &mut walk.close] {
        column[150] = f64::NAN;
    }
    let broken = all(walk.from(0));
    let anew = all(walk.from(151));
    for ((name, broken), (_, anew)) in broken.iter().zip(&anew) {
        assert!(broken[150].is_nan() || name.starts_with("senkou"), "{name}");
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        if !name.starts_with("senkou") {
            assert_eq!(bits(&broken[151..]), bits(anew), "{name}");
        }
    }
}

#[test]
fn a_market_that_stands_still_after_a_move_is_flat_in_the_end() {
    let walk = Walk::new(5, 300, (0.3, 0.01, 1e-5));
    let still = |column: &[f64], at: f64| [column, &[at; 900]].concat();
    let last = walk.close[299];
    let (high, low) = (still(&walk.high, last), still(&walk.low, last));
    let close = still(&walk.close, last);
    for (name, values) in all(Prices { high: &high, low: &low, close: &close }) {
        let expected = match name {
            "sma" | "ema" | "upper" | "tenkan" | "senkou_a" | "senkou_b" => Some(last),
            "line" | "signal" | "histogram" | "atr" => Some(0.0),
            _ => None,
        };
        let value = values[1199];
        assert_eq!(expected, (!value.is_nan()).then_some(value), "{name}");
    }
}

#[test]
fn an_extreme_is_that_of_its_window_alone() {
    let walk = Walk::new(9, 200, (100.0, 0.01, 0.01));
    for size in [1, 2, 7, 14, 199, 200, 201] {
        let most = |window: &[f64]| window.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let expected = over_windows(&walk.high, size, most);
        let found = extremes(&walk.high, size, higher);
        let bits = |values: &[f64]| values.iter().map(|one| one.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&expected), "{size}");
    }
    let lacks = [1.0, f64::NAN, 3.0, 2.0, 4.0];
    let found = extremes(&lacks, 2, lower);
    assert!(found[..3].iter().all(|value| value.is_nan()));
    assert_eq!(found[3..], [2.0, 2.0]);
}

/// Begun anywhere, everything is the same bits after so many candles.
#[test]
fn what_remembers_forgets_bit_for_bit() {
    const REACH: usize = 1_000;
    let markets = [
        (60_000.0, 0.002, 0.01),
        (1.08, 0.000_3, 0.000_01),
        (0.000_012, 0.01, 1e-9),
        (187.0, 0.001, 0.01),
        // Hardly ever moves, and stands still for thousands of candles.
        (1.0, 0.000_02, 0.001),
        (1.0, 0.002, 0.05),
    ];
    let mut latest = 0;
    for (seed, market) in markets.into_iter().enumerate() {
        let walk = Walk::new(seed as u64, 12_000, market);
        let whole = all(walk.from(0));
        for start in (0..40).map(|n| 1 + n * 251) {
            for ((name, whole), (_, part)) in whole.iter().zip(all(walk.from(start))) {
                let differs = |at: &usize| whole[start + at].to_bits() != part[*at].to_bits();
                let last = (0..part.len()).rev().find(differs).map_or(0, |at| at + 1);
                assert!(last < REACH, "{name} differs {last} candles after its start");
                latest = latest.max(last);
            }
        }
    }
    println!("the latest difference was {latest} candles after the start");
}

fn market() -> impl Strategy<Value = (u64, f64)> {
    (any::<u64>(), prop::sample::select(vec![60_000.0, 1.08, 0.000_3, 187.0]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_future_changes_nothing((seed, price) in market(), cut in 1_usize..400) {
        let walk = Walk::new(seed, 400, (price, 0.003, price * 1e-6));
        let whole = all(walk.from(0));
        let known = all(Prices {
            high: &walk.high[..cut],
            low: &walk.low[..cut],
            close: &walk.close[..cut],
        });
        for ((name, whole), (_, known)) in whole.iter().zip(&known) {
            for at in 0..cut {
                prop_assert_eq!(whole[at].to_bits(), known[at].to_bits(), "{} at {}", name, at);
            }
        }
    }

    #[test]
    fn what_has_bounds_keeps_them((seed, price) in market()) {
        let walk = Walk::new(seed, 400, (price, 0.02, price * 1e-6));
        for (name, values) in all(walk.from(0)) {
            let range = match name {
                "rsi" | "adx" | "plus_di" | "minus_di" => 0.0..=100.000_001,
                "williams" => -200.0..=100.0,
                _ => continue,
            };
            for value in values.into_iter().filter(|value| !value.is_nan()) {
                prop_assert!(range.contains(&value), "{} is {}", name, value);
            }
        }
    }

    #[test]
    fn another_unit_of_money_changes_no_share((seed, price) in market()) {
        let walk = Walk::new(seed, 300, (price, 0.003, price * 1e-6));
        let scale = |values: &[f64]| values.iter().map(|value| value * 1024.0).collect::<Vec<_>>();
        let (high, low, close) = (scale(&walk.high), scale(&walk.low), scale(&walk.close));
        let scaled = all(Prices { high: &high, low: &low, close: &close });
        for ((name, own), (_, scaled)) in all(walk.from(0)).iter().zip(&scaled) {
            let is_share = matches!(*name, "rsi" | "adx" | "plus_di" | "k" | "williams" | "percent_b");
            for (own, scaled) in own.iter().zip(scaled).filter(|(own, _)| !own.is_nan()) {
                let expected = if is_share || *name == "cci" { *own } else { own * 1024.0 };
                if is_share || matches!(*name, "sma" | "atr" | "tenkan") {
                    prop_assert!((scaled - expected).abs() <= expected.abs() * 1e-9 + 1e-9, "{}", name);
                }
            }
        }
    }
}
