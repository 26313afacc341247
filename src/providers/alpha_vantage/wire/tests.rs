//! Rows of both formats, their times, and what is set aside.

use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{
    market::Calendar,
    quality::{Verdict, validate},
};

const NOW: &str = "2024-06-05T12:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn page(series: &str, body: &str) -> Result<RawBatch, ProviderError> {
    page_of(Window::new(at("2020-01-01T00:00:00Z"), at(NOW)), series, body)
}

fn page_of(window: Window, series: &str, body: &str) -> Result<RawBatch, ProviderError> {
    let provenance = Provenance {
        extracted_at: at(NOW),
        made_at: at(NOW),
        source: "test".into(),
        is_mock: true,
        is_derived: false,
    };
    let series = format!("alpha_vantage/{series}").parse().unwrap();
    read(&series, window, provenance, &Bytes::from(body.to_owned()))
}

fn judged(series: &str, body: &str) -> Verdict {
    validate(page(series, body).unwrap(), Calendar::Always, TimeDelta::zero())
}

const CSV: &str = "timestamp,open,high,low,close,volume\r\n\
    2024-06-04 09:35:00,1.5,4.5,1.25,2.5,11\r\n2024-06-04 09:30:00,1.0,4.0,0.5,2.0,10\r\n";

const JSON: &str = r#"{
    "Meta Data": {"1. Information": "Intraday", "6. Time Zone": "US/Eastern"},
    "Time Series (5min)": {
        "2024-06-04 09:35:00": {"1. open": "1.5", "2. high": "4.5", "3. low": "1.25",
            "4. close": "2.5", "5. volume": 11},
        "2024-06-04 09:30:00": {"1. open": "1.0", "2. high": "4.0", "3. low": "0.5",
            "4. close": "2.0", "5. volume": "10"}
    }
}"#;

#[test]
fn t16_a_table_that_was_cut_tells_no_candle_that_the_whole_one_does_not() {
    let whole = page("IBM/5m", CSV).unwrap().candles;
    for cut in 0..CSV.len() {
        let Ok(batch) = page("IBM/5m", &CSV[..cut]) else { continue };
        assert!(batch.unreadable.is_empty(), "{cut}");
        for candle in batch.candles.iter() {
            assert!(whole.iter().any(|told| told.has_values_of(&candle)), "{cut}: {candle:?}");
        }
    }
    assert!(matches!(page("IBM/5m", &CSV[..CSV.len() - 3]), Err(ProviderError::Malformed { .. })));
}

#[test]
fn both_formats_say_the_same_oldest_first_in_new_york_time() {
    for body in [CSV, &CSV.replace("\r\n", "\n"), JSON] {
        let batch = page("IBM/5m", body).unwrap();
        let candles: Vec<_> = batch.candles.iter().collect();
        assert_eq!(candles[0].open_time, at("2024-06-04T13:30:00Z"));
        assert_eq!(candles[1].open_time, at("2024-06-04T13:35:00Z"));
        let c = candles[0];
        assert_eq!((c.open, c.high, c.low, c.close, c.volume), (1.0, 4.0, 0.5, 2.0, Some(10.0)));
        assert!(batch.unreadable.is_empty());
    }
}

#[test]
fn currencies_are_stamped_in_utc_and_have_no_volume() {
    let body = "timestamp,open,high,low,close\n2024-06-04 21:05:00,1.1,1.2,1.0,1.1\n";
    let candle = page("EURUSD/5m", body).unwrap().candles.get(0);
    assert_eq!((candle.open_time, candle.volume), (at("2024-06-04T21:05:00Z"), None));
}

#[test]
fn what_was_not_asked_for_is_left_out_and_not_refused() {
    let body = CSV.replace("2024-06-04 09:30", "2019-06-04 09:30");
    let batch = page("IBM/5m", &body).unwrap();
    assert_eq!((batch.candles.len(), batch.unreadable.len()), (1, 0));
}

#[test]
fn the_running_row_and_the_frozen_row_of_today_never_land() {
    let body = "timestamp,open,high,low,close,volume\n\
        2024-06-05,5.0,5.0,5.0,5.0,0.4\n2024-06-04,4.0,6.0,3.0,5.0,122.0\n";
    let verdict = judged("BTCUSD/1d", body);
    assert_eq!((verdict.valid.candles().len(), verdict.unfinished), (1, 1));
    assert_eq!(verdict.valid.candles().open_time_at(0), at("2024-06-04T00:00:00Z"));
}

#[test]
fn stamps_of_the_close_are_noticed_and_the_whole_answer_is_refused() {
    // Nobody asks for a candle that opens when the session ends; it tells all the same.
    let session = Window::new(at("2024-06-04T13:30:00Z"), at("2024-06-04T20:00:00Z"));
    let body = CSV.replace("09:35", "16:00");
    for body in [&body, &JSON.replace("09:35", "16:00")] {
        for answer in [page("IBM/5m", body), page_of(session, "IBM/5m", body)] {
            let Err(ProviderError::Malformed { detail, .. }) = answer else { panic!() };
            assert!(detail.contains("2024-06-04 16:00:00"), "{detail}");
        }
    }
}

/// The running candle is always among the rows; stamped when it will close, it lies ahead.
#[test]
fn the_close_of_the_running_candle_gives_stamps_of_the_close_away() {
    for (stamp, is_refused) in [
        ("2024-06-05 12:00:05", false),
        ("2024-06-05 12:00:06", true),
        ("2024-06-05 12:05:00", true),
        ("2024-06-05 12:05:01", false),
    ] {
        let body = format!("timestamp,open,high,low,close\n{stamp},1.1,1.2,1.0,1.1\n");
        assert_eq!(page("EURUSD/5m", &body).is_err(), is_refused, "{stamp}");
    }
}

#[test]
fn t20_t21_one_bad_row_costs_one_row_and_keeps_its_bytes() {
    let good = "2024-06-04 09:30:00,1.0,4.0,0.5,2.0,10";
    for bad in [
        "2024-06-04 09:35:00,x,4.0,0.5,2.0,10",
        "2024-06-04 09:35:00,1.0,4.0,0.5,2.0,",
        "2024-06-04 09:35:00,1.0,4.0",
        "yesterday,1.0,4.0,0.5,2.0,10",
        "garbage",
    ] {
        let body = format!("timestamp,open,high,low,close,volume\n{bad}\n{good}\n");
        let batch = page("IBM/5m", &body).unwrap();
        assert_eq!((batch.candles.len(), batch.unreadable.len()), (1, 1), "{bad}");
        assert_eq!(batch.raw.row(batch.unreadable[0].0), bad);
        assert_eq!(batch.raw.row(batch.rows[0]), good);
    }
}

#[test]
fn t20_t21_a_bad_row_of_an_object_keeps_its_time_as_well() {
    let bad = "\"2024-06-04 09:35:00\": {\"1. open\": \"1.5\", \"2. high\": null}";
    let from = JSON.find("\"2024-06-04 09:35").unwrap();
    let to = from + JSON[from..].find('}').unwrap() + 1;
    let batch = page("IBM/5m", &JSON.replace(&JSON[from..to], bad)).unwrap();
    assert_eq!((batch.candles.len(), batch.unreadable.len()), (1, 1));
    assert_eq!(batch.raw.row(batch.unreadable[0].0), bad);
    let good = batch.raw.row(batch.rows[0]);
    let good = std::str::from_utf8(&good).unwrap();
    assert!(good.starts_with("\"2024-06-04 09:30:00\": {") && good.ends_with('}'), "{good}");
}

#[test]
fn t16_what_is_neither_table_nor_series_nor_refusal_is_malformed_and_keeps_its_bytes() {
    let weekly = JSON.replace("Time Series (5min)", "Weekly Time Series");
    let others = ["", "<html>login</html>", "[]", "{\"Meta", "symbol,price\nIBM,3\n", "null"];
    for body in others.into_iter().chain([weekly.as_str()]) {
        let Err(ProviderError::Malformed { body: kept, .. }) = page("IBM/5m", body) else {
            panic!("{body:?} was read");
        };
        assert_eq!(kept, body);
    }
}

#[test]
fn t01_a_refusal_is_recognised_although_a_table_was_asked_for() {
    let body = "{\"Note\": \"Thank you for using Alpha Vantage! 5 calls per minute\"}";
    assert!(matches!(page("IBM/5m", body), Err(ProviderError::Throttled { .. })));
    for word in ["I,n,f,o,r,m", "N,o,t,e,,", "I,n,f,o,r,m,a,t,i,o,n"] {
        let body = format!("timestamp,open,high,low,close,volume\r\n{word}\r\n");
        assert!(matches!(page("IBM/5m", &body), Err(ProviderError::Throttled { .. })), "{word}");
    }
}

proptest! {
    /// Over both clock changes: what New York's clock shows in a session is one instant.
    #[test]
    fn t25_a_stamp_of_a_session_is_one_instant_and_reads_back(
        day in 0_u64..9_000,
        minute in 570_u32..960,
    ) {
        let day = NaiveDate::from_ymd_opt(2000, 1, 3).unwrap() + chrono::Days::new(day);
        let local = day.and_hms_opt(minute / 60, minute % 60, 0).unwrap();
        let stamp = local.format("%Y-%m-%d %H:%M:%S").to_string();
        let row = Row { text: b"", stamp: &stamp, prices: [None; 4], volume: None };
        let instant = row.open_time(New_York, Timeframe::M1).unwrap();
        prop_assert_eq!(instant.with_timezone(&New_York).naive_local(), local);
        let offset = (local.and_utc() - instant).num_hours();
        prop_assert!(offset == -4 || offset == -5);
    }
}

#[test]
fn t25_an_hour_that_the_clock_skips_or_repeats_is_never_guessed() {
    for stamp in ["2024-03-10 02:30:00", "2024-11-03 01:30:00"] {
        let row = Row { text: b"", stamp, prices: [None; 4], volume: None };
        assert!(row.open_time(New_York, Timeframe::M1).is_err(), "{stamp}");
    }
}
