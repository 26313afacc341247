//! The exchange's decisions: bounds, refusals, running candles, limits and counters.

use super::*;
use crate::clock::ManualClock;

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

fn times(exchange: &SimulatedExchange, query: &CandleQuery) -> Vec<i64> {
    let (rows, _) = exchange.candles("BTC-USD", query).unwrap();
    rows.iter().map(|row| row.open_time).collect()
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
        exchange.candles("BTC-USD", &query).unwrap().0[0]
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
        exchange.truth("BTC-USD", 60, NOW - 150, NOW + 600).iter().map(|c| c.open_time).collect()
    };
    let running = NOW - 30;
    let closed: Vec<i64> = truth(&exchange);
    assert_eq!(closed, [running - 120, running - 60]);
    clock.advance(Duration::from_secs(30));
    let closed: Vec<i64> = truth(&exchange);
    assert_eq!(closed, [running - 120, running - 60, running]);
    let half_open = exchange.truth("BTC-USD", 60, running - 120, running - 60);
    assert_eq!(half_open.len(), 1);
}

#[test]
fn wrong_questions_are_refused() {
    let (exchange, _) = exchange();
    let refusal = |query| exchange.candles("BTC-USD", &query).unwrap_err();
    assert_eq!(refusal(query("60", 0, 300 * 60 + 1)), Refusal::TooMany);
    assert_eq!(refusal(query("120", 0, 60)), Refusal::Granularity);
    assert_eq!(refusal(CandleQuery::default()), Refusal::Granularity);
    assert_eq!(refusal(query("60", 60, 0)), Refusal::Order);
    assert_eq!(refusal(query("60", "noon", 60)), Refusal::Bound);
    let unknown = exchange.candles("NOPE-USD", &query("60", 0, 60)).unwrap_err();
    assert_eq!(unknown, Refusal::NotFound);
}

#[test]
fn above_the_rate_limit_requests_are_throttled_and_counted() {
    let limit = RateLimit { per_second: 0.0, burst: 2.0 };
    let exchange = exchange().0.with_rate_limit(limit);
    let query = query("60", NOW - 60, NOW);
    let last = (0..3).map(|_| exchange.answer("BTC-USD", &query)).last().unwrap();
    let Outcome::Reply(reply) = last.outcome else { panic!("hangs") };
    assert_eq!((reply.status, reply.retry_after), (429, None));
    assert_eq!(reply.body, br#"{"message":"Public rate limit exceeded"}"#);
    let counters = exchange.counters();
    assert_eq!((counters.requests, counters.served, counters.rate_limited), (3, 2, 1));
}

#[test]
fn a_run_with_faults_is_reproducible() {
    let run = || {
        let exchange = exchange().0;
        let pairs = ["empty=0.2", "bad_row=0.2", "shuffled=0.3", "throttle=0.1", "drop_row=0.4"];
        exchange.set_faults(Faults::from_pairs(pairs).unwrap());
        let query = query("60", NOW - 6_000, NOW);
        let answers: Vec<_> = (0..50).map(|_| exchange.answer("BTC-USD", &query)).collect();
        (answers, exchange.counters())
    };
    let (answers, counters) = run();
    assert_eq!((&answers, &counters), (&run().0, &run().1));
    assert_eq!(counters.requests, 50);
    assert_eq!(counters.served + counters.faults["throttle"], 50);
    assert!(counters.faults.len() == 5, "{counters:?}");
}
