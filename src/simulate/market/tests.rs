//! The market's promises: determinism, continuity, exact aggregates, growth and revision.

use super::*;

const FOREVER: i64 = i64::MAX;
/// 2024-03-01T00:00:00Z, on every grid.
const START: i64 = 1_709_251_200;

fn market(change: impl FnOnce(&mut SimulationConfig)) -> SimulatedMarket {
    let mut config = SimulationConfig::default();
    change(&mut config);
    SimulatedMarket::new(&config)
}

fn bars(market: &SimulatedMarket, granularity: i64, start: i64, end: i64) -> Vec<MarketCandle> {
    market.candles("BTC-USD", granularity, start, end, FOREVER).collect()
}

#[test]
fn the_same_seed_makes_the_same_market_and_another_another() {
    let (one, same, other) = (market(|_| ()), market(|_| ()), market(|c| c.seed = 8));
    let day = |market: &SimulatedMarket| bars(market, 60, START, START + 86_400);
    assert_eq!(day(&one), day(&same));
    assert_ne!(day(&one), day(&other));
    let eth: Vec<_> = one.candles("ETH-USD", 60, START, START + 86_400, FOREVER).collect();
    let minutes = |bars: &[MarketCandle]| bars.iter().map(|b| b.open_time).collect::<Vec<_>>();
    assert_ne!(minutes(&eth), minutes(&day(&one)), "gaps differ per product");
}

#[test]
fn single_candles_equal_those_of_a_range() {
    let market = market(|_| ());
    for granularity in GRANULARITIES {
        let range = bars(&market, granularity, START, START + 3 * granularity);
        let singles: Vec<_> = (0..3)
            .filter_map(|n| market.candle("BTC-USD", granularity, START + n * granularity, FOREVER))
            .collect();
        assert_eq!(range, singles);
    }
    assert_eq!(market.candle("BTC-USD", 60, START + 7, FOREVER), None);
    assert_eq!(market.candle("BTC-USD", 120, START, FOREVER), None);
    assert_eq!(market.candle("NOPE-USD", 60, START, FOREVER), None);
}

#[test]
fn minutes_are_continuous_valid_and_have_gaps() {
    let market = market(|c| c.products.push("DOGE-USD".into()));
    for product in ["BTC-USD", "SOL-USD", "DOGE-USD"] {
        let minutes: Vec<_> =
            market.candles(product, 60, START, START + 10_000 * 60, FOREVER).collect();
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
    for granularity in GRANULARITIES {
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
    let known: Vec<_> = market.candles("BTC-USD", 60, START, FOREVER, as_of).collect();
    assert_eq!(known.iter().map(|c| c.open_time - START).collect::<Vec<_>>(), [600, 660]);
    assert_eq!(market.candle("BTC-USD", 60, as_of - 40, as_of - 40), None, "not begun");
}

#[test]
fn the_running_candle_only_grows_until_it_is_first_published() {
    let market = market(|c| c.no_trade = 0.0);
    for granularity in [60, 300] {
        let as_of = |second| market.candle("BTC-USD", granularity, START, START + second).unwrap();
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
    let as_of = |granularity, moment| market.candle("BTC-USD", granularity, START, moment).unwrap();
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
            market.candle("BTC-USD", 60, last.open_time, last.open_time + 60) != Some(**last)
        })
        .count();
    assert!((850..1_150).contains(&revised), "{revised}");
}
