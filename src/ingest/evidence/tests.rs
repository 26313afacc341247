//! Holes, glitches and the patience it takes to tell them apart.

use std::collections::HashMap;

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{config::Config, market::Calendar};

const M1: Timeframe = Timeframe::M1;

/// As the defaults have it: three answers, six empty ones, 45 seconds apart.
fn policy() -> Policy {
    let defaults = Config::from_layers(None, HashMap::new()).unwrap();
    Policy::of_provider(&defaults.ingest)
}

fn start() -> DateTime<Utc> {
    "2024-05-01T00:00:00Z".parse().unwrap()
}

fn minute(n: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(n)
}

fn minutes(from: i64, until: i64) -> Window {
    Window::new(minute(from), minute(until))
}

/// An answer about a window, `asked` minutes after the start, that contains `present`.
fn told(ledger: &mut Ledger, window: Window, present: &[i64], asked: i64) -> Findings {
    let valid: Vec<i64> = present.iter().map(|n| minute(*n).timestamp_micros()).collect();
    let asked_at = minute(asked);
    let answer = Answer { window, valid: &valid, refused: BTreeSet::new(), asked_at };
    let findings = findings(ledger, M1, &answer, policy());
    for run in &findings.facts {
        ledger.record(run.window, run.value);
    }
    findings
}

fn ledger() -> Ledger {
    Ledger::new(M1, Calendar::Always, start())
}

fn state_at(ledger: &Ledger, n: i64) -> CandleState {
    ledger.states(minutes(n, n + 1))[0].value
}

#[test]
fn t08_a_hole_becomes_no_trade_only_after_enough_answers_apart() {
    let mut ledger = ledger();
    let all_but_3 = [0, 1, 2, 4, 5];
    told(&mut ledger, minutes(0, 6), &all_but_3, 10);
    assert_eq!(state_at(&ledger, 3), CandleState::Missing);
    told(&mut ledger, minutes(0, 6), &all_but_3, 10);
    told(&mut ledger, minutes(0, 6), &all_but_3, 10);
    assert_eq!(state_at(&ledger, 3), CandleState::Missing, "answers in the same minute count once");
    told(&mut ledger, minutes(0, 6), &all_but_3, 11);
    let findings = told(&mut ledger, minutes(0, 6), &all_but_3, 12);
    assert_eq!(state_at(&ledger, 3), CandleState::NoTrade);
    assert_eq!(findings.confirmed, 1);
}

#[test]
fn t07_an_answer_without_the_candles_we_know_proves_nothing() {
    let mut ledger = ledger();
    told(&mut ledger, minutes(0, 3), &[0, 1, 2], 5);
    for asked in 6..40 {
        let findings = told(&mut ledger, minutes(0, 10), &[], asked);
        assert!(findings.is_suspicious && findings.confirmed == 0);
        let findings = told(&mut ledger, minutes(0, 10), &[0, 2, 5], asked);
        assert!(findings.is_suspicious, "minute 1 has vanished");
    }
    assert_eq!(state_at(&ledger, 7), CandleState::Missing);
    assert_eq!(state_at(&ledger, 1), CandleState::Final, "what landed stays");
}

#[test]
fn a_provider_without_early_history_is_believed_after_more_empty_answers() {
    let mut ledger = ledger();
    told(&mut ledger, minutes(30, 31), &[30], 99);
    for asked in 0..5 {
        told(&mut ledger, minutes(0, 10), &[], 100 + asked);
        assert_eq!(state_at(&ledger, 0), CandleState::Missing);
    }
    told(&mut ledger, minutes(0, 10), &[], 106);
    assert_eq!(state_at(&ledger, 0), CandleState::BeforeHistory);
    told(&mut ledger, minutes(10, 20), &[12, 13, 14, 15, 16, 17, 18, 19], 110);
    told(&mut ledger, minutes(10, 20), &[12, 13, 14, 15, 16, 17, 18, 19], 111);
    told(&mut ledger, minutes(10, 20), &[12, 13, 14, 15, 16, 17, 18, 19], 112);
    assert_eq!(state_at(&ledger, 10), CandleState::BeforeHistory);
    assert_eq!(state_at(&ledger, 12), CandleState::Final);
}

#[test]
fn a_frozen_feed_is_never_taken_for_a_quiet_market() {
    let mut ledger = ledger();
    for asked in 10..60 {
        told(&mut ledger, minutes(0, asked), &[0, 1, 2], asked);
    }
    assert_eq!(state_at(&ledger, 3), CandleState::Missing);
    assert_eq!(ledger.frontier(minute(60)), Some(minute(3)));
    told(&mut ledger, minutes(0, 61), &[0, 1, 2, 60], 61);
    assert_eq!(state_at(&ledger, 3), CandleState::NoTrade, "now a candle follows");
}

#[test]
fn a_late_candle_overturns_no_trade() {
    let mut ledger = ledger();
    for asked in 10..14 {
        told(&mut ledger, minutes(0, 3), &[0, 2], asked);
    }
    assert_eq!(state_at(&ledger, 1), CandleState::NoTrade);
    let findings = told(&mut ledger, minutes(0, 3), &[0, 1, 2], 20);
    assert_eq!((findings.overturned, state_at(&ledger, 1)), (1, CandleState::Final));
}

#[test]
fn a_refused_candle_is_quarantined_unless_a_good_one_landed_before() {
    let mut ledger = ledger();
    told(&mut ledger, minutes(0, 1), &[0], 5);
    let valid = [minute(2).timestamp_micros()];
    let refused = BTreeSet::from([minute(0), minute(1)]);
    let answer = Answer { window: minutes(0, 3), valid: &valid, refused, asked_at: minute(6) };
    for run in findings(&ledger, M1, &answer, policy()).facts {
        ledger.record(run.window, run.value);
    }
    let states = [0, 1, 2].map(|n| state_at(&ledger, n));
    assert_eq!(states, [CandleState::Final, CandleState::Quarantined, CandleState::Final]);
}

#[test]
fn a_file_never_proves_that_nothing_traded() {
    let mut ledger = ledger();
    let once = Policy { can_confirm: false, confirmations: 1, ..policy() };
    for asked in 0..9 {
        let valid = [minute(0).timestamp_micros(), minute(2).timestamp_micros()];
        let window = minutes(0, 3);
        let asked_at = minute(asked);
        let answer = Answer { window, valid: &valid, refused: BTreeSet::new(), asked_at };
        for run in findings(&ledger, M1, &answer, once).facts {
            ledger.record(run.window, run.value);
        }
    }
    assert_eq!(
        ledger.fact_at(minute(1)),
        Some(Fact::Absent { asks: 0, asked_at: minute(8).timestamp_micros() })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Idea 3: a fifth of all answers is empty, and still no candle is taken for absent that exists.
    #[test]
    fn t07_empty_answers_never_make_a_false_no_trade(seed in any::<u64>(), no_trade in 0.0..0.5) {
        let mut random = StdRng::seed_from_u64(seed);
        let traded = (0..300).map(|n| n == 299 || !random.random_bool(no_trade));
        let traded: Vec<bool> = traded.collect();
        let mut ledger = ledger();
        let minutes_of = |until| (0_i64..until).zip(&traded).filter(|(_, traded)| **traded).map(|(n, _)| n);
        let known: Vec<i64> = minutes_of(5).collect();
        told(&mut ledger, minutes(0, 5), &known, 0);
        for asked in 1..60 {
            let is_empty = random.random_bool(0.2);
            let present: Vec<i64> = minutes_of(if is_empty { 0 } else { 300 }).collect();
            told(&mut ledger, minutes(0, 300), &present, asked);
        }
        for (n, traded) in traded.iter().enumerate() {
            let state = state_at(&ledger, n as i64);
            prop_assert_eq!(state == CandleState::Final, *traded, "minute {}: {:?}", n, state);
            prop_assert!(!state.is_gap(), "minute {} is still {:?}", n, state);
        }
    }

    /// The facts of an answer never leave its window, and never contradict each other.
    #[test]
    fn facts_stay_inside_the_window(
        present in prop::collection::btree_set(0_i64..60, 0..60),
        known in prop::collection::btree_set(0_i64..90, 0..60),
    ) {
        let mut ledger = ledger();
        for n in &known {
            ledger.record(minutes(*n, n + 1), Fact::Final);
        }
        let before: Vec<_> = (60..90).map(|n| ledger.fact_at(minute(n))).collect();
        let present: Vec<i64> = present.into_iter().collect();
        told(&mut ledger, minutes(0, 60), &present, 100);
        let after: Vec<_> = (60..90).map(|n| ledger.fact_at(minute(n))).collect();
        prop_assert_eq!(before, after);
        for n in 0..60 {
            let landed = present.contains(&n) || known.contains(&n);
            prop_assert_eq!(ledger.fact_at(minute(n)) == Some(Fact::Final), landed);
        }
    }
}
