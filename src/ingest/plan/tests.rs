//! What is asked for, and that it never leaves anything out.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::{config::Config, market::Calendar};

/// Pieces of so many minutes.
fn pieces(minutes: i64) -> impl Fn(DateTime<Utc>) -> DateTime<Utc> {
    move |start| start + TimeDelta::minutes(minutes)
}

const M1: Timeframe = Timeframe::M1;

/// As the defaults have it: three answers, six empty ones, 45 seconds apart.
fn policy() -> Policy {
    let defaults = Config::from_layers(None, HashMap::new()).unwrap();
    Policy::of_provider(&defaults.ingest)
}

fn minute(n: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_040 + n * 60, 0).unwrap()
}

fn minutes(from: i64, until: i64) -> Window {
    Window::new(minute(from), minute(until))
}

#[test]
fn t24_a_candle_is_closed_when_it_has_settled_and_not_a_microsecond_before() {
    let settle = TimeDelta::seconds(75);
    let close = minute(1);
    let just = TimeDelta::microseconds(1);
    assert_eq!(closed_until(close + settle - just, settle, M1), minute(0));
    assert_eq!(closed_until(close + settle, settle, M1), minute(1));
    assert_eq!(closed_until(close + settle + just, settle, M1), minute(1));
}

#[test]
fn a_poll_asks_for_what_is_new_and_the_last_candles_again() {
    let mut ledger = Ledger::new(M1, Calendar::Always, minute(0));
    assert_eq!(poll_window(&ledger, M1, minute(0), 3, 300), None, "nothing has closed");
    assert_eq!(poll_window(&ledger, M1, minute(20), 3, 300), Some(minutes(0, 20)));
    ledger.record(minutes(0, 20), Fact::Final);
    assert_eq!(poll_window(&ledger, M1, minute(21), 3, 300), Some(minutes(17, 21)));
    assert_eq!(poll_window(&ledger, M1, minute(20), 3, 300), Some(minutes(17, 20)));
}

#[test]
fn t40_after_a_long_outage_the_newest_page_comes_first_and_the_rest_is_filled() {
    let mut ledger = Ledger::new(M1, Calendar::Always, minute(0));
    ledger.record(minutes(0, 100), Fact::Final);
    let poll = poll_window(&ledger, M1, minute(2_000), 3, 300).unwrap();
    assert_eq!(poll, minutes(1_700, 2_000));
    ledger.record(poll, Fact::Final);
    let at = (minute(2_000), minute(2_002));
    let fill = fill_window((&ledger, &[]), M1, at, policy(), 3, pieces(1_000)).unwrap();
    assert_eq!(fill, minutes(100, 1_100));
    ledger.record(fill, Fact::Final);
    let fill = fill_window((&ledger, &[]), M1, at, policy(), 3, pieces(1_000)).unwrap();
    assert_eq!(fill, minutes(1_100, 1_700));
}

#[test]
fn absent_and_refused_candles_are_asked_for_again_later_but_not_for_ever() {
    let mut ledger = Ledger::new(M1, Calendar::Always, minute(0));
    ledger.record(minutes(0, 10), Fact::Final);
    let asked_at = minute(12).timestamp_micros();
    ledger.record(minutes(4, 5), Fact::Absent { asks: 1, asked_at });
    ledger.record(minutes(7, 8), Fact::Quarantined { asks: 2, asked_at });
    let at = |now| (minute(10), now);
    assert_eq!(
        fill_window((&ledger, &[]), M1, at(minute(12)), policy(), 0, pieces(100)),
        None,
        "too soon"
    );
    let later = minute(13);
    assert_eq!(
        fill_window((&ledger, &[]), M1, at(later), policy(), 0, pieces(100)),
        Some(minutes(4, 8))
    );
    let believable = fill_window((&ledger, &[]), M1, at(later), policy(), 3, pieces(100));
    assert_eq!(believable, Some(minutes(1, 8)), "with known candles to believe the answer by");
    ledger.record(minutes(4, 5), Fact::NoTrade);
    ledger.record(minutes(7, 8), Fact::Quarantined { asks: 3, asked_at });
    assert_eq!(
        fill_window((&ledger, &[]), M1, at(later), policy(), 0, pieces(100)),
        None,
        "asked enough"
    );
    assert_eq!(next_question_at((&ledger, &[]), minute(10), policy()), None);
}

#[test]
fn nights_and_weekends_do_not_cut_a_history_into_pieces() {
    let open = "2024-06-03T13:30:00Z".parse().unwrap();
    let fortnight = Window::new(open, open + TimeDelta::days(14));
    let ledger = Ledger::new(M1, Calendar::UsEquity, open);
    let at = (fortnight.end, fortnight.end);
    let fill = fill_window((&ledger, &[]), M1, at, policy(), 3, pieces(90_000)).unwrap();
    let last_close = "2024-06-14T20:00:00Z".parse().unwrap();
    assert_eq!(fill, Window::new(open, last_close), "ten sessions at once");
}

proptest! {
    /// Asking as planned, and being answered, accounts for every candle in finitely many steps.
    #[test]
    fn filling_ends_with_nothing_owed(
        landed in prop::collection::vec((0_i64..900, 1_i64..40), 0..20),
        chunk in 1_i64..300,
        refetch in 0_i64..5,
        closed in 1_i64..1_000,
    ) {
        let mut ledger = Ledger::new(M1, Calendar::Always, minute(0));
        for (from, length) in landed {
            ledger.record(minutes(from, from + length), Fact::Final);
        }
        let at = (minute(closed), minute(closed + 2));
        for _ in 0..2_000 {
            let Some(window) = fill_window((&ledger, &[]), M1, at, policy(), refetch, pieces(chunk)) else {
                prop_assert_eq!(ledger.watermark(minute(closed)), minute(closed));
                return Ok(());
            };
            prop_assert!(window.end <= minute(closed) && window.candles(M1) <= chunk + refetch);
            ledger.record(window, Fact::Final);
        }
        prop_assert!(false, "filling does not end");
    }
}

#[test]
fn what_is_asked_for_again_may_lie_before_a_weekend() {
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let mut ledger = Ledger::new(M1, Calendar::UsEquity, at("2024-03-28T13:30:00Z"));
    ledger.record(Window::new(at("2024-03-28T13:30:00Z"), at("2024-03-28T20:00:00Z")), Fact::Final);
    // Good Friday, the weekend, and two minutes of Monday.
    let (open, due) = (at("2024-04-01T13:30:00Z"), at("2024-04-01T13:32:00Z"));
    let anchor = at("2024-03-28T19:57:00Z");
    let poll = poll_window(&ledger, M1, due, 3, 10_000);
    assert_eq!(poll, Some(Window::new(anchor, due)));
    assert_eq!(poll_window(&ledger, M1, due, 3, 300).unwrap().end, due, "at most a page");
    let minute = |from: i64, until: i64| {
        Window::new(open + TimeDelta::minutes(from), open + TimeDelta::minutes(until))
    };
    ledger.record(minute(0, 1), Fact::Absent { asks: 1, asked_at: 0 });
    ledger.record(minute(1, 2), Fact::Final);
    let fill = fill_window((&ledger, &[]), M1, (due, due), policy(), 3, pieces(90_000));
    assert_eq!(fill, Some(Window::new(anchor, minute(0, 1).end)));
    ledger.record(minute(0, 2), Fact::Final);
    let poll = poll_window(&ledger, M1, due + TimeDelta::minutes(1), 3, 10_000).unwrap();
    assert_eq!(poll.start, at("2024-03-28T19:59:00Z"));
    let saturday = at("2024-03-30T12:00:00Z");
    let poll = poll_window(&ledger, M1, saturday, 3, 10_000).unwrap();
    assert_eq!(poll.start, saturday - TimeDelta::minutes(3), "nothing is due");
    let mut new = Ledger::new(M1, Calendar::UsEquity, open);
    new.record(minute(0, 1), Fact::Final);
    assert_eq!(poll_window(&new, M1, due, 3, 300).unwrap().start, open, "nothing before history");
}
