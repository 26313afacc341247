//! History that is asked for over HTTP: what it brings, how it is steered, and what cannot get stuck.

mod life;
mod plan;
mod races;
mod refusals;
mod steering;

use barkeep::{backfill, market::ProviderId, simulate::SimulatedProvider};
use serde_json::{Value, json};

use crate::support::test_app::{Setup, TestApp};

const START: &str = "2024-01-01T00:00:00Z";
const END: &str = "2024-03-03T00:00:00Z";
/// 300 hours in each, and what is left of 1488.
const CHUNKS: i64 = 5;

/// Two months of hours that nobody has asked for: what is kept by itself begins on the sixth of March.
fn two_months() -> Value {
    json!({ "assets": ["BTCUSD"], "timeframes": ["1h"], "start": START, "end": END })
}

/// Hours of one asset in chunks of 300, with what is kept by itself already there.
async fn bench() -> TestApp {
    with(&[("INGEST__CHUNK_CANDLES", "300")]).await
}

async fn with(settings: &'static [(&'static str, &'static str)]) -> TestApp {
    let app = TestApp::with(Setup { timeframes: "1h,4h", settings, ..Setup::default() }).await;
    app.settle().await;
    app
}

/// Creates it and gives its id.
async fn create(app: &TestApp, spec: &Value) -> String {
    let answer = app.post("/v1/backfills", spec).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text());
    let id = answer.json["backfill_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/v1/backfills/{id}"));
    id
}

async fn show(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/v1/backfills/{id}")).await.ok()
}

async fn act(app: &TestApp, id: &str, action: &str) -> Value {
    app.post(&format!("/v1/backfills/{id}/{action}"), &json!({})).await.ok()
}

/// Does the next chunk there is.
async fn step(app: &TestApp) -> bool {
    let coinbase: ProviderId = "coinbase".parse().unwrap();
    app.run(backfill::step(&app.app, &coinbase)).await.unwrap()
}

/// Does every chunk there is to do at this moment.
async fn work(app: &TestApp) -> usize {
    let mut steps = 0;
    while step(app).await {
        steps += 1;
        assert!(steps < 10_000, "it does not come to an end");
    }
    steps
}

fn requests(app: &TestApp) -> u64 {
    app.exchange.counters(SimulatedProvider::Coinbase).requests
}

/// The candles of a window that have landed, by what the API says.
async fn finals(app: &TestApp, series: &str, start: &str, end: &str) -> i64 {
    let path = format!("/v1/coverage?series={series}&start={start}&end={end}");
    let coverage = app.get(&path).await.ok();
    coverage["candles"]["final"].as_i64().unwrap_or(0)
}

/// Opens of the candles that the exchange published for a window of an asset's hours.
fn published(app: &TestApp, start: &str, end: &str) -> i64 {
    let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    let candles = app.exchange.truth(&"BTCUSD".parse().unwrap(), 3_600, at(start), at(end));
    candles.len() as i64
}
