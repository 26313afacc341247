//! `GET /v1/gaps`: everything that is owed, why, and page by page.

use std::collections::BTreeMap;

use barkeep::simulate::SimulationConfig;
use serde_json::Value;

use super::{assert_refused, items};
use crate::support::test_app::{Setup, TestApp, seconds};

const BTC: &str = "coinbase/BTCUSD/1m";

/// Candles that are owed, by reason.
async fn owed(app: &TestApp, query: &str) -> BTreeMap<String, i64> {
    let mut by_reason = BTreeMap::new();
    let told = app.get(&format!("/v1/gaps?limit=1000{query}")).await.ok();
    for gap in items(&told, "items") {
        let reason = gap["reason"].as_str().unwrap().to_owned();
        *by_reason.entry(reason).or_default() += gap["candles"].as_i64().unwrap();
    }
    by_reason
}

fn reasons(of: &BTreeMap<String, i64>) -> Vec<&str> {
    of.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn t43_all_gaps_of_all_series_are_listed_each_with_its_reason() {
    let simulation = SimulationConfig { no_trade: 0.05, ..SimulationConfig::default() };
    let settings = &[("PROVIDERS__COINBASE__RETRIES", "0")];
    let timeframes = "1m,1h,4h";
    let app = TestApp::with(Setup { timeframes, simulation, settings, ..Setup::default() }).await;
    let all = owed(&app, "").await;
    assert_eq!(reasons(&all), ["never_asked", "waiting_for_children"]);
    for _ in 0..3 {
        app.round().await;
        // The sum of all gaps is what the ledgers owe: nothing is left out.
        let series = app.get("/v1/series").await.ok();
        let count = |of: &Value, state: &str| of["candles"][state].as_i64().unwrap();
        let ledgers = items(&series, "items").iter();
        let sum: i64 = ledgers.map(|of| count(of, "missing") + count(of, "pending")).sum();
        assert_eq!(owed(&app, "").await.values().sum::<i64>(), sum);
    }
    assert!(owed(&app, "&timeframe=1m").await.contains_key("awaiting_confirmation"));
    app.settle().await;
    let told = app.get("/v1/gaps").await.ok();
    assert_eq!((&told["total"], items(&told, "items").len()), (&0.into(), 0), "{told}");
}

#[tokio::test]
async fn what_keeps_a_provider_from_being_asked_is_the_reason() {
    let settings = &[("PROVIDERS__COINBASE__RETRIES", "0")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    app.set_faults(&["server_error=1"]);
    app.poll(BTC).await.unwrap_err();
    assert_eq!(reasons(&owed(&app, "").await), ["provider_failing"]);
    for _ in 0..6 {
        let _ = app.poll(BTC).await;
    }
    let told = app.get("/v1/gaps").await.ok();
    let gap = &items(&told, "items")[0];
    assert_eq!(gap["reason"], "circuit_open");
    assert!(super::instant(&gap["next_question_at"]) > app.now(), "{gap}");
    app.set_faults(&["empty=1"]);
    app.clock.advance(seconds(700));
    app.poll(BTC).await.unwrap();
    assert!(owed(&app, "").await.contains_key("no_follower"));
    assert_eq!(owed(&app, "&reason=circuit_open").await.len(), 0);
}

#[tokio::test]
async fn pages_have_every_gap_once_newest_first() {
    let simulation = SimulationConfig { no_trade: 0.1, ..SimulationConfig::default() };
    let assets = "BTCUSD,ETHUSD";
    let app = TestApp::with(Setup { assets, simulation, ..Setup::default() }).await;
    app.round().await;
    let all = app.get("/v1/gaps?limit=1000").await.ok();
    assert!(items(&all, "items").len() > 30 && all["next"].is_null(), "{all}");
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("/v1/gaps?limit=7{cursor}")).await.ok();
        assert_eq!(page["total"], all["total"]);
        paged.extend(items(&page, "items").to_vec());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, items(&all, "items"));
    let starts: Vec<_> = paged.iter().map(|gap| super::instant(&gap["start"])).collect();
    assert!(starts.is_sorted_by(|one, two| one >= two));
}

#[tokio::test]
async fn every_wrong_parameter_is_refused_by_name() {
    let app = TestApp::start().await;
    let cases = [
        ("reason=", "reason"),
        ("reason=lazy", "reason"),
        ("cursor=1", "cursor"),
        ("cursor=x.coinbase/BTCUSD/1m", "cursor"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("series=coinbase/BTCUSD/1m", "series"),
    ];
    assert_refused(&app, "/v1/gaps?", &cases).await;
}
