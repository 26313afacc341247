//! `/v1/tables`: what the lake takes, what its commits did, and having it made smaller.

use std::{path::PathBuf, process::Command};

use barkeep::{market::Timeframe, store::AuditFilter};
use serde_json::{Value, json};

use super::items;
use crate::support::{
    files::files_below,
    test_app::{Setup, TestApp, seconds},
};

const BTC: &str = "coinbase/BTCUSD/1m";
const M1: &str = "/v1/tables/raw_market_data_1m";

async fn bench() -> TestApp {
    let app = TestApp::start().await;
    app.settle().await;
    for _ in 0..5 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
    }
    app
}

async fn first(app: &TestApp) -> Value {
    app.get("/v1/tables").await.ok()["items"][0].clone()
}

#[tokio::test]
async fn tables_tell_what_they_take_and_what_maintenance_did() {
    let app = bench().await;
    let answer = app.get("/v1/tables").await.ok();
    let names: Vec<&str> =
        items(&answer, "items").iter().map(|item| item["name"].as_str().unwrap()).collect();
    let expected = [
        "raw_market_data_1m",
        "raw_market_data_5m",
        "raw_market_data_15m",
        "raw_market_data_1h",
        "raw_market_data_4h",
        "raw_market_data_1d",
        "raw_news_sentiment",
        "raw_macro_indicators",
        "raw_ai_decisions",
        "raw_trade_executions",
    ];
    assert_eq!(names, expected);
    let table = app.app.lake.candles(Timeframe::M1);
    let told = first(&app).await;
    assert_eq!(told["version"], table.version());
    assert_eq!((&told["oldest_version"], &told["maintenance"]), (&json!(0), &Value::Null));
    assert!(told["path"].as_str().unwrap().ends_with("lake/bronze/raw_market_data_1m"));
    let landed = app.app.metrics.candles_landed.with_label_values(&["coinbase", "1m"]).get();
    assert_eq!(told["rows"], landed);
    assert!(told["files"].as_u64() >= Some(5) && told["bytes"].as_u64() > Some(5_000), "{told}");

    let done = app.app.keeper.keep(table).await.unwrap();
    let told = first(&app).await["maintenance"].clone();
    assert_eq!(told["files_before"], done.before.files);
    assert_eq!(told["bytes_before"], done.before.bytes);
    assert_eq!((&told["files_removed"], &told["entries_removed"]), (&json!(0), &json!(0)));
    assert_eq!((&told["at"], &told["replica"]), (&json!(app.now()), &json!("test")));
}

#[tokio::test]
async fn the_history_of_a_table_is_read_page_by_page_newest_first() {
    let app = bench().await;
    let table = app.app.lake.candles(Timeframe::M1);
    table.compact_fully().await.unwrap();
    let newest = table.version();
    let (mut commits, mut path, mut pages) = (Vec::new(), format!("{M1}/history?limit=3"), 0);
    loop {
        let answer = app.get(&path).await.ok();
        commits.extend(items(&answer, "items").to_vec());
        pages += 1;
        let Some(next) = answer["next"].as_str() else { break };
        path = format!("{M1}/history?limit=3&cursor={next}");
    }
    let versions: Vec<u64> = commits.iter().map(|one| one["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (0..=newest).rev().collect::<Vec<_>>());
    assert_eq!(pages, (newest + 1).div_ceil(3));

    let merged = &commits[0];
    assert_eq!((&merged["operation"], &merged["rows"]), (&json!("OPTIMIZE"), &json!(0)));
    assert!(merged["files_removed"].as_u64() >= Some(5), "{merged}");
    assert_eq!(merged["landings"], json!([]));
    assert!(merged["at"].is_string());
    let landed = &commits[1];
    assert_eq!((&landed["operation"], &landed["files_added"]), (&json!("WRITE"), &json!(1)));
    let book = app.app.books.get(&BTC.parse().unwrap()).unwrap();
    assert_eq!(landed["landings"], json!([{ "series": BTC, "landing": book.landings() }]));
    let rows: u64 = commits.iter().map(|one| one["rows"].as_u64().unwrap()).sum();
    assert_eq!(first(&app).await["rows"], rows, "every row came with some commit");
    assert_eq!(commits.last().unwrap()["operation"], "CREATE TABLE");
}

#[tokio::test]
async fn what_cannot_be_asked_of_a_table_is_said() {
    let app = bench().await;
    for (asked, status, field) in [
        ("/v1/tables?limit=1", 422, "limit"),
        ("/v1/tables/raw_market_data_2m/history", 404, ""),
        ("/v1/tables/raw_market_data_1m/history?limit=0", 422, "limit"),
        ("/v1/tables/raw_market_data_1m/history?limit=1001", 422, "limit"),
        ("/v1/tables/raw_market_data_1m/history?cursor=12", 422, "cursor"),
        ("/v1/tables/raw_market_data_1m/history?cursor=v.x", 422, "cursor"),
        ("/v1/tables/raw_market_data_1m/history?cursor=v.%2B1", 422, "cursor"),
        ("/v1/tables/raw_market_data_1m/history?before=1", 422, "before"),
    ] {
        let problem = app.get(asked).await.problem_of(asked, status);
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{asked}");
    }
    for (what, body, field) in [
        ("vacuum", json!({ "dry_run": "yes" }), "dry_run"),
        ("vacuum", json!({ "dry": true }), "dry"),
        ("optimize", json!({ "reason": "x".repeat(501) }), "reason"),
    ] {
        let path = format!("{M1}/{what}");
        assert_eq!(app.post(&path, &body).await.problem_of(&path, 422)["field"], field);
    }
    let path = "/v1/tables/none/vacuum";
    let fix = app.post(path, &json!({})).await.problem_of(path, 404)["fix"].clone();
    assert_eq!(fix, "GET /v1/tables lists the tables");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_optimized_when_somebody_asks() {
    let app = bench().await;
    let before = first(&app).await;
    let body = json!({ "reason": "a test" });
    let told = app.post(&format!("{M1}/optimize"), &body).await.ok();
    assert_eq!(told["files_before"], before["files"]);
    assert_eq!(told["bytes_before"], before["bytes"]);
    assert_eq!((&told["files_after"], &told["is_done"]), (&json!(1), &json!(true)), "{told}");
    let after = first(&app).await;
    assert_eq!((&after["rows"], &after["files"]), (&before["rows"], &json!(1)));
    assert_eq!(after["version"].as_u64(), before["version"].as_u64().map(|version| version + 1));
    app.post(&format!("{M1}/optimize"), &json!({})).await.ok();
    assert_eq!(first(&app).await["version"], after["version"], "there is nothing left to merge");
    let entries = app.app.store.audit(&AuditFilter::default(), 10).await.unwrap();
    assert_eq!(entries.len(), 2);
    let ordered = &entries[1];
    assert_eq!((&*ordered.command, &*ordered.target), ("table.optimize", "raw_market_data_1m"));
    assert_eq!(ordered.detail, body);
}

/// A file that cannot be read before somebody writes it holds the work up for as long as it takes.
#[tokio::test(flavor = "multi_thread")]
async fn optimizing_that_outlasts_its_answer_goes_on() {
    let settings = &[("SERVER__REQUEST_TIMEOUT", "8s"), ("SQL__TIMEOUT", "1s")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    app.settle().await;
    app.clock.advance(seconds(60));
    app.poll(BTC).await.unwrap();
    let before = first(&app).await;
    let table = PathBuf::from(app.app.lake.candles(Timeframe::M1).place());
    let data = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "parquet");
    let held_up = files_below(&table.join("date=2024-03-01")).into_iter().find(data).unwrap();
    let aside = table.join("aside");
    std::fs::rename(&held_up, &aside).unwrap();
    assert!(Command::new("mkfifo").arg(&held_up).status().unwrap().success());

    let path = format!("{M1}/optimize");
    let answer = app.post(&path, &json!({})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    let told = &answer.json;
    assert_eq!((&told["is_done"], &told["files_after"]), (&json!(false), &before["files"]));
    app.post(&path, &json!({})).await.problem_of(&path, 409);

    // Nothing is in what it waits for, so it fails, and nothing has changed.
    drop(std::fs::File::options().write(true).open(&held_up).unwrap());
    std::fs::rename(&aside, &held_up).unwrap();
    let done = loop {
        let answer = app.post(&path, &json!({})).await;
        if answer.status != 409 {
            break answer.ok();
        }
    };
    assert_eq!((&done["is_done"], &done["files_after"]), (&json!(true), &json!(1)), "{done}");
    assert_eq!(first(&app).await["rows"], before["rows"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_nobody_are_told_first_and_then_removed() {
    let app = bench().await;
    let folder = PathBuf::from(app.app.lake.candles(Timeframe::M1).place()).join("date=2024-03-01");
    for n in 0..120 {
        let path = folder.join(format!("part-{n:03}.parquet"));
        std::fs::write(&path, b"0123456789").unwrap();
        let file = std::fs::File::options().append(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        let age = std::time::Duration::from_secs(8 * 86_400 - n);
        file.set_modified(modified.checked_sub(age).unwrap()).unwrap();
    }
    let path = format!("{M1}/vacuum");
    let told = app.post(&path, &json!({ "dry_run": true })).await.ok();
    assert_eq!((&told["files"], &told["bytes"]), (&json!(120), &json!(1_200)));
    let names = items(&told, "names");
    assert_eq!((names.len(), &names[0]), (100, &json!("date=2024-03-01/part-000.parquet")));
    assert_eq!(app.post(&path, &json!({ "dry_run": true })).await.ok(), told, "nothing was done");
    assert_eq!(app.app.store.audit(&AuditFilter::default(), 10).await.unwrap(), []);

    let body = json!({ "dry_run": false, "reason": "the disk is full" });
    let done = app.post(&path, &body).await.ok();
    assert_eq!((&done["dry_run"], &done["files"]), (&json!(false), &json!(120)));
    assert_eq!(app.post(&path, &json!({})).await.ok()["files"], 0, "there are no more");
    let entries = app.app.store.audit(&AuditFilter::default(), 10).await.unwrap();
    let said: Vec<&str> = entries.iter().map(|entry| &*entry.command).collect();
    assert_eq!(said, ["table.vacuum", "table.vacuum"]);
    assert_eq!(entries[1].detail, json!({ "reason": "the disk is full" }));
    let read = app.get(&format!("/v1/candles?series={BTC}&limit=100")).await.ok();
    assert_eq!(items(&read, "candles").len() + 1, 101, "nothing else went");
}
