//! `POST /v1/series/…/rewind`: asked for again, nothing lost and nothing twice.

use barkeep::{
    simulate::{SimulationConfig, audit},
    store::AuditFilter,
};
use serde_json::{Value, json};

use super::items;
use crate::support::test_app::{Setup, TestApp, seconds};

const BTC: &str = "coinbase/BTCUSD/1m";
const REWIND: &str = "/v1/series/coinbase/BTCUSD/1m/rewind";
const TO: &str = "2024-03-06T08:00:00Z";
/// Where a candle of four hours begins.
const TO_4H: &str = "2024-03-06T04:00:00Z";

async fn states(app: &TestApp, series: &str) -> Value {
    app.get(&format!("/v1/coverage?series={series}")).await.ok()["candles"].clone()
}

async fn freshness(app: &TestApp, series: &str) -> Value {
    app.get(&format!("/v1/freshness?series={series}")).await.ok()["items"][0].clone()
}

async fn rewind(app: &TestApp, path: &str, to: &str) -> Value {
    app.post(path, &json!({ "to": to, "reason": "a test" })).await.ok()
}

async fn rows(app: &TestApp) -> Value {
    let candles =
        app.get(&format!("/v1/candles?series={BTC}&limit=600")).await.ok()["candles"].clone();
    assert!(candles.as_array().unwrap().len() > 400);
    candles
}

/// Every row of the lake is once there and as the exchange has it.
async fn assert_whole(app: &TestApp, expected: u64) {
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean(), "{found:?}");
    let table = app.app.lake.candles(barkeep::market::Timeframe::M1);
    let runs = table.landed_runs().await.unwrap();
    let timeframe = barkeep::market::Timeframe::M1;
    let landed: i64 = runs.iter().map(|(_, window)| window.candles(timeframe)).sum();
    assert_eq!(landed.unsigned_abs(), expected);
}

#[tokio::test]
async fn what_is_forgotten_is_asked_for_again_and_nothing_lands_twice() {
    let app = TestApp::start().await;
    app.settle().await;
    let (before, landed, told) = (rows(&app).await, app.app.landed(), states(&app, BTC).await);
    let answer = rewind(&app, REWIND, TO).await;
    assert_eq!((&answer["verdict"], &answer["watermark"]), (&json!("stale"), &json!(TO)));
    let now = freshness(&app, BTC).await;
    assert_eq!((&now["verdict"], &now["watermark"]), (&json!("stale"), &json!(TO)), "at once");
    assert_eq!(now["lag_candles"], answer["candles"]);
    assert_eq!(states(&app, BTC).await["pending"], answer["candles"]);
    let gaps = app.get("/v1/gaps").await.ok();
    assert!(items(&gaps, "items").iter().any(|gap| gap["reason"] == "rewound"), "{gaps}");
    let why = app.get(&format!("/v1/series/{BTC}/explain")).await.ok();
    assert_eq!(why["causes"][0]["code"], "rewound", "{why}");
    let asked = app.exchange.counters(barkeep::simulate::SimulatedProvider::Coinbase).requests;
    app.settle().await;
    let now = app.exchange.counters(barkeep::simulate::SimulatedProvider::Coinbase).requests;
    assert!(now > asked, "it was asked again");
    assert_eq!(freshness(&app, BTC).await["verdict"], "fresh");
    let after = rows(&app).await;
    let both =
        before.as_array().unwrap().iter().filter(|row| after.as_array().unwrap().contains(row));
    assert!(both.count() + 10 >= before.as_array().unwrap().len(), "rows stay as they were");
    assert!(app.app.landed() - landed < 10, "only what has closed meanwhile landed");
    assert!(states(&app, BTC).await["final"].as_i64() >= told["final"].as_i64());
    assert_whole(&app, app.app.landed()).await;
}

/// What the exchange has changed since becomes a revision beside the old row.
#[tokio::test]
async fn it_survives_a_restart_and_a_crash_before_anything_was_asked() {
    let simulation = SimulationConfig { no_trade: 0.02, ..SimulationConfig::default() };
    let app = TestApp::with(Setup { simulation, ..Setup::default() }).await;
    app.settle().await;
    let landed = app.app.landed();
    rewind(&app, REWIND, TO).await;
    let pending = states(&app, BTC).await;
    let app = app.restart().await;
    assert_eq!(states(&app, BTC).await, pending, "after a restart");
    assert_eq!(freshness(&app, BTC).await["verdict"], "stale");
    // One poll, and again: what was asked since is known, the rest is still forgotten.
    app.poll(BTC).await.unwrap();
    let half = states(&app, BTC).await;
    let app = app.restart().await;
    assert_eq!(states(&app, BTC).await, half, "in the middle of it");
    app.settle().await;
    assert_eq!(freshness(&app, BTC).await["verdict"], "fresh");
    assert_whole(&app, landed + app.app.landed()).await;
}

/// A fault must not make the second look worse than the first was.
#[tokio::test]
async fn t12_answers_that_lack_candles_of_the_lake_take_nothing_away() {
    let simulation = SimulationConfig { no_trade: 0.0, ..SimulationConfig::default() };
    let app = TestApp::with(Setup { simulation, ..Setup::default() }).await;
    app.settle().await;
    let landed = app.app.landed();
    rewind(&app, REWIND, TO).await;
    app.set_faults(&["drop_row=1", "empty=0.3"]);
    for _ in 0..8 {
        app.round().await;
        app.clock.advance(seconds(45));
    }
    app.set_faults(&[]);
    app.settle().await;
    let told = states(&app, BTC).await;
    assert_eq!((&told["no_trade"], &told["missing"]), (&Value::Null, &Value::Null), "{told}");
    let first = app.app.landed();
    assert!(first >= landed);
    assert_whole(&app, first).await;
}

#[tokio::test]
async fn candles_made_of_finer_ones_are_made_anew() {
    let app = TestApp::with(Setup { timeframes: "1h,4h", ..Setup::default() }).await;
    app.settle().await;
    let path = "/v1/series/coinbase/BTCUSD/4h/rewind";
    rewind(&app, path, TO_4H).await;
    assert_eq!(freshness(&app, "coinbase/BTCUSD/4h").await["watermark"], TO_4H);
    app.round().await;
    assert_eq!(freshness(&app, "coinbase/BTCUSD/4h").await["verdict"], "fresh");
    rewind(&app, path, TO_4H).await;
    let app = app.restart().await;
    app.settle().await;
    for _ in 0..2 {
        app.fill("coinbase/BTCUSD/4h").await.unwrap();
    }
    assert_eq!(freshness(&app, "coinbase/BTCUSD/4h").await["verdict"], "fresh");
}

#[tokio::test]
async fn it_is_audited_with_what_it_does_and_refused_without_a_trace() {
    let app = TestApp::start().await;
    app.settle().await;
    let told = states(&app, BTC).await;
    let body = |to: &str, reason: &str| json!({ "to": to, "reason": reason });
    let cases = [
        (body("2024-03-06T08:00:30Z", "x"), 422, "to"),
        (body("2024-03-06T08:00:00.5Z", "x"), 422, "to"),
        (body("2024-03-05T08:00:00Z", "x"), 422, "to"),
        (body("2030-03-05T08:00:00Z", "x"), 422, "to"),
        (body(TO, " "), 422, "reason"),
        (body(TO, &"x".repeat(501)), 422, "reason"),
        (json!({ "to": TO }), 422, "reason"),
        (json!({ "to": "now", "reason": "x" }), 422, "to"),
        (json!({ "to": TO, "reason": "x", "from": TO }), 422, "from"),
    ];
    for (body, status, field) in cases {
        let problem = app.post(REWIND, &body).await.problem_of(&body.to_string(), status);
        assert_eq!(problem["field"], field, "{body}");
    }
    let nobody = "/v1/series/coinbase/SOLUSD/1m/rewind";
    app.post(nobody, &body(TO, "x")).await.problem_of(nobody, 404);
    assert!(app.app.store.audit(&AuditFilter::default(), 10).await.unwrap().is_empty());
    assert_eq!(states(&app, BTC).await, told);
    rewind(&app, REWIND, TO).await;
    let entries = app.app.store.audit(&AuditFilter::default(), 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((&*entries[0].command, &*entries[0].target), ("series.rewind", BTC));
    assert_eq!(entries[0].detail, json!({ "to": TO, "reason": "a test" }));
}
