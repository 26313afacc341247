//! `GET /v1/candles` as rows: the same candles as in JSON, of as many series and as long as is wanted.

use axum::{body::Body, http::Request};
use barkeep::{
    market::{Timeframe, Window},
    simulate::SimulationConfig,
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use deltalake::{
    arrow::{array::AsArray, datatypes::Float64Type, ipc::reader::StreamReader},
    parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::items;
use crate::support::test_app::{Setup, TestApp, query_of, seconds};

async fn two() -> TestApp {
    let simulation = SimulationConfig { no_trade: 0.05, ..SimulationConfig::default() };
    let setup = Setup { assets: "BTCUSD,ETHUSD", simulation, ..Setup::default() };
    let app = TestApp::with(setup).await;
    app.settle().await;
    app
}

async fn lines(app: &TestApp, path: &str) -> Vec<Value> {
    let answer = app.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A candle as a line of rows.
fn row(asset: &str, candle: &Value) -> Value {
    let mut row = candle.clone();
    row["asset"] = asset.into();
    row["provider"] = "coinbase".into();
    row["timeframe"] = "1m".into();
    row["state"] = "final".into();
    row
}

#[tokio::test]
async fn rows_are_the_candles_of_every_asset_that_is_named() {
    let app = two().await;
    let listed = app.get("/v1/candles?assets=ethusd,BTC-USD&timeframe=1m&limit=200").await.ok();
    let listed = items(&listed, "items");
    assert_eq!(listed.len(), 2);
    let mut expected = Vec::new();
    for (asset, told) in ["ETHUSD", "BTCUSD"].iter().zip(listed) {
        let path = format!("/v1/candles?asset={asset}&timeframe=1m&limit=200");
        assert_eq!(*told, app.get(&path).await.ok());
        expected.extend(items(told, "candles").iter().map(|candle| row(asset, candle)));
    }
    let path = "/v1/candles?assets=ETHUSD,BTCUSD&timeframe=1m&limit=200&format=";
    assert_eq!(lines(&app, &format!("{path}ndjson")).await, expected);
    let csv = app.get(&format!("{path}csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let (head, first) = csv.text().split_once('\n').unwrap();
    assert_eq!(
        head,
        "asset,provider,timeframe,open_time,close_time,open,high,low,close,volume,revision,\
         extracted_at,is_derived,is_mock,state"
    );
    assert_eq!(first.lines().count(), expected.len());
    let closes: Vec<f64> = expected.iter().map(|row| row["close"].as_f64().unwrap()).collect();
    let arrow = app.get(&format!("{path}arrow")).await;
    let parquet = app.get(&format!("{path}parquet")).await;
    let parquet = bytes::Bytes::from(parquet.body);
    let parquet = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    let batches = [
        StreamReader::try_new(&*arrow.body, None).unwrap().map(Result::unwrap).collect::<Vec<_>>(),
        parquet.map(Result::unwrap).collect(),
    ];
    for batches in batches {
        let values = batches.iter().flat_map(|batch| {
            let column = batch.column_by_name("close").unwrap();
            column.as_primitive::<Float64Type>().values().to_vec()
        });
        assert_eq!(values.collect::<Vec<f64>>(), closes);
    }
    assert_eq!(app.get(&format!("{path}arrow")).await.header("barkeep-verdict"), "", "of two");
}

#[tokio::test]
async fn holes_are_rows_too_where_they_are_asked_for() {
    let app = two().await;
    let path = "/v1/candles?asset=BTCUSD&timeframe=1m&limit=300";
    let told = app.get(path).await.ok();
    let answer = app.get(&format!("{path}&gaps=true&format=ndjson")).await;
    assert_eq!(answer.header("barkeep-verdict"), "fresh");
    let rows = lines(&app, &format!("{path}&gaps=true&format=ndjson")).await;
    let (candles, holes): (Vec<_>, Vec<_>) =
        rows.iter().cloned().partition(|row| row["state"] == "final");
    let expected = items(&told, "candles").iter().map(|candle| row("BTCUSD", candle));
    assert_eq!(candles, expected.collect::<Vec<_>>());
    assert!(holes.len() > 3, "{}", holes.len());
    let states = items(&told, "states").iter().filter(|run| run["state"] != "final");
    for (hole, run) in holes.iter().zip(states) {
        assert_eq!(hole["open_time"], run["start"]);
        assert_eq!(hole["close_time"], run["end"]);
        assert_eq!(hole["state"], run["state"]);
        assert_eq!((&hole["close"], &hole["revision"]), (&Value::Null, &Value::Null));
    }
    // Every place of the window is told of, in order.
    let mut at = told["window"]["start"].clone();
    for row in &rows {
        assert_eq!(row["open_time"], at);
        at = row["close_time"].clone();
    }
    assert_eq!(at, told["window"]["end"]);
}

/// A window of many slices, most of them empty: nothing twice, nothing left out.
#[tokio::test]
async fn rows_go_on_as_long_as_the_window_does() {
    let app = two().await;
    let window = Window::new(app.now() - TimeDelta::days(200), app.now());
    let path = format!("/v1/candles?series=coinbase/BTCUSD/1m&{}", query_of(window));
    let problem = app.get(&path).await.problem_of("a document of half a year", 422);
    assert_eq!(problem["field"], "end");
    assert!(problem["fix"].as_str().unwrap().contains("format=ndjson"), "{problem}");
    let rows = lines(&app, &format!("{path}&format=ndjson")).await;
    let newest = app.get("/v1/candles?series=coinbase/BTCUSD/1m&limit=20000").await.ok();
    let all: Vec<_> =
        items(&newest, "candles").iter().map(|candle| row("BTCUSD", candle)).collect();
    assert_eq!(rows, all);
    assert!(all.len() > 400, "{}", all.len());
}

#[tokio::test]
async fn rows_of_the_past_are_those_of_then() {
    let app = two().await;
    let path = "/v1/candles?series=coinbase/BTCUSD/1m&limit=50";
    let (then, at) = (lines(&app, &format!("{path}&format=ndjson")).await, app.now());
    let version = app.app.lake.candles(Timeframe::M1).version();
    for _ in 0..5 {
        app.clock.advance(seconds(60));
        app.poll("coinbase/BTCUSD/1m").await.unwrap();
    }
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let of_time = lines(&app, &format!("{path}&format=ndjson&as_of={at}")).await;
    assert_eq!(of_time, then);
    let end =
        format!("start=2024-03-06T11:00:00Z&end=2024-03-06T12:00:00Z&table_version={version}");
    let of_version =
        lines(&app, &format!("/v1/candles?series=coinbase/BTCUSD/1m&format=ndjson&{end}")).await;
    assert!(then.iter().all(|row| of_version.contains(row)));
}

#[tokio::test]
async fn what_makes_no_sense_of_several_is_refused() {
    let app = two().await;
    for (query, field) in [
        ("assets=BTCUSD", "timeframe"),
        ("assets=&timeframe=1m", "assets"),
        ("assets=BTCUSD,&timeframe=1m", "assets"),
        ("assets=BTCUSD,btc-usd&timeframe=1m", "assets"),
        ("assets=BTCUSD&asset=ETHUSD&timeframe=1m", "asset"),
        ("assets=BTCUSD&series=coinbase/BTCUSD/1m&timeframe=1m", "series"),
        ("assets=BTCUSD,ETHUSD&timeframe=1m&limit=20000", "end"),
        ("assets=BTCUSD&timeframe=1m&gaps=yes", "gaps"),
        ("assets=BTCUSD&timeframe=1m&gaps=true&as_of=2024-03-06T11:00:00Z", "gaps"),
        ("assets=BTCUSD&timeframe=1m&format=xml", "format"),
    ] {
        let problem = app.get(&format!("/v1/candles?{query}")).await.problem_of(query, 422);
        assert_eq!(problem["field"], field, "{query}: {problem}");
    }
    let unknown = app.get("/v1/candles?assets=BTCUSD,SOLUSD&timeframe=1m").await;
    unknown.problem_of("an asset that is not kept", 404);
    let request = Request::get("/v1/candles?series=coinbase/BTCUSD/1m").header("accept", "image/*");
    app.send(request).await.problem_of("pictures", 406);
}

/// A file that cannot be read any more, in the middle of a long answer.
#[tokio::test]
async fn an_answer_that_cannot_be_read_to_its_end_is_broken_off() {
    let app = TestApp::start().await;
    let start = "2024-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let end = "2024-03-05T00:00:00Z".parse().unwrap();
    let every_ten_minutes = Window::new(start, end).open_times(Timeframe::M1).step_by(10);
    let line = |at: DateTime<Utc>| format!("{},2,3,1,1.5,1\n", at.timestamp());
    let lines: Vec<String> = every_ten_minutes.map(line).collect();
    let text = format!("timestamp,open,high,low,close,volume\n{}", lines.concat());
    app.import("sparse.csv", &text, "someone/BTCUSD/1m").await;
    let table = app.app.lake.candles(Timeframe::M1);
    table.compact_fully().await.unwrap();
    let files: Vec<_> = table.snapshot().get_file_uris().unwrap().collect();
    assert!(files.len() > 2, "{files:?}");
    let march = files.iter().find(|file| file.contains("2024-03-01")).unwrap();
    let march = march.strip_prefix("file://").unwrap_or(march);
    std::fs::remove_file(march).unwrap();
    let whole = query_of(Window::new(start, end));
    let uri = format!("/v1/candles?series=someone/BTCUSD/1m&format=csv&{whole}");
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let response = barkeep::api::service(app.app.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let pieces: Vec<_> = response.into_body().into_data_stream().collect().await;
    let ends = (pieces.first().unwrap(), pieces.last().unwrap());
    assert!(ends.0.is_ok() && ends.1.is_err(), "{} pieces: {ends:?}", pieces.len());
    let body = json!({ "query": "select sum(close) from raw_market_data_1m" });
    app.post("/v1/sql", &body).await.problem_of("a sum of what is not there", 503);
}
