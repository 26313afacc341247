//! `GET /v1/candles`: values, holes, revisions, and nothing that has not closed.

use barkeep::{
    market::{Timeframe, Window},
    simulate::SimulationConfig,
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_json_snapshot;
use serde_json::Value;

use super::{WRONG_SERIES, WRONG_WINDOWS, assert_refused, instant, items};
use crate::support::test_app::{Setup, TestApp, query_of, seconds};

const BTC: &str = "/v1/candles?series=coinbase/BTCUSD/1m";

async fn settled(simulation: SimulationConfig) -> TestApp {
    let app = TestApp::with(Setup { simulation, ..Setup::default() }).await;
    app.settle().await;
    app
}

#[tokio::test]
async fn the_newest_candles_come_with_a_verdict_and_the_state_of_every_place() {
    let app = settled(SimulationConfig::default()).await;
    assert_json_snapshot!(app.get(&format!("{BTC}&limit=3")).await.ok());
    let parts = app.get("/v1/candles?asset=btc-usd&timeframe=1m&limit=3").await.ok();
    let named = "/v1/candles?provider=coinbase&asset=BTCUSD&timeframe=1m&limit=3";
    assert_eq!(parts, app.get(named).await.ok());
    assert_eq!(parts, app.get(&format!("{BTC}&limit=3")).await.ok());
    let default = app.get(BTC).await.ok();
    let window = &default["window"];
    assert_eq!(instant(&window["end"]) - instant(&window["start"]), TimeDelta::minutes(500));
}

#[tokio::test]
async fn a_series_without_candles_is_empty_and_unknown() {
    let app = TestApp::start().await;
    assert_json_snapshot!(app.get(&format!("{BTC}&limit=2")).await.ok());
}

/// Values as the market published them, whether memory or the lake answers.
#[tokio::test]
async fn candles_are_the_markets_bit_for_bit() {
    let app = settled(SimulationConfig { no_trade: 0.05, ..SimulationConfig::default() }).await;
    let begin: DateTime<Utc> = "2024-03-06T04:00:00Z".parse().unwrap();
    let series = "coinbase/BTCUSD/1m".parse().unwrap();
    for start in [begin, begin + TimeDelta::hours(7)] {
        let window = Window::new(start, app.due(&series));
        let answer = app.get(&format!("{BTC}&{}", query_of(window))).await.ok();
        let (start, end) = (window.start.timestamp(), window.end.timestamp());
        let truth = app.exchange.truth(&"BTCUSD".parse().unwrap(), 60, start, end);
        let candles = items(&answer, "candles");
        assert_eq!(candles.len(), truth.len());
        for (candle, truth) in candles.iter().zip(truth) {
            let truth = truth.to_candle();
            assert_eq!(instant(&candle["open_time"]), truth.open_time);
            let prices = ["open", "high", "low", "close"].map(|name| candle[name].as_f64());
            let expected = [truth.open, truth.high, truth.low, truth.close].map(Some);
            assert_eq!(prices, expected, "{candle}");
            assert_eq!(candle["volume"].as_f64(), truth.volume);
        }
        assert_holes_are_told(&answer);
    }
}

/// Every place of the window has one state, and exactly those called final are listed.
fn assert_holes_are_told(answer: &Value) {
    let opened: Vec<_> =
        items(answer, "candles").iter().map(|candle| instant(&candle["open_time"])).collect();
    let mut at = instant(&answer["window"]["start"]);
    let mut told = Vec::new();
    for run in items(answer, "states") {
        let window = Window::new(instant(&run["start"]), instant(&run["end"]));
        assert_eq!(window.start, at, "runs follow upon each other");
        assert_eq!(window.candles(Timeframe::M1), run["candles"].as_i64().unwrap());
        if run["state"] == "final" {
            told.extend(window.open_times(Timeframe::M1));
        } else {
            assert_eq!(run["state"], "no_trade");
        }
        at = window.end;
    }
    assert_eq!(at, instant(&answer["window"]["end"]));
    assert_eq!(told, opened);
    assert!(items(answer, "states").len() > 1, "the market had holes to tell of");
}

#[tokio::test]
async fn a_revised_candle_shows_its_revision_and_when_it_came() {
    let simulation =
        SimulationConfig { revised: 1.0, no_trade: 0.0, ..SimulationConfig::default() };
    let app = settled(simulation).await;
    let newest = app.get(&format!("{BTC}&limit=1")).await.ok();
    let first = items(&newest, "candles")[0].clone();
    assert_eq!((&first["revision"], &first["extracted_at"]), (&0.into(), &newest["as_of"]));
    app.clock.advance(seconds(120));
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    let window = Window::of_candles(instant(&first["open_time"]), Timeframe::M1, 1);
    let answer = app.get(&format!("{BTC}&{}", query_of(window))).await.ok();
    let second = &items(&answer, "candles")[0];
    assert_eq!((&second["revision"], &second["extracted_at"]), (&1.into(), &answer["as_of"]));
    let truth = app.exchange.truth(
        &"BTCUSD".parse().unwrap(),
        60,
        window.start.timestamp(),
        window.end.timestamp(),
    );
    assert_eq!(second["volume"].as_f64(), truth[0].to_candle().volume);
    assert_ne!(second["volume"], first["volume"]);
}

/// The exchange publishes the running minute too; neither it nor an unsettled one is ever served.
#[tokio::test]
async fn a_running_candle_is_never_served() {
    let app = settled(SimulationConfig::default()).await;
    let hour = Window::of_candles("2024-03-06T11:30:00Z".parse().unwrap(), Timeframe::M1, 60);
    for _ in 0..9 {
        app.clock.advance(seconds(15));
        app.poll("coinbase/BTCUSD/1m").await.unwrap();
        for query in [query_of(hour), "limit=5".to_owned()] {
            let answer = app.get(&format!("{BTC}&{query}")).await.ok();
            let settled = app.now() - app.app.settle(&"coinbase/BTCUSD/1m".parse().unwrap());
            let last = items(&answer, "candles").last().unwrap();
            assert!(instant(&last["close_time"]) <= settled, "{last} at {}", app.now());
            assert!(instant(&answer["window"]["end"]) <= settled);
        }
    }
}

#[tokio::test]
async fn windows_are_aligned_outwards_and_end_where_candles_do() {
    let app = settled(SimulationConfig::default()).await;
    let cases = [
        ("10:00:00Z", "10:01:00Z", "10:00:00Z", "10:01:00Z"),
        ("10:00:59.999999999Z", "10:01:00.000000001Z", "10:00:00Z", "10:02:00Z"),
        ("10:00:00.000000001Z", "10:00:00.000000002Z", "10:00:00Z", "10:01:00Z"),
        ("10:00:60Z", "10:01:60Z", "10:00:00Z", "10:02:00Z"),
        ("11:00:00%2B01:00", "11:01:00+01:00", "10:00:00Z", "10:01:00Z"),
        ("11:58:00Z", "23:00:00Z", "11:58:00Z", "12:00:00Z"),
        ("13:00:00Z", "14:00:00Z", "13:00:00Z", "13:00:00Z"),
    ];
    app.clock.set("2024-03-06T12:02:00Z".parse().unwrap());
    for (start, end, from, until) in cases {
        let query = format!("start=2024-03-06T{start}&end=2024-03-06T{end}");
        let answer = app.get(&format!("{BTC}&{query}")).await.ok();
        assert_eq!(answer["window"]["start"], format!("2024-03-06T{from}"), "{query}");
        assert_eq!(answer["window"]["end"], format!("2024-03-06T{until}"), "{query}");
        let told = items(&answer, "states").iter().map(|run| run["candles"].as_i64().unwrap());
        let window = (instant(&answer["window"]["start"]), instant(&answer["window"]["end"]));
        assert_eq!(told.sum::<i64>(), (window.1 - window.0).num_minutes(), "{query}");
    }
}

#[tokio::test]
async fn every_wrong_parameter_is_refused_by_name() {
    let app = TestApp::start().await;
    assert_refused(&app, "/v1/candles?", WRONG_SERIES).await;
    assert_refused(&app, BTC, WRONG_WINDOWS).await;
    let limits = ["", "0", "-1", "20001", "1e9", "1000000000", "99999999999999999999", "3.0", "x"];
    for limit in limits {
        assert_refused(&app, BTC, &[(&format!("&limit={limit}"), "limit")]).await;
    }
    let window = "&start=2024-03-06T10:00:00Z&end=";
    let cases = [
        ("2024-03-06T11:00:00Z&limit=5", "limit"),
        ("2024-03-06T11:00:00Z&limit=5&limit=6", "limit"),
    ];
    assert_refused(&app, &format!("{BTC}{window}"), &cases).await;
    // What has not closed does not count.
    app.get(&format!("{BTC}{window}9999-12-31T23:59:59Z")).await.ok();
    app.get(&format!("{BTC}&limit=20000")).await.ok();
    let long = format!("{BTC}&start=2024-01-01T00:00:00Z&end=2024-01-14T21:2");
    app.get(&format!("{long}0:00Z")).await.ok();
    app.get(&format!("{long}1:00Z")).await.problem_of("20,001 candles", 422);
}
