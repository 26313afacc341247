//! The market's promises: determinism, continuity, exact aggregates, growth and revision.

use super::*;
use crate::market::{Calendars, Timeframe, Window};

const FOREVER: i64 = i64::MAX;
/// 2024-03-01T00:00:00Z, on every grid.
const START: i64 = 1_709_251_200;

fn market(change: impl FnOnce(&mut SimulationConfig)) -> SimulatedMarket {
    let mut config = SimulationConfig::default();
    change(&mut config);
    SimulatedMarket::new(&config)
}

fn id(name: &str) -> InstrumentId {
    name.parse().unwrap()
}

fn bars(market: &SimulatedMarket, granularity: i64, start: i64, end: i64) -> Vec<MarketCandle> {
    market.candles(&id("BTC-USD"), granularity, start, end, FOREVER).collect()
}

#[test]
fn the_same_seed_makes_the_same_market_and_another_another() {
    let (one, same, other) = (market(|_| ()), market(|_| ()), market(|c| c.seed = 8));
    let day = |market: &SimulatedMarket| bars(market, 60, START, START + 86_400);
    assert_eq!(day(&one), day(&same));
    assert_ne!(day(&one), day(&other));
    let eth: Vec<_> = one.candles(&id("ETH-USD"), 60, START, START + 86_400, FOREVER).collect();
    let minutes = |bars: &[MarketCandle]| bars.iter().map(|b| b.open_time).collect::<Vec<_>>();
    assert_ne!(minutes(&eth), minutes(&day(&one)), "gaps differ per product");
}

#[test]
fn single_candles_equal_those_of_a_range() {
    let market = market(|_| ());
    for granularity in [60, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 86_400] {
        let range = bars(&market, granularity, START, START + 3 * granularity);
        let singles: Vec<_> = (0..3)
            .filter_map(|n| {
                market.candle(&id("BTC-USD"), granularity, START + n * granularity, FOREVER)
            })
            .collect();
        assert_eq!(range, singles);
    }
    assert_eq!(market.candle(&id("BTC-USD"), 60, START + 7, FOREVER), None);
    assert_eq!(market.candle(&id("BTC-USD"), 420, START, FOREVER), None);
    assert_eq!(market.candle(&id("NOPE-USD"), 60, START, FOREVER), None);
}

#[test]
fn minutes_are_continuous_valid_and_have_gaps() {
    let market = market(|c| c.instruments.push(id("DOGE-USD")));
    for product in ["BTC-USD", "SOL-USD", "DOGE-USD"] {
        let minutes: Vec<_> =
            market.candles(&id(product), 60, START, START + 10_000 * 60, FOREVER).collect();
        assert!((9_800..=9_960).contains(&minutes.len()), "{product}: {}", minutes.len());
        for bar in &minutes {
            assert!(0 < bar.low && bar.low <= bar.open.min(bar.close), "{bar:?}");
            assert!(bar.high >= bar.open.max(bar.close) && bar.volume >= 100, "{bar:?}");
        }
        for pair in minutes.windows(2).filter(|p| p[1].open_time - p[0].open_time == 60) {
            assert_eq!(pair[1].open, pair[0].close);
        }
    }
}

#[test]
fn coarser_candles_are_the_exact_sum_of_their_minutes() {
    // Half of the minutes missing, so that firsts and lasts are rarely those of the clock.
    let market = market(|c| c.no_trade = 0.5);
    for granularity in [60, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 86_400] {
        for bucket in bars(&market, granularity, START, START + 2 * granularity) {
            let end = bucket.open_time + granularity;
            let minutes = bars(&market, 60, bucket.open_time, end);
            assert_eq!(bucket.open, minutes[0].open);
            assert_eq!(bucket.close, minutes[minutes.len() - 1].close);
            assert_eq!(bucket.high, minutes.iter().map(|m| m.high).max().unwrap());
            assert_eq!(bucket.low, minutes.iter().map(|m| m.low).min().unwrap());
            assert_eq!(bucket.volume, minutes.iter().map(|m| m.volume).sum::<i64>());
        }
    }
    let silent = self::market(|c| c.no_trade = 1.0);
    assert_eq!(bars(&silent, 86_400, START, START + 86_400), []);
}

#[test]
fn nothing_is_older_than_history_or_younger_than_the_moment_of_asking() {
    let market = market(|c| {
        c.history_start = START + 600;
        c.no_trade = 0.0;
    });
    let minutes = bars(&market, 60, i64::MIN, START + 3_600);
    assert_eq!((minutes[0].open_time, minutes.len()), (START + 600, 50));
    let day = bars(&market, 86_400, i64::MIN, START + 86_400);
    assert_eq!((day[0].open_time, day[0].open), (START, minutes[0].open));
    let as_of = START + 700;
    let known: Vec<_> = market.candles(&id("BTC-USD"), 60, START, FOREVER, as_of).collect();
    assert_eq!(known.iter().map(|c| c.open_time - START).collect::<Vec<_>>(), [600, 660]);
    assert_eq!(market.candle(&id("BTC-USD"), 60, as_of - 40, as_of - 40), None, "not begun");
}

#[test]
fn the_running_candle_only_grows_until_it_is_first_published() {
    let market = market(|c| c.no_trade = 0.0);
    for granularity in [60, 300] {
        let as_of =
            |second| market.candle(&id("BTC-USD"), granularity, START, START + second).unwrap();
        for second in 2..=granularity {
            let (before, after) = (as_of(second - 1), as_of(second));
            assert!(after.volume > before.volume && after.open == before.open);
            assert!(after.high >= before.high && after.low <= before.low);
            assert!(after.low <= after.close && after.close <= after.high);
        }
        assert_eq!(as_of(granularity), as_of(granularity + 1));
    }
}

#[test]
fn a_revised_minute_switches_once_and_takes_its_parents_along() {
    let market = market(|c| {
        c.no_trade = 0.0;
        c.revised = 1.0;
    });
    let as_of =
        |granularity, moment| market.candle(&id("BTC-USD"), granularity, START, moment).unwrap();
    let (first, last) = (as_of(60, START + 60), as_of(60, FOREVER));
    assert_ne!(first, last);
    assert!(first.volume < last.volume && first.close != last.close);
    assert!(first.low <= first.close && first.close <= first.high);
    assert_eq!(as_of(60, START + 209), first);
    assert_eq!(as_of(60, START + 210), last);
    assert_ne!(as_of(300, START + 449), as_of(300, FOREVER));
    assert_eq!(as_of(300, START + 450), as_of(300, FOREVER));
}

#[test]
fn about_the_configured_share_is_revised() {
    let market = market(|c| c.revised = 0.1);
    let revised = bars(&market, 60, START, START + 10_000 * 60)
        .iter()
        .filter(|last| {
            market.candle(&id("BTC-USD"), 60, last.open_time, last.open_time + 60) != Some(**last)
        })
        .count();
    assert!((850..1_150).contains(&revised), "{revised}");
}

#[test]
fn currencies_and_shares_trade_only_while_their_market_is_open() {
    let market = market(|c| c.no_trade = 0.0);
    // A Friday of March before clocks go forward in New York, and the week after.
    let start = "2024-03-08T00:00:00Z".parse().unwrap();
    for (name, decimals) in [("EUR/USD", (5, 0)), ("IBM", (4, 0))] {
        let instrument = id(name);
        let calendar = Calendars::REGULAR.of(instrument.asset_class());
        for timeframe in Timeframe::ALL {
            let window =
                Window::of_candles(start, timeframe, 24 * 10 * 60 * 60 / timeframe.seconds());
            let (from, to) = (window.start.timestamp(), window.end.timestamp());
            let seconds = timeframe.seconds();
            let got: Vec<_> = market.candles(&instrument, seconds, from, to, FOREVER).collect();
            let expected = calendar.expected(window, timeframe);
            let expected: Vec<_> =
                expected.iter().flat_map(|run| run.open_times(timeframe)).collect();
            let opens: Vec<_> = got.iter().map(|candle| candle.to_candle().open_time).collect();
            assert_eq!(opens, expected, "{name} {timeframe}");
            let candle = got[0];
            assert_eq!((candle.price_decimals, candle.volume_decimals), decimals);
            assert!(candle.volume > 0);
            assert_eq!(
                market.candle(&instrument, seconds, candle.open_time, FOREVER),
                Some(candle)
            );
        }
    }
}

#[test]
fn quotes_are_not_revised() {
    let market = market(|c| c.revised = 1.0);
    let start = START + 12 * 3_600;
    for last in market.candles(&id("EURUSD"), 60, start, start + 3_600, FOREVER) {
        let first = market.candle(&id("EURUSD"), 60, last.open_time, last.open_time + 60);
        assert_eq!(first, Some(last));
    }
}

#[test]
fn a_diverged_candle_is_off_by_its_basis_points_and_still_a_candle() {
    for candle in bars(&market(|_| ()), 60, START, START + 86_400) {
        for basis_points in [25, -25] {
            let off = candle.diverged(basis_points);
            let expected = candle.close as f64 * (1.0 + basis_points as f64 / 10_000.0);
            assert!((off.close as f64 - expected).abs() <= 1.0);
            assert!(off.low <= off.open.min(off.close) && off.high >= off.open.max(off.close));
        }
        assert_eq!(candle.diverged(0), candle);
    }
}
