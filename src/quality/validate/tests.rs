//! Every refusal, and that nothing is ever lost between valid, refused and unfinished.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::market::RawText;

fn start() -> DateTime<Utc> {
    "2024-05-01T00:00:00Z".parse().unwrap()
}

fn minute(n: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(n)
}

fn good(n: i64) -> Candle {
    let open_time = minute(n);
    Candle { open_time, open: 10.0, high: 12.0, low: 9.0, close: 11.0, volume: Some(1.5) }
}

fn raw(candles: impl IntoIterator<Item = Candle>) -> RawBatch {
    let candles: Candles = candles.into_iter().collect();
    RawBatch {
        series: "coinbase/BTCUSD/1m".parse().unwrap(),
        window: Window::new(minute(0), minute(10)),
        provenance: Provenance {
            extracted_at: minute(12),
            made_at: minute(12),
            source: "test".into(),
            is_mock: true,
            is_derived: false,
        },
        rows: (0..candles.len()).collect(),
        candles,
        raw: RawText::new(|row| Bytes::from(format!("row {row}"))),
        unfinished: 0,
        unreadable: Vec::new(),
    }
}

fn judged(candles: impl IntoIterator<Item = Candle>) -> Verdict {
    validate(raw(candles), Calendar::Always, TimeDelta::seconds(60))
}

#[test]
fn t27_a_time_at_the_end_of_time_is_refused_like_any_other_of_the_future() {
    let last = DateTime::from_timestamp(8_210_266_876_740, 0).unwrap();
    let verdict = judged([Candle { open_time: last, ..good(1) }]);
    assert_eq!(verdict.refused.len(), 1);
}

#[test]
fn t20_t27_each_fault_is_refused_by_its_own_expectation() {
    let with = |change: fn(&mut Candle)| {
        let mut candle = good(3);
        change(&mut candle);
        candle
    };
    let cases: [(&str, Candle); 14] = [
        ("finite", with(|c| c.close = f64::NAN)),
        ("finite", with(|c| c.open = f64::INFINITY)),
        ("finite", with(|c| c.volume = Some(f64::NAN))),
        ("positive_prices", with(|c| c.low = 0.0)),
        ("positive_prices", with(|c| c.open = -1.0)),
        ("high_not_below_low", with(|c| (c.high, c.low) = (9.0, 12.0))),
        ("open_in_range", with(|c| c.open = 8.0)),
        ("open_in_range", with(|c| c.open = 13.0)),
        ("close_in_range", with(|c| c.close = 12.5)),
        ("volume_not_negative", with(|c| c.volume = Some(-1e-8))),
        ("on_grid", with(|c| c.open_time += TimeDelta::seconds(1))),
        ("not_in_future", with(|c| c.open_time = minute(500))),
        ("in_window", with(|c| c.open_time = minute(-1))),
        ("in_window", with(|c| c.open_time = minute(10))),
    ];
    for (name, bad) in cases {
        let verdict = judged([good(2), bad, good(4)]);
        assert_eq!(verdict.refused.len(), 1, "{name}: {bad:?}");
        assert_eq!(verdict.refused[0].expectation, name, "{bad:?}");
        assert_eq!(verdict.refused[0].raw, "row 1");
        assert_eq!(verdict.valid.candles().len(), 2, "t21: the page survives its bad row");
    }
}

#[test]
fn extremes_that_are_real_are_accepted() {
    let flat = Candle { open: 10.0, high: 10.0, low: 10.0, close: 10.0, ..good(1) };
    let tiny = Candle { open: 1e-8, high: 1e-8, low: 1e-8, close: 1e-8, ..good(2) };
    let huge = Candle { volume: Some(1e12), ..good(3) };
    let without_volume = Candle { volume: None, ..good(4) };
    assert_eq!(judged([flat, tiny, huge, without_volume]).valid.candles().len(), 4);
}

#[test]
fn a_running_candle_is_neither_valid_nor_a_dead_letter() {
    let mut answer = raw([good(9), good(11), good(12)]);
    answer.window = Window::new(minute(0), minute(20));
    let verdict = validate(answer, Calendar::Always, TimeDelta::seconds(60));
    assert_eq!((verdict.valid.candles().len(), verdict.unfinished), (1, 2));
    assert!(verdict.refused.is_empty());
}

#[test]
fn t09_repeated_rows_count_once_and_contradictions_not_at_all() {
    let other = Candle { close: 10.5, ..good(5) };
    let verdict = judged([good(7), good(5), good(3), good(7), other, good(1)]);
    let times: Vec<_> = verdict.valid.candles().iter().map(|c| c.open_time).collect();
    assert_eq!(times, [minute(1), minute(3), minute(7)]);
    assert_eq!((verdict.repeated, verdict.refused.len()), (1, 2));
    assert!(verdict.refused.iter().all(|letter| letter.expectation == "no_conflict"));
}

#[test]
fn refusing_the_same_bytes_twice_makes_the_same_letter() {
    let bad = Candle { high: 1.0, ..good(1) };
    let ids = [judged([bad]), judged([bad])].map(|verdict| verdict.refused[0].id.clone());
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], judged([good(0), bad]).refused[0].id, "other bytes, other letter");
}

proptest! {
    #[test]
    fn rows_are_conserved_sorted_and_unique_in_any_order(
        minutes in prop::collection::vec(-5_i64..20, 0..40),
        closes in prop::collection::vec(prop_oneof![Just(11.0), Just(10.0), Just(99.0)], 40),
    ) {
        let rows = minutes.iter().zip(&closes).map(|(n, close)| Candle { close: *close, ..good(*n) });
        let verdict = judged(rows);
        let total = verdict.valid.candles().len()
            + verdict.refused.len() + verdict.unfinished + verdict.repeated;
        prop_assert_eq!(total, minutes.len());
        let times = &verdict.valid.candles().open_time;
        prop_assert!(times.is_sorted_by(|a, b| a < b));
        prop_assert!(verdict.valid.candles().iter().all(|c| verdict.valid.window().contains(c.open_time)));
    }
}
