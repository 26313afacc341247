//! `GET /v1/coverage`: the runs partition every window.

use barkeep::{
    market::{Series, Window},
    simulate::SimulationConfig,
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_json_snapshot;
use serde_json::Value;

use super::{WRONG_SERIES, WRONG_WINDOWS, assert_refused, instant, items};
use crate::support::test_app::{Setup, TestApp, query_of};

const BTC: &str = "/v1/coverage?series=coinbase/BTCUSD/1m";

async fn half_filled() -> TestApp {
    let simulation = SimulationConfig { no_trade: 0.05, ..SimulationConfig::default() };
    let timeframes = "1m,1h";
    let app = TestApp::with(Setup { timeframes, simulation, ..Setup::default() }).await;
    // One page of the newest candles: the older ones stay pending, the holes missing.
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    app
}

/// Runs follow upon each other from one end of the window to the other, never two of one state.
fn assert_partition(answer: &Value, asked: &str) {
    let series: Series = answer["series"].as_str().unwrap().parse().unwrap();
    let (start, end) = (instant(&answer["window"]["start"]), instant(&answer["window"]["end"]));
    let (mut at, mut before, mut sum) = (start, Value::Null, 0);
    for run in items(answer, "runs") {
        let window = Window::new(instant(&run["start"]), instant(&run["end"]));
        assert_eq!(window.start, at, "{asked}");
        assert_ne!(run["state"], before, "{asked}: a run is maximal");
        assert_eq!(run["candles"], window.candles(series.timeframe), "{asked}");
        assert!(!window.is_empty(), "{asked}");
        sum += window.candles(series.timeframe);
        (at, before) = (window.end, run["state"].clone());
    }
    assert_eq!(at, end, "{asked}");
    assert_eq!(sum, Window::new(start, end).candles(series.timeframe), "{asked}");
    let by_state = answer["candles"].as_object().unwrap().values();
    assert_eq!(by_state.map(|count| count.as_i64().unwrap()).sum::<i64>(), sum, "{asked}");
}

#[tokio::test]
async fn every_candle_has_one_state() {
    let app = half_filled().await;
    let window = "&start=2024-03-06T06:40:00Z&end=2024-03-06T08:40:00Z";
    assert_json_snapshot!(app.get(&format!("{BTC}{window}")).await.ok());
}

#[tokio::test]
async fn runs_partition_every_window() {
    let app = half_filled().await;
    app.poll("coinbase/BTCUSD/1h").await.unwrap();
    let begin: DateTime<Utc> = "2024-03-06T02:30:00Z".parse().unwrap();
    for timeframe in ["1m", "1h"] {
        let route = format!("/v1/coverage?asset=BTCUSD&timeframe={timeframe}");
        assert_partition(&app.get(&route).await.ok(), "the whole series");
        // Steps without a common divisor: windows begin and end anywhere on and off the grid.
        for n in 0..120 {
            let start = begin + TimeDelta::seconds(n * 331);
            let window = Window::new(start, start + TimeDelta::seconds(1 + n * n * 17 % 40_000));
            let query = query_of(window);
            assert_partition(&app.get(&format!("{route}&{query}")).await.ok(), &query);
        }
    }
}

#[tokio::test]
async fn windows_far_away_cost_nothing_and_still_add_up() {
    let app = half_filled().await;
    let bounds = [
        ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"),
        ("9998-01-01T00:00:00Z", "9999-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.5Z"),
        ("2024-03-06T12:00:00Z", "2024-03-06T12:00:01Z"),
        ("2024-03-06T11:59:00.000000001Z", "2024-03-06T12:00:00.999999999Z"),
    ];
    for (start, end) in bounds {
        let query = format!("&start={start}&end={end}");
        assert_partition(&app.get(&format!("{BTC}{query}")).await.ok(), &query);
    }
}

#[tokio::test]
async fn what_is_final_is_what_the_candles_route_lists() {
    let app = half_filled().await;
    app.settle().await;
    let coverage = app.get(BTC).await.ok();
    let candles = app.get("/v1/candles?series=coinbase/BTCUSD/1m").await.ok();
    assert_eq!(coverage["candles"]["final"], items(&candles, "candles").len());
}

#[tokio::test]
async fn every_wrong_parameter_is_refused_by_name() {
    let app = TestApp::start().await;
    assert_refused(&app, "/v1/coverage?", WRONG_SERIES).await;
    assert_refused(&app, BTC, WRONG_WINDOWS).await;
    assert_refused(&app, BTC, &[("&limit=1", "limit")]).await;
}

const BY_DAY: &str = "/v1/series/coinbase/BTCUSD/1h/coverage";

#[tokio::test]
async fn days_add_up_to_what_the_runs_say() {
    let setup = Setup { timeframes: "1h", history: "4d", ..Setup::default() };
    let app = TestApp::with(setup).await;
    let conditions = |answer: &Value| -> Vec<String> {
        let days = items(answer, "days").iter();
        days.map(|day| day["condition"].as_str().unwrap().to_owned()).collect()
    };
    for expected in ["pending", "available"] {
        let runs = app.get(BY_DAY).await.ok();
        let days = app.get(&format!("{BY_DAY}?resolution=day")).await.ok();
        assert_eq!(days["window"], runs["window"]);
        let sum: i64 = items(&days, "days")
            .iter()
            .flat_map(|day| day["candles"].as_object().unwrap().values())
            .map(|count| count.as_i64().unwrap())
            .sum();
        let all: i64 =
            runs["candles"].as_object().unwrap().values().map(|n| n.as_i64().unwrap()).sum();
        assert_eq!(sum, all);
        assert!(conditions(&days).len() >= 4);
        assert!(conditions(&days).iter().all(|condition| condition == expected), "{days}");
        app.settle().await;
    }
    let both = "start=2024-03-05T00:00:00Z&end=2024-03-06T00:00:00Z";
    assert_json_snapshot!(app.get(&format!("{BY_DAY}?resolution=day&{both}")).await.ok());
    let same = app.get(&format!("{BY_DAY}?{both}")).await.ok();
    assert_eq!(same, app.get(&format!("/v1/coverage?series=coinbase/BTCUSD/1h&{both}")).await.ok());
    assert_refused(&app, &format!("{BY_DAY}?"), &[("resolution=week", "resolution")]).await;
}
