//! `GET /v1/freshness`: one word per series, and never a better one than the candles deserve.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::{assert_refused, instant, items};
use crate::support::test_app::{Setup, TestApp, seconds};

const BTC: &str = "coinbase/BTCUSD/1m";
const EURUSD: &str = "oanda/EURUSD/1m";

async fn freshness_of(app: &TestApp, series: &str) -> Value {
    let answer = app.get(&format!("/v1/freshness?series={series}")).await.ok();
    assert_eq!(answer["as_of"].as_str().map(|_| instant(&answer["as_of"])), Some(app.now()));
    items(&answer, "items")[0].clone()
}

async fn verdict(app: &TestApp, series: &str) -> String {
    freshness_of(app, series).await["verdict"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_complete_series_is_fresh() {
    let setup = Setup { assets: "BTCUSD,ETHUSD", timeframes: "1m,1h,4h", ..Setup::default() };
    let app = TestApp::with(setup).await;
    app.settle().await;
    assert_json_snapshot!(app.get("/v1/freshness").await.ok());
    let both = app.get("/v1/freshness?series=coinbase/ETHUSD/4h,coinbase/btc-usd/1m").await.ok();
    let named: Vec<_> = items(&both, "items").iter().map(|item| &item["series"]).collect();
    assert_eq!(named, ["coinbase/ETHUSD/4h", "coinbase/BTCUSD/1m"], "in the order asked for");
}

#[tokio::test]
async fn t73_a_series_without_candles_is_unknown_whatever_was_tried() {
    let settings = &[("PROVIDERS__COINBASE__RETRIES", "0")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    assert_json_snapshot!(freshness_of(&app, BTC).await);
    app.set_faults(&["server_error=1"]);
    app.poll(BTC).await.unwrap_err();
    assert_eq!(verdict(&app, BTC).await, "unknown", "asked in vain");
    app.set_faults(&["empty=1"]);
    for _ in 0..8 {
        app.round().await;
        app.clock.advance(seconds(45));
    }
    let owed = app.get(&format!("/v1/coverage?series={BTC}")).await.ok();
    assert!(owed["candles"]["missing"].as_i64().unwrap() > 400, "{owed}");
    assert_eq!(verdict(&app, BTC).await, "unknown", "without a candle nothing is concluded");
    app.clock.set("2024-03-01T00:00:00Z".parse().unwrap());
    assert_eq!(verdict(&app, BTC).await, "unknown", "before its own history");
}

/// Exactly at the threshold a series is late; a second more, and it is stale.
#[tokio::test]
async fn t73_a_candle_may_be_overdue_by_as_much_as_is_allowed_and_not_a_second_more() {
    let timeframes = "1m,1h,4h";
    let app = TestApp::with(Setup { timeframes, ..Setup::default() }).await;
    app.settle().await;
    for (timeframe, allowed) in [("1m", 300), ("1h", 1_800), ("4h", 3_600)] {
        let series = format!("coinbase/BTCUSD/{timeframe}");
        let name: barkeep::market::Series = series.parse().unwrap();
        let newest = instant(&freshness_of(&app, &series).await["last_candle"]);
        let next_settles = newest + name.timeframe.duration() * 2 + seconds(75);
        for (late, expected) in
            [(-1, "fresh"), (0, "fresh"), (allowed, "fresh"), (allowed + 1, "stale")]
        {
            app.clock.set(next_settles + seconds(late));
            let now = freshness_of(&app, &series).await;
            assert_eq!(now["verdict"], expected, "{series} is {late} s late");
            assert_eq!(now["overdue_seconds"], late.max(0), "{series}");
            assert_eq!(now["stale_after_seconds"], allowed, "{series}");
            assert_eq!(now["last_candle"], json!(newest), "{series}");
        }
        assert!(freshness_of(&app, &series).await["lag_candles"].as_i64() >= Some(1));
    }
}

/// Rows are written right now, and not one of them is new: only the live edge counts.
#[tokio::test]
async fn t73_a_backfill_does_not_make_a_stalled_series_fresh() {
    let settings = &[("INGEST__CHUNK_CANDLES", "300")];
    let app = TestApp::with(Setup { settings, history: "20h", ..Setup::default() }).await;
    app.poll(BTC).await.unwrap();
    assert_eq!(verdict(&app, BTC).await, "fresh");
    app.clock.advance(TimeDelta::minutes(10));
    let before = freshness_of(&app, BTC).await;
    assert_eq!(before["verdict"], "stale");
    let landed = app.app.landed();
    app.fill(BTC).await.unwrap();
    app.fill(BTC).await.unwrap();
    assert!(app.app.landed() > landed + 500, "old candles have landed");
    let after = freshness_of(&app, BTC).await;
    assert!(instant(&after["watermark"]) > instant(&before["watermark"]));
    for member in ["verdict", "last_candle", "overdue_seconds", "lag_candles", "age_seconds"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    app.poll(BTC).await.unwrap();
    assert_eq!(verdict(&app, BTC).await, "fresh", "the live edge has caught up");
}

/// An answer that lacks candles we have seen proves nothing about those we have not.
#[tokio::test]
async fn t73_empty_answers_at_the_live_edge_do_not_count_as_no_trade() {
    let app = TestApp::start().await;
    app.settle().await;
    app.set_faults(&["empty=1"]);
    for _ in 0..12 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
    }
    let now = freshness_of(&app, BTC).await;
    assert_eq!((&now["verdict"], &now["lag_candles"]), (&json!("stale"), &json!(12)));
}

/// Minutes of EURUSD up to the end of the week, Friday 8 March 2024 17:00 in New York.
pub(super) fn friday_evening(until: &str) -> String {
    let until: DateTime<Utc> = until.parse().unwrap();
    let mut csv = "time,open,high,low,close,volume\n".to_owned();
    for n in (1..=120).rev() {
        let time = (until - TimeDelta::minutes(n)).to_rfc3339();
        writeln!(csv, "{time},1.0941,1.0945,1.0938,1.0942,100").unwrap();
    }
    csv
}

#[tokio::test]
async fn t13_an_fx_weekend_is_closed_and_its_end_is_not() {
    let app = TestApp::with(Setup { now: "2024-03-08T22:03:00Z", ..Setup::default() }).await;
    let csv = friday_evening("2024-03-08T22:00:00Z");
    let summary = app.import("eurusd.csv", &csv, EURUSD).await;
    assert_eq!((summary.landed, summary.refused), (120, 0));
    app.clock.set("2024-03-09T12:00:00Z".parse().unwrap());
    assert_json_snapshot!(freshness_of(&app, EURUSD).await);
    // Clocks go forward on that Sunday: the week begins at 21:00 instead of 22:00.
    for (now, expected) in [
        ("2024-03-08T22:00:00Z", "closed"),
        ("2024-03-10T20:59:59Z", "closed"),
        ("2024-03-10T21:00:00Z", "fresh"),
        ("2024-03-10T21:06:00Z", "fresh"),
        ("2024-03-10T21:06:01Z", "stale"),
    ] {
        app.clock.set(now.parse().unwrap());
        assert_eq!(verdict(&app, EURUSD).await, expected, "{now}");
    }
}

#[tokio::test]
async fn t13_a_week_that_ended_short_of_candles_is_stale_all_weekend() {
    let app = TestApp::with(Setup { now: "2024-03-08T22:03:00Z", ..Setup::default() }).await;
    app.import("eurusd.csv", &friday_evening("2024-03-08T21:50:00Z"), EURUSD).await;
    app.clock.set("2024-03-09T12:00:00Z".parse().unwrap());
    let now = freshness_of(&app, EURUSD).await;
    assert_eq!((&now["verdict"], &now["lag_candles"]), (&json!("stale"), &json!(10)));
}

/// Nothing traded in the last minutes of the week, or its last candles are late: nobody can tell.
#[tokio::test]
async fn t13_the_end_of_a_week_may_lack_as_much_as_may_be_overdue() {
    for (until, verdict) in [("21:59", "closed"), ("21:55", "closed"), ("21:54", "stale")] {
        let app = TestApp::with(Setup { now: "2024-03-08T22:03:00Z", ..Setup::default() }).await;
        let csv = friday_evening(&format!("2024-03-08T{until}:00Z"));
        app.import("eurusd.csv", &csv, EURUSD).await;
        app.clock.set("2024-03-09T12:00:00Z".parse().unwrap());
        let now = freshness_of(&app, EURUSD).await;
        assert_eq!(now["verdict"], verdict, "until {until}: {now}");
    }
}

#[tokio::test]
async fn every_wrong_name_is_refused() {
    let app = TestApp::start().await;
    let cases = [
        ("series=", "series"),
        ("series=,", "series"),
        ("series=coinbase/BTCUSD/1m,", "series"),
        ("series=coinbase/BTCUSD/1m,,coinbase/BTCUSD/1m", "series"),
        ("series=coinbase/BTCUSD/1m;coinbase/ETHUSD/1m", "series"),
        ("series=coinbase/BTCUSD/1m&series=coinbase/BTCUSD/1m", "series"),
        ("series=coinbase/BTCUSD/1m&asset=BTCUSD", "asset"),
        ("series=%2e%2e/%2e%2e/1m", "series"),
        ("series=coinbase/BTC%FFUSD/1m", "series"),
        ("serie=coinbase/BTCUSD/1m", "serie"),
        ("start=2024-03-06T10:00:00Z", "start"),
    ];
    assert_refused(&app, "/v1/freshness?", &cases).await;
}
