//! `GET /v1/series/…/explain`: why, in words; the fault matrix asks it about every fault.

use insta::assert_json_snapshot;
use serde_json::Value;

use super::items;
use crate::support::test_app::{Setup, TestApp, seconds};

async fn causes(app: &TestApp, series: &str) -> Vec<Value> {
    let told = app.get(&format!("/v1/series/{series}/explain")).await.ok();
    items(&told, "causes").to_vec()
}

fn codes(causes: &[Value]) -> Vec<&str> {
    causes.iter().map(|cause| cause["code"].as_str().unwrap()).collect()
}

const FAILING: &[(&str, &str)] = &[("PROVIDERS__COINBASE__RETRIES", "0")];

#[tokio::test]
async fn a_chain_begins_with_what_went_wrong_first() {
    let setup = Setup { timeframes: "1h,4h", settings: FAILING, ..Setup::default() };
    let app = TestApp::with(setup).await;
    app.settle().await;
    assert!(causes(&app, "coinbase/BTCUSD/4h").await.is_empty(), "fresh");
    app.set_faults(&["server_error=1"]);
    for _ in 0..24 {
        app.clock.advance(seconds(900));
        app.round().await;
    }
    let hour = app.get("/v1/series/coinbase/BTCUSD/1h/explain").await.ok();
    assert_json_snapshot!(hour);
    let made_of_hours = causes(&app, "coinbase/BTCUSD/4h").await;
    assert_eq!(codes(&made_of_hours), ["upstream_error", "circuit_open", "children_behind"]);
    assert_eq!(made_of_hours[2]["see"], "/v1/series/coinbase/BTCUSD/1h/explain");
}

#[tokio::test]
async fn before_its_first_question_a_series_was_never_asked_for() {
    let app = TestApp::start().await;
    assert_eq!(codes(&causes(&app, "coinbase/BTCUSD/1m").await), ["never_asked"]);
}

#[tokio::test]
async fn t13_a_closed_market_says_when_it_opens() {
    let settings = &[("PROVIDERS__OANDA__TOKEN", "t"), ("INGEST__PROVIDERS", "oanda,coinbase")];
    let setup = Setup {
        now: "2024-03-09T12:00:30Z",
        assets: "EURUSD",
        history: "30h",
        settings,
        ..Setup::default()
    };
    let app = TestApp::with(setup).await;
    app.settle().await;
    let causes = causes(&app, "oanda/EURUSD/1m").await;
    assert_eq!(codes(&causes), ["market_closed"]);
    assert_eq!(causes[0]["until"], "2024-03-10T21:00:00Z", "an hour earlier than in winter");
}

#[tokio::test]
async fn what_was_imported_is_kept_by_nobody() {
    let app = TestApp::start().await;
    let file = "timestamp,open,high,low,close,volume\n2024-03-06T10:00:00Z,1,2,1,2,5\n";
    app.import("a.csv", file, "archive/BTCUSD/1m").await;
    assert_eq!(codes(&causes(&app, "archive/BTCUSD/1m").await)[0], "not_kept");
}

#[tokio::test]
async fn a_series_that_is_none_is_not_explained() {
    let app = TestApp::start().await;
    for (path, status) in [
        ("/v1/series/coinbase/SOLUSD/1m/explain", 404),
        ("/v1/series/coinbase/BTCUSD/2m/explain", 422),
        ("/v1/series/Coinbase/BTCUSD/1m/explain", 422),
        ("/v1/series/coinbase/%FF/1m/explain", 422),
    ] {
        app.get(path).await.problem_of(path, status);
    }
}
