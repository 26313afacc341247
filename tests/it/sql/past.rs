//! The past in SQL is the past that `GET /v1/candles` tells.

use barkeep::{market::Timeframe, simulate::SimulationConfig};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::{
    api::items,
    support::test_app::{Setup, TestApp, seconds},
};

const NEWEST: &str = "select timestamp, close, revision from (select *, row_number() over \
    (partition by timestamp order by revision desc) as place from bronze.raw_market_data_1m) \
    where place = 1 order by timestamp";

async fn rows(app: &TestApp, body: &Value) -> Vec<Value> {
    app.post("/v1/sql", body).await.ok()["rows"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_query_sees_what_was_known_then_or_what_a_version_held() {
    let simulation =
        SimulationConfig { revised: 0.5, no_trade: 0.05, ..SimulationConfig::default() };
    let app = TestApp::with(Setup { simulation, history: "1h", ..Setup::default() }).await;
    app.settle().await;
    let table = app.app.lake.candles(Timeframe::M1);
    let mut moments = Vec::new();
    for _ in 0..12 {
        app.clock.advance(seconds(60));
        app.poll("coinbase/BTCUSD/1m").await.unwrap();
        let known = rows(&app, &json!({ "query": NEWEST })).await;
        moments.push((app.now(), table.version(), known));
    }
    table.compact_fully().await.unwrap();
    app.clock.advance(TimeDelta::minutes(1));
    let mut revised = 0;
    for (at, version, known) in &moments {
        let as_of = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let then = rows(&app, &json!({ "query": NEWEST, "as_of": as_of })).await;
        assert_eq!(then, *known, "{at}");
        let path = format!("/v1/candles?series=coinbase/BTCUSD/1m&limit=10000&as_of={as_of}");
        let told = app.get(&path).await.ok();
        let candles: Vec<Value> = items(&told, "candles")
            .iter()
            .map(|one| {
                json!({
                    "timestamp": one["open_time"], "close": one["close"], "revision": one["revision"]
                })
            })
            .collect();
        assert_eq!(then, candles, "the two ways to the past");
        for name in ["raw_market_data_1m", "bronze.raw_market_data_1m"] {
            let body = json!({ "query": NEWEST, "table_versions": { name: version } });
            assert_eq!(rows(&app, &body).await, *known, "{name} {version}");
        }
        revised += moments.last().unwrap().2.iter().zip(known).filter(|(a, b)| a != b).count();
    }
    assert!(revised > 0, "{revised} revised candles");
}

#[tokio::test]
async fn a_past_that_there_is_not_is_refused() {
    let app = TestApp::start().await;
    app.settle().await;
    let newest = app.app.lake.candles(Timeframe::M1).version();
    let of = |version: u64| json!({ "query": "select 1", "table_versions": { "raw_market_data_1m": version } });
    let problem = app.post("/v1/sql", &of(newest + 1)).await.problem_of("a version to come", 422);
    assert_eq!(problem["field"], "table_versions");
    let log = app.app.lake.candles(Timeframe::M1).snapshot().log_store();
    let log = log.root_url().to_file_path().unwrap();
    std::fs::remove_file(log.join("_delta_log/00000000000000000000.json")).unwrap();
    let problem = app.post("/v1/sql", &of(0)).await.problem_of("a version gone", 410);
    assert_eq!(problem["code"], "version_gone");
    while app.app.models.build_due().await.unwrap() > 0 {
        app.clock.advance(seconds(6));
    }
    let body = json!({ "query": "select * from silver.market_data", "as_of": app.now() });
    let problem = app.post("/v1/sql", &body).await.problem_of("silver of the past", 422);
    assert_eq!(problem["field"], "as_of");
    assert!(problem["detail"].as_str().unwrap().contains("table_versions"), "{problem}");
    let body = json!({ "query": "select * from system.gaps", "as_of": app.now() });
    let problem = app.post("/v1/sql", &body).await.problem_of("the system of the past", 422);
    assert!(problem["detail"].as_str().unwrap().contains("what is now"), "{problem}");
}
