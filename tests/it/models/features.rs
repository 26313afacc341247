//! Features of moments: what was known then, whatever came later.

use std::fmt::Write;

use axum::{ServiceExt, extract::Request};
use barkeep::simulate::SimulationConfig;
use serde_json::{Map, Value, json};

use super::Stage;
use crate::{
    cli::Desk,
    support::test_app::{Setup, seconds},
};

const BTC: &str = "coinbase/BTCUSD/1m";

async fn ask(stage: &Stage, query: &str, rows: &Value) -> Vec<Value> {
    let answer = stage.app.post(&format!("/v1/features?{query}"), rows).await.ok();
    answer["rows"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// The newest row of the table, as it is called among features.
async fn newest(stage: &Stage, until: &str) -> Map<String, Value> {
    let row = stage
        .one(&format!(
            "select * exclude (asset_pair, timeframe, date, last_changed_at) \
             from silver.market_data_enriched where timeframe = '1m' and {until} \
             order by timestamp desc limit 1"
        ))
        .await;
    let mut row = row.as_object().unwrap().clone();
    let open = row.remove("timestamp").unwrap();
    row.insert("candle_timestamp".to_owned(), open);
    row
}

#[tokio::test]
async fn a_moment_has_what_was_known_then_whatever_was_revised_or_came_late() {
    let simulation =
        SimulationConfig { revised: 0.6, no_trade: 0.1, ..SimulationConfig::default() };
    let setup = Setup { simulation, history: "6h", ..Setup::default() };
    let stage = Stage::with(setup, &[]).await;
    let (mut moments, mut expected) = (Vec::new(), Vec::new());
    for minutes in [1, 1, 1, 2, 1, 7, 1, 3] {
        stage.tick(BTC, minutes).await;
        stage.build().await;
        moments.push(json!({
            "asset_pair": "BTC-USD", "timestamp": stage.app.app.clock.now(), "label": minutes,
        }));
        expected.push(newest(&stage, "true").await);
    }
    // What is older comes later, so that there is a revision of nearly everything.
    stage.app.clock.advance(seconds(1));
    stage.app.settle().await;
    stage.tick(BTC, 30).await;
    stage.build().await;
    let found = ask(&stage, "timeframe=1m", &json!(moments)).await;
    for ((moment, expected), found) in moments.iter().zip(&expected).zip(&found) {
        assert_eq!((&found["asset_pair"], &found["label"]), (&json!("BTC-USD"), &moment["label"]));
        for (name, value) in expected {
            assert_eq!(&found[name], value, "{name} {moment}");
        }
        let at = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
        assert!(at(&found["known_at"]).unwrap() <= at(&found["timestamp"]).unwrap(), "{found}");
    }
    let hindsight = ask(&stage, "timeframe=1m&known_by=close", &json!(moments)).await;
    let differ = hindsight.iter().zip(&found).filter(|(a, b)| a["rsi_14"] != b["rsi_14"]).count();
    assert!(differ > 4, "with hindsight there is more: {differ}");
    // Before anything had been received nothing was known.
    let early = json!([{ "asset_pair": "BTCUSD", "timestamp": "2024-03-06T11:00:00Z" }]);
    assert_eq!(ask(&stage, "timeframe=1m", &early).await[0]["close"], Value::Null);
}

#[tokio::test]
async fn by_close_it_is_the_table_as_it_is() {
    let setup = Setup { history: "1d", ..Setup::default() };
    let stage = Stage::with(setup, &[]).await;
    stage.app.settle().await;
    stage.build().await;
    let moments = ["08:00:00", "08:00:59.999", "10:31:30", "11:59:00"]
        .map(|time| json!({ "asset_pair": "BTCUSD", "timestamp": format!("2024-03-06T{time}Z") }));
    let found = ask(&stage, "timeframe=1m&known_by=close", &json!(moments)).await;
    for (moment, found) in moments.iter().zip(found) {
        let closed = format!(
            "timestamp + interval '1 minute' <= '{}'",
            moment["timestamp"].as_str().unwrap()
        );
        for (name, value) in newest(&stage, &closed).await {
            assert_eq!(found[&name], value, "{name} {moment}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_refused_with_the_row_and_the_fix() {
    let stage = Stage::with(Setup::default(), &[]).await;
    let row = json!([{ "asset_pair": "BTCUSD", "timestamp": "2024-03-06T11:00:00Z" }]);
    let early = stage.app.post("/v1/features?timeframe=1m", &row).await;
    assert_eq!(early.problem_of("nothing is built", 503)["code"], "not_built");
    stage.app.settle().await;
    stage.build().await;
    let with = |name: &str, value: Value| {
        let mut rows = row.clone();
        rows[0][name] = value;
        rows
    };
    for (query, rows, field, said) in [
        ("", row.clone(), "timeframe", "is missing"),
        ("timeframe=2m", row.clone(), "timeframe", "2m"),
        ("timeframe=1m&known_by=me", row.clone(), "known_by", "no known_by"),
        ("timeframe=1m", json!([{ "asset_pair": "BTCUSD" }]), "body", "row 1, timestamp"),
        ("timeframe=1m", with("timestamp", json!("soon")), "body", "row 1, timestamp"),
        (
            "timeframe=1m",
            with("timestamp", json!("2034-01-01T00:00:00Z")),
            "body",
            "later than now",
        ),
        ("timeframe=1m", with("asset_pair", json!("?")), "body", "row 1, asset_pair"),
        ("timeframe=1m", with("rsi_14", json!(1)), "body", "rsi_14 is what a feature is called"),
        ("timeframe=1m", json!(vec![row[0].clone(); 251]), "body", "there are 251 rows"),
    ] {
        let answer = stage.app.post(&format!("/v1/features?{query}"), &rows).await;
        let problem = answer.problem_of(said, 422);
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
    assert_eq!(ask(&stage, "timeframe=1m", &json!([])).await, [Value::Null; 0]);
    let unknown = json!([{ "asset_pair": "XRPUSD", "timestamp": "2024-03-06T11:00:00Z" }]);
    assert_eq!(ask(&stage, "timeframe=1m", &unknown).await[0]["close"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_moments_comes_back_with_its_features_however_long_it_is() {
    let setup = Setup { history: "1d", ..Setup::default() };
    let stage = Stage::with(setup, &[]).await;
    stage.app.settle().await;
    stage.build().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = barkeep::api::service(stage.app.app.clone());
    let service = ServiceExt::<Request>::into_make_service(service);
    let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    let desk = Desk::new();
    let start = "2024-03-05T12:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let mut text = "label,asset_pair,timestamp\n".to_owned();
    for second in 0..600 {
        let at = start + seconds(second * 30);
        let _ = writeln!(text, "{second},BTCUSD,{}", at.to_rfc3339());
    }
    std::fs::write(desk.path("moments.csv"), text).unwrap();
    let run = |words: &'static str| {
        let mut command = desk.command(&words.split(' ').collect::<Vec<_>>());
        command.env("BARKEEP_SERVER", &address);
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let done =
        run("features moments.csv --timeframe 1m --known-by close -o out.csv").await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let out = std::fs::read_to_string(desk.path("out.csv")).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 601);
    assert!(lines[0].starts_with("asset_pair,timestamp,label,candle_timestamp,"), "{}", lines[0]);
    assert!(
        lines[600].starts_with("BTCUSD,2024-03-05T16:59:30Z,599,2024-03-05T16:58:00Z,"),
        "{}",
        lines[600]
    );
    let refused = run("features moments.csv --timeframe 1m -o out.xls").await.unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(!desk.path("out.xls").exists());
    server.abort();
}
