//! The ledger against a plain array of candles.

use std::collections::HashMap;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

const M1: Timeframe = Timeframe::M1;

fn start() -> DateTime<Utc> {
    "2024-03-08T20:00:00Z".parse().unwrap()
}

fn minutes(from: i64, until: i64) -> Window {
    Window::new(start() + TimeDelta::minutes(from), start() + TimeDelta::minutes(until))
}

fn facts() -> impl Strategy<Value = Fact> {
    prop_oneof![
        Just(Fact::Final),
        Just(Fact::NoTrade),
        (1_u8..3).prop_map(|asks| Fact::Quarantined { asks, asked_at: 0 }),
        (0_u8..3).prop_map(|asks| Fact::Absent { asks, asked_at: 0 }),
    ]
}

proptest! {
    #[test]
    fn facts_are_what_was_recorded_last_and_runs_stay_maximal(
        steps in prop::collection::vec((0_i64..500, 0_i64..100, facts()), 0..60),
    ) {
        let mut ledger = Ledger::new(M1, Calendar::Always, start());
        let mut plain: HashMap<i64, Fact> = HashMap::new();
        for (from, length, fact) in steps {
            ledger.record(minutes(from, from + length), fact);
            plain.extend((from..from + length).map(|minute| (minute, fact)));
        }
        for minute in 0..600 {
            let told = ledger.fact_at(start() + TimeDelta::minutes(minute));
            prop_assert_eq!(told, plain.get(&minute).copied());
        }
        let runs: Vec<_> = ledger.all_facts().collect();
        for pair in runs.windows(2) {
            prop_assert!(pair[0].window.end <= pair[1].window.start);
            let joined = pair[0].window.end == pair[1].window.start && pair[0].value == pair[1].value;
            prop_assert!(!joined, "two runs that are one");
        }
    }

    #[test]
    fn every_candle_of_any_window_has_exactly_one_state(
        steps in prop::collection::vec((0_i64..5_000, 0_i64..900, facts()), 0..40),
        origin in 0_i64..2_000,
        from in -500_i64..5_000,
        length in 0_i64..6_000,
        fx in any::<bool>(),
    ) {
        let calendar = if fx { Calendar::FxWeek } else { Calendar::Always };
        let mut ledger = Ledger::new(M1, calendar, start() + TimeDelta::minutes(origin));
        for (at, length, fact) in steps {
            ledger.record(minutes(at, at + length), fact);
        }
        let window = minutes(from, from + length);
        let states = ledger.states(window);
        let mut at = window.start;
        for run in &states {
            prop_assert_eq!(run.window.start, at);
            prop_assert!(!run.window.is_empty());
            at = run.window.end;
        }
        prop_assert_eq!(at, window.end);
        let sum: i64 = states.iter().map(|run| run.window.candles(M1)).sum();
        prop_assert_eq!(sum, length);
    }

    #[test]
    fn t34_the_watermark_never_passes_a_candle_that_is_owed(
        landed in prop::collection::vec((0_i64..600, 1_i64..50), 0..30),
        closed in 0_i64..700,
    ) {
        let mut ledger = Ledger::new(M1, Calendar::Always, start());
        for (from, length) in landed {
            ledger.record(minutes(from, from + length), Fact::Final);
        }
        let closed_until = start() + TimeDelta::minutes(closed);
        let watermark = ledger.watermark(closed_until);
        prop_assert!(watermark <= closed_until);
        for open_time in Window::new(start(), watermark).open_times(M1) {
            prop_assert_eq!(ledger.fact_at(open_time), Some(Fact::Final));
        }
        if watermark < closed_until {
            prop_assert_eq!(ledger.fact_at(watermark), None);
        }
    }
}

#[test]
fn a_weekend_is_closed_and_a_tuesday_is_missing() {
    let mut ledger = Ledger::new(Timeframe::H1, Calendar::FxWeek, start());
    let week = Window::new(start(), start() + TimeDelta::days(5));
    ledger.record(week, Fact::Absent { asks: 1, asked_at: 0 });
    let by_state = ledger.states(week).into_iter().fold(HashMap::new(), |mut sum, run| {
        *sum.entry(run.value).or_insert(0) += run.window.candles(Timeframe::H1);
        sum
    });
    // Friday 22:00 to Sunday 21:00: the clocks go forward on that Sunday.
    assert_eq!(by_state[&CandleState::MarketClosed], 47);
    assert_eq!(by_state[&CandleState::Missing], 120 - 47);
}

#[test]
fn t73_an_empty_series_has_no_frontier() {
    let ledger = Ledger::new(M1, Calendar::Always, start());
    assert_eq!(ledger.frontier(start() + TimeDelta::days(1)), None);
    assert_eq!(ledger.watermark(start() + TimeDelta::days(1)), start());
}
