//! What is selected is what the lake holds, in whichever form it is wanted.

use axum::http::Request;
use deltalake::{
    arrow::{array::RecordBatch, ipc::reader::StreamReader},
    parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
};
use serde_json::{Value, json};

use super::{ask, cell, refused, rows};
use crate::{
    api::items,
    support::test_app::{Answer, Setup, TestApp},
};

async fn kept() -> TestApp {
    let app = TestApp::with(Setup { assets: "BTCUSD,ETHUSD", ..Setup::default() }).await;
    app.settle().await;
    app
}

#[tokio::test]
async fn a_selection_is_what_the_candles_are() {
    let app = kept().await;
    let told = app.get("/v1/candles?asset=BTCUSD&timeframe=1m&limit=100").await.ok();
    let query = "SELECT Timestamp, open, high, low, close, volume, revision, is_mock \
                 FROM bronze.raw_market_data_1m WHERE asset_pair = 'BTCUSD' \
                 ORDER BY timestamp DESC LIMIT 100";
    let mut selected = rows(&app, query).await;
    selected.reverse();
    let candles = items(&told, "candles");
    assert_eq!(selected.len(), candles.len());
    for (row, candle) in selected.iter().zip(candles) {
        assert_eq!(row["timestamp"], candle["open_time"]);
        for name in ["open", "high", "low", "close", "volume", "revision", "is_mock"] {
            assert_eq!(row[name], candle[name], "{name}");
        }
    }
    let count = "select count(*) from raw_market_data_1m";
    let by_asset = "select sum(n) from (select asset_pair, count(*) as n from raw_market_data_1m \
                    group by asset_pair)";
    assert_eq!(cell(&app, count).await, cell(&app, by_asset).await);
    let tables = rows(&app, "show tables").await;
    let name = |table: &Value| format!("{}.{}", table["table_schema"], table["table_name"]);
    let names: Vec<_> = tables.iter().map(|table| name(table).replace('"', "")).collect();
    for table in ["bronze.raw_market_data_1d", "bronze.raw_news_sentiment", "system.gaps"] {
        assert!(names.contains(&table.to_owned()), "{table}: {names:?}");
    }
    let described = rows(&app, "describe bronze.raw_macro_indicators").await;
    assert!(described.iter().any(|column| column["column_name"] == "indicator"));
}

async fn formed(app: &TestApp, path: &str, accept: Option<&str>, query: &str) -> Answer {
    let request = Request::post(path);
    let request = match accept {
        Some(kind) => request.header("accept", kind),
        None => request,
    };
    let answer = app.command(request, &json!({ "query": query })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn count(batches: impl Iterator<Item = RecordBatch>) -> usize {
    batches.map(|batch| batch.num_rows()).sum()
}

#[tokio::test]
async fn an_answer_comes_in_the_form_that_is_wanted() {
    let app = kept().await;
    let query = "select asset_pair, timestamp, close, date from raw_market_data_1m order by 1, 2";
    let all = rows(&app, query).await;
    let csv = formed(&app, "/v1/sql?format=csv", None, query).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let mut lines = csv.text().lines();
    assert_eq!(lines.next(), Some("asset_pair,timestamp,close,date"));
    let first = lines.next().unwrap().split(',').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(first[0], all[0]["asset_pair"]);
    assert_eq!(first[1], all[0]["timestamp"]);
    assert_eq!(first[2].parse::<f64>().unwrap(), all[0]["close"].as_f64().unwrap());
    assert_eq!(lines.count() + 1, all.len());
    let lines = formed(&app, "/v1/sql", Some("application/x-ndjson"), query).await;
    let lines: Vec<Value> =
        lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, all);
    let arrow = formed(&app, "/v1/sql?format=arrow", Some("text/csv"), query).await;
    assert_eq!(arrow.header("content-type"), "application/vnd.apache.arrow.stream");
    let read = StreamReader::try_new(&*arrow.body, None).unwrap();
    assert_eq!(count(read.map(Result::unwrap)), all.len());
    let parquet = formed(&app, "/v1/sql", Some("application/vnd.apache.parquet"), query).await;
    let read = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet.body));
    assert_eq!(count(read.unwrap().build().unwrap().map(Result::unwrap)), all.len());
    let request = Request::post("/v1/sql").header("accept", "image/png");
    let answer = app.command(request, &json!({ "query": query })).await;
    assert_eq!(answer.problem_of("a picture", 406)["code"], "not_acceptable");
}

/// Longer than what is kept in memory.
#[tokio::test]
async fn a_long_answer_is_as_whole_as_a_short_one() {
    let app = TestApp::start().await;
    let query = "select value, 'a text that takes its place' as text \
                 from generate_series(1, 200000)";
    let answer = formed(&app, "/v1/sql?format=csv", None, query).await;
    assert!(answer.body.len() > 6_000_000, "{}", answer.body.len());
    let lines: Vec<&str> = answer.text().lines().collect();
    assert_eq!(lines.len(), 200_001);
    assert_eq!(lines[200_000], "200000,a text that takes its place");
    let json = ask(&app, query).await.ok();
    assert_eq!(json["row_count"], 200_000);
    assert_eq!(json["rows"][199_999]["value"], 200_000);
}

#[tokio::test]
async fn a_list_is_a_list_or_a_text_as_the_form_has_it() {
    let app = TestApp::start().await;
    let query = "select [1, 2] as numbers, 'x' as text";
    let csv = formed(&app, "/v1/sql?format=csv", None, query).await;
    assert_eq!(csv.text(), "numbers,text\n\"[1, 2]\",x\n");
    assert_eq!(rows(&app, query).await, [json!({ "numbers": [1, 2], "text": "x" })]);
    app.settle().await;
    let news = "select * from raw_news_sentiment";
    formed(&app, "/v1/sql?format=csv", None, news).await;
}

#[tokio::test]
async fn no_rows_are_an_answer_and_nonsense_is_not() {
    let app = TestApp::start().await;
    assert_eq!(cell(&app, "select count(*) from raw_market_data_1m").await, 0);
    assert_eq!(rows(&app, "select * from raw_market_data_1m").await, Vec::<Value>::new());
    for (query, detail) in [
        ("", "empty"),
        ("   -- nothing", "empty"),
        (";", "empty"),
        ("selec 1", "selec"),
        ("select * from candles", "candles"),
        ("select * from silver.candles", "silver"),
        ("select nothing from raw_market_data_1m", "nothing"),
        ("select no_such_function(1)", "no_such_function"),
        ("select a.b, c.b from (select 3 as b) a, (select 4 as b) c", "two columns are called b"),
        ("select 1 as a; select 2 as b", "several statements"),
        ("select cast('x' as int)", "'x'"),
        ("select 1 / (select count(*) from raw_market_data_1m)", "by zero"),
    ] {
        let said = refused(&app, query).await;
        assert!(said.to_lowercase().contains(detail), "{query}: {said}");
    }
    for (body, field) in [
        (json!({}), "body"),
        (json!({ "query": 1 }), "query"),
        (json!({ "query": "select 1", "sql": "select 1" }), "sql"),
        (json!({ "query": "select 1", "as_of": "yesterday" }), "as_of"),
        (json!({ "query": "select 1", "as_of": "2999-01-01T00:00:00Z" }), "as_of"),
        (json!({ "query": "select 1", "table_versions": { "x": 0 } }), "table_versions"),
        (json!({ "query": "select 1", "table_versions": { "x": -1 } }), "table_versions.x"),
    ] {
        let asked = body.to_string();
        let problem = app.post("/v1/sql", &body).await.problem_of(&asked, 422);
        assert_eq!(problem["field"], field, "{asked}: {problem}");
    }
    let problem = app.post("/v1/sql?format=xls", &json!({ "query": "select 1" })).await;
    assert_eq!(problem.problem_of("xls", 422)["field"], "format");
}
