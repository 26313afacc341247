//! System tables have what the lists of the API have, all of it.

use serde_json::json;

use super::{cell, rows};
use crate::{
    api::items,
    support::test_app::{Setup, TestApp},
};

#[tokio::test]
async fn series_gaps_and_schedules_are_those_that_are_listed() {
    let app = TestApp::with(Setup { timeframes: "1m,1h", ..Setup::default() }).await;
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    let listed = app.get("/v1/series").await.ok();
    let told = rows(&app, "select * from system.series order by series").await;
    assert_eq!(told.len(), items(&listed, "items").len());
    for row in &told {
        let is_it = |one: &&serde_json::Value| one["series"] == row["series"];
        let one = items(&listed, "items").iter().find(is_it).unwrap();
        assert_eq!(row["watermark"], one["watermark"]);
        assert_eq!(row["missing"], one["candles"]["missing"]);
        let parts = [&row["source_provider"], &row["asset_pair"], &row["timeframe"]];
        let series = parts.map(|part| part.as_str().unwrap()).join("/");
        assert_eq!(row["series"], *series);
    }
    let gaps = app.get("/v1/gaps?limit=1000").await.ok();
    assert!(gaps["total"].as_u64().unwrap() > 0, "{gaps}");
    let query = "select count(*), sum(candles) from system.gaps";
    let counted = rows(&app, query).await;
    let owed: i64 = items(&gaps, "items").iter().map(|gap| gap["candles"].as_i64().unwrap()).sum();
    let cells: Vec<_> = counted[0].as_object().unwrap().values().cloned().collect();
    assert_eq!(cells, [json!(gaps["total"]), json!(owed)]);
    let schedules = app.get("/v1/schedules").await.ok();
    let told = cell(&app, "select count(*) from system.schedules where not paused").await;
    assert_eq!(told, items(&schedules, "items").len());
    assert_eq!(cell(&app, "select count(*) from system.replicas where alive").await, 1);
}

/// More than fit on a page, in every state.
#[tokio::test]
async fn every_dead_letter_is_there_whatever_its_state() {
    let app = TestApp::start().await;
    let line = |n| format!("{},2,1,3,1.5,1\n", 1_709_600_040 + n * 60);
    let lines: Vec<String> = (0..2_100).map(line).collect();
    let text = format!("timestamp,open,high,low,close,volume\n{}", lines.concat());
    app.import("bad.csv", &text, "coinbase/BTCUSD/1m").await;
    let open = "select count(*) from system.dead_letters where state = 'open'";
    assert_eq!(cell(&app, open).await, 2_100);
    let id = cell(&app, "select id from system.dead_letters order by open_time limit 1").await;
    let body = json!({ "ids": [id], "reason": "a test" });
    app.post("/v1/dead-letters/discard", &body).await.ok();
    assert_eq!(cell(&app, open).await, 2_099);
    let all = "select count(distinct id) from system.dead_letters";
    assert_eq!(cell(&app, all).await, 2_100);
    let why = "select reason from system.dead_letters where state = 'discarded'";
    assert_eq!(cell(&app, why).await, "a test");
}

#[tokio::test]
async fn backfills_and_their_jobs_join_with_one_another() {
    let app = TestApp::start().await;
    let body = json!({
        "assets": ["BTCUSD"], "timeframes": ["1m"],
        "start": "2024-01-01T00:00:00Z", "end": "2024-02-15T00:00:00Z",
    });
    let created = app.post("/v1/backfills", &body).await.json;
    let told = rows(
        &app,
        "select b.backfill_id, b.assets, count(*) as chunks from system.backfills b \
         join system.jobs j using (backfill_id) group by 1, 2",
    )
    .await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["backfill_id"], created["backfill_id"]);
    assert_eq!(told[0]["assets"], r#"["BTCUSD"]"#);
    assert_eq!(told[0]["chunks"], created["progress"]["chunks_total"]);
}

#[tokio::test]
async fn every_commit_of_every_table_is_there() {
    let app = TestApp::start().await;
    app.settle().await;
    for table in app.app.lake.all() {
        let name = table.name();
        let query = format!("select count(*) from system.commits where table_name = '{name}'");
        assert_eq!(cell(&app, &query).await, table.version() + 1, "{name}");
        let query = format!("select version from system.tables where name = '{name}'");
        assert_eq!(cell(&app, &query).await, table.version(), "{name}");
    }
    let landed = cell(&app, "select sum(rows) from system.commits").await;
    assert_eq!(landed, cell(&app, "select count(*) from raw_market_data_1m").await);
}
