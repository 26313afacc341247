//! Coinbase's decisions: bounds, refusals, running candles, limits and counters.

use std::time::Duration;

use proptest::prelude::*;

use super::{question::GRANULARITIES, *};
use crate::{
    clock::ManualClock,
    simulate::{FaultPlan, MarketCandle, SimulationConfig, answer::Outcome},
};

/// 2024-03-01T12:00:30Z: half a minute into a minute.
const NOW: i64 = 1_709_294_430;

fn exchange() -> (SimulatedExchange, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(NOW, 0).unwrap()));
    let config = SimulationConfig { no_trade: 0.0, revised: 0.0, ..SimulationConfig::default() };
    (SimulatedExchange::new(&config, clock.clone()), clock)
}

#[expect(clippy::needless_pass_by_value, reason = "keeps the calls below free of ampersands")]
fn query(granularity: &str, start: impl ToString, end: impl ToString) -> CandleQuery {
    CandleQuery {
        granularity: Some(granularity.to_owned()),
        start: Some(start.to_string()),
        end: Some(end.to_string()),
    }
}

fn btc() -> InstrumentId {
    "BTCUSD".parse().unwrap()
}

fn rows(exchange: &SimulatedExchange, query: &CandleQuery) -> Vec<MarketCandle> {
    exchange.coinbase_page("BTC-USD", query, exchange.now()).unwrap().rows
}

fn times(exchange: &SimulatedExchange, query: &CandleQuery) -> Vec<i64> {
    rows(exchange, query).iter().map(|row| row.open_time).collect()
}

#[test]
fn both_bounds_count_and_rows_come_newest_first() {
    let (exchange, _) = exchange();
    let start = 1_709_251_200;
    let rows = times(&exchange, &query("60", start, start + 300 * 60));
    assert_eq!((rows.len(), rows[0], rows[300]), (301, start + 18_000, start));
    let off_grid = times(&exchange, &query("60", start + 1, start + 299));
    assert_eq!(off_grid, [start + 240, start + 180, start + 120, start + 60]);
    assert_eq!(times(&exchange, &query("60", start, start)), [start]);
    assert_eq!(times(&exchange, &query("60", start + 7, start + 7)), [0_i64; 0]);
    let iso = query("3600", "2024-03-01T00:00:00.5Z", "2024-03-01T02:00:00");
    assert_eq!(times(&exchange, &iso), [start + 7_200, start + 3_600]);
    let before_history = query("60", 1_400_000_000, 1_400_000_600);
    assert_eq!(times(&exchange, &before_history), [0_i64; 0]);
}

#[test]
fn without_both_bounds_the_newest_350_come_with_the_running_one() {
    let (exchange, _) = exchange();
    for granularity in ["60", "300"] {
        let mut query = query(granularity, NOW - 600, NOW);
        query.end = None;
        let rows = times(&exchange, &query);
        let seconds: i64 = granularity.parse().unwrap();
        let running = NOW / seconds * seconds;
        assert_eq!((rows.len(), rows[0]), (350, running));
        assert_eq!(rows[349], running - 349 * seconds);
    }
}

#[test]
fn the_running_candle_is_partial_and_nothing_is_in_the_future() {
    let (exchange, clock) = exchange();
    let newest = |exchange: &SimulatedExchange| {
        let query = query("300", NOW - 3_000, NOW + 3_000);
        rows(exchange, &query)[0]
    };
    let before = newest(&exchange);
    assert_eq!(before.open_time, NOW - 30);
    clock.advance(Duration::from_secs(40));
    let after = newest(&exchange);
    assert_eq!((after.open_time, after.open), (before.open_time, before.open));
    assert!(after.volume > before.volume);
}

#[test]
fn truth_holds_closed_candles_only_and_ends_before_its_end() {
    let (exchange, clock) = exchange();
    let truth = |exchange: &SimulatedExchange| {
        exchange.truth(&btc(), 60, NOW - 150, NOW + 600).iter().map(|c| c.open_time).collect()
    };
    let running = NOW - 30;
    let closed: Vec<i64> = truth(&exchange);
    assert_eq!(closed, [running - 120, running - 60]);
    clock.advance(Duration::from_secs(30));
    let closed: Vec<i64> = truth(&exchange);
    assert_eq!(closed, [running - 120, running - 60, running]);
    let half_open = exchange.truth(&btc(), 60, running - 120, running - 60);
    assert_eq!(half_open.len(), 1);
}

#[test]
fn wrong_questions_are_refused() {
    let (exchange, _) = exchange();
    let refusal = |query| exchange.coinbase_page("BTC-USD", &query, exchange.now()).unwrap_err();
    assert_eq!(refusal(query("60", 0, 300 * 60 + 1)), Refusal::TooMany);
    assert_eq!(refusal(query("120", 0, 60)), Refusal::Granularity);
    assert_eq!(refusal(CandleQuery::default()), Refusal::Granularity);
    assert_eq!(refusal(query("60", 60, 0)), Refusal::Order);
    assert_eq!(refusal(query("60", "noon", 60)), Refusal::Bound);
    for unknown in ["NOPE-USD", "BTCUSD", "btc-usd", "BT-CUSD", "EUR-USD", "IBM"] {
        let refusal = exchange.coinbase_page(unknown, &query("60", 0, 60), exchange.now());
        assert_eq!(refusal.unwrap_err(), Refusal::NotFound, "{unknown}");
    }
}

#[test]
fn above_the_rate_limit_requests_are_throttled_and_counted() {
    let (exchange, clock) = exchange();
    let limits = ["2/s", "3/min"].map(|limit| limit.parse().unwrap());
    exchange.set_limits(SimulatedProvider::Coinbase, &limits);
    let query = query("60", NOW - 60, NOW);
    let ask = || {
        let Outcome::Reply(reply) = exchange.coinbase_candles("BTC-USD", &query).outcome else {
            panic!("hangs")
        };
        if reply.status != 200 {
            assert_eq!((reply.status, reply.headers), (429, Vec::new()));
            assert_eq!(reply.body, br#"{"message":"Public rate limit exceeded"}"#);
        }
        reply.status
    };
    assert_eq!([ask(), ask(), ask()], [200, 200, 429]);
    clock.advance(Duration::from_secs(1));
    assert_eq!([ask(), ask()], [200, 429], "the minute has room for one more");
    clock.advance(Duration::from_secs(59));
    assert_eq!([ask(), ask(), ask()], [200, 200, 429]);
    let counters = exchange.counters(SimulatedProvider::Coinbase);
    assert_eq!((counters.requests, counters.served, counters.throttled), (8, 5, 3));
    assert_eq!(counters.most, [("2/s".to_owned(), 3), ("3/min".to_owned(), 5)].into());
    assert_eq!(exchange.counters(SimulatedProvider::Oanda).requests, 0);
}

#[test]
fn a_run_with_faults_is_reproducible() {
    let run = || {
        let exchange = exchange().0;
        let pairs = ["empty=0.2", "bad_row=0.2", "shuffled=0.3", "throttle=0.1", "drop_row=0.4"];
        exchange.set_fault_plan(&FaultPlan::from_pairs(pairs).unwrap());
        let query = query("60", NOW - 6_000, NOW);
        let answers: Vec<_> =
            (0..50).map(|_| exchange.coinbase_candles("BTC-USD", &query)).collect();
        (answers, exchange.counters(SimulatedProvider::Coinbase))
    };
    let (answers, counters) = run();
    assert_eq!((&answers, &counters), (&run().0, &run().1));
    assert_eq!(counters.requests, 50);
    assert_eq!(counters.served + counters.faults["throttle"], 50);
    assert!(counters.faults.len() == 5, "{counters:?}");
}

#[test]
fn a_diverging_provider_is_off_and_the_truth_is_not() {
    let clock = exchange().1;
    let config = SimulationConfig {
        divergence_bps: [(SimulatedProvider::Coinbase, 50)].into(),
        ..SimulationConfig::default()
    };
    let exchange = SimulatedExchange::new(&config, clock);
    let start = NOW - 30 - 600;
    let told = rows(&exchange, &query("60", start, start));
    let truth = exchange.truth(&btc(), 60, start, start + 60);
    assert_eq!(told[0], truth[0].diverged(50));
    assert_ne!(told[0], truth[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pages_reassemble_to_the_truth(
        seconds in prop::sample::select(&GRANULARITIES[..5]),
        start in 1_700_000_000_i64..1_709_000_000,
        page in 1_i64..301,
        pages in 1_i64..4,
    ) {
        let exchange = exchange().0;
        let start = start / seconds * seconds;
        let mut told = Vec::new();
        for number in 0..pages {
            let from = start + number * page * seconds;
            let query = query(&seconds.to_string(), from, from + (page - 1) * seconds);
            told.extend(rows(&exchange, &query).into_iter().rev());
        }
        let end = start + pages * page * seconds;
        let truth: Vec<_> = exchange.market().candles(&btc(), seconds, start, end, NOW).collect();
        prop_assert_eq!(told, truth);
    }
}
