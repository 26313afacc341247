//! Tables of the users' own: made, written to in every form, looked after, and read like the others.

pub(crate) mod crash;
mod rows;

use axum::http::{Request, StatusCode};
use barkeep::store::AuditFilter;
use serde_json::{Value, json};

use crate::support::test_app::{Answer, TestApp};

const PRICES: &str = "/v1/tables/user.prices";

/// Prices by asset and time, a partition per month.
fn prices() -> Value {
    json!({
        "columns": [
            { "name": "month", "type": "text" },
            { "name": "asset", "type": "text" },
            { "name": "at", "type": "timestamp" },
            { "name": "price", "type": "float" },
            { "name": "size", "type": "long" },
        ],
        "partition_by": ["month"],
        "key": ["asset", "at"],
    })
}

async fn put(app: &TestApp, path: &str, body: &Value) -> Answer {
    app.command(Request::put(path), body).await
}

/// An app with the table, as `more` has it.
async fn with_prices(more: &[(&str, Value)]) -> TestApp {
    let app = TestApp::start().await;
    let mut wanted = prices();
    for (name, value) in more {
        wanted[*name] = value.clone();
    }
    let made = put(&app, PRICES, &wanted).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    app
}

async fn write(app: &TestApp, mode: &str, rows: &Value) -> Answer {
    app.post(&format!("{PRICES}/rows?mode={mode}"), rows).await
}

fn row(asset: &str, day: u32, price: f64) -> Value {
    let at = format!("2024-05-{day:02}T00:00:00Z");
    json!({ "month": "2024-05", "asset": asset, "at": at, "price": price })
}

/// What a selection gives.
async fn select(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.post("/v1/sql", &json!({ "query": query })).await.ok();
    answer["rows"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_table_is_made_once_and_another_of_its_name_is_a_conflict() {
    let app = with_prices(&[]).await;
    let again = put(&app, PRICES, &prices()).await;
    assert_eq!((again.status, &again.json), (StatusCode::OK, &app.get(PRICES).await.ok()));
    let told = &again.json;
    assert_eq!(told["columns"][1]["type"], "timestamp");
    let nullable: Vec<bool> = told["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["nullable"] == true)
        .collect();
    assert_eq!(nullable, [false, false, true, true, false], "partitions come last: {told}");
    assert_eq!(told["sort_by"], json!(["asset", "at"]));
    for (field, value, differs) in [
        ("key", json!(["asset"]), "has the key asset, at"),
        ("partition_by", json!([]), "is partitioned by month"),
        ("sort_by", json!(["at"]), "is sorted by asset, at"),
        ("on_new_columns", json!("freeze"), "has the policy evolve"),
    ] {
        let mut other = prices();
        other[field] = value;
        let problem = put(&app, PRICES, &other).await.problem_of(field, 409);
        assert_eq!(problem["code"], "table_differs");
        assert!(problem["detail"].as_str().unwrap().contains(differs), "{problem}");
    }
    let mut other = prices();
    other["columns"][3]["type"] = json!("long");
    let problem = put(&app, PRICES, &other).await.problem_of("type", 409);
    assert!(problem["detail"].as_str().unwrap().contains("has price as Float64"), "{problem}");
    let filter = AuditFilter { command: Some("table.create".to_owned()), ..AuditFilter::default() };
    assert_eq!(app.app.store.audit(&filter, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    for name in ["raw_market_data_1m", "silver.market_data", "gold.x", "bronze.mine"] {
        let problem = put(&app, &format!("/v1/tables/{name}"), &prices()).await;
        let problem = problem.problem_of(name, 422);
        assert_eq!(problem["field"], "name");
        assert!(problem["detail"].as_str().unwrap().contains("Barkeep's own"), "{problem}");
    }
    let column = |name: &str| json!([{ "name": name, "type": "text" }]);
    for (field, value, why) in [
        ("columns", column("A b"), "cannot be a column"),
        ("columns", column("drop table"), "cannot be a column"),
        ("columns", json!([]), "there is no column"),
        ("columns", json!([{ "name": "a", "type": "list" }]), "unknown variant"),
        ("partition_by", json!(["price"]), "price is no text and no date"),
        ("key", json!(["nothing"]), "there is no column nothing"),
        ("colums", json!([]), "unknown field"),
        ("on_new_columns", json!("ignore"), "unknown variant"),
    ] {
        let mut wanted = prices();
        wanted[field] = value;
        let problem = put(&app, PRICES, &wanted).await.problem_of(why, 422);
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    }
    let mut wanted = prices();
    wanted["columns"][1]["nullable"] = json!(true);
    let problem = put(&app, PRICES, &wanted).await.problem_of("nullable", 422);
    assert!(problem["detail"].as_str().unwrap().contains("needed of every row"), "{problem}");
    app.get(PRICES).await.problem_of("nothing was made", 404);
}

#[tokio::test]
async fn a_table_is_looked_after_and_read_like_the_others() {
    let app = with_prices(&[]).await;
    for day in 1..=4 {
        write(&app, "merge", &json!([row("BTC", day, 1.0), row("ETH", day, 2.0)])).await.ok();
    }
    let tables = app.get("/v1/tables").await.ok();
    let own =
        tables["items"].as_array().unwrap().iter().find(|table| table["name"] == "user.prices");
    assert_eq!((&own.unwrap()["rows"], &own.unwrap()["files"]), (&json!(8), &json!(4)));
    let history = app.get(&format!("{PRICES}/history")).await.ok();
    assert_eq!(
        (&history["items"][0]["operation"], &history["items"][0]["rows"]),
        (&json!("MERGE"), &json!(2))
    );
    let merged = app.post(&format!("{PRICES}/optimize"), &json!({})).await.ok();
    assert_eq!((&merged["files_before"], &merged["files_after"]), (&json!(4), &json!(1)));
    let vacuum = app.post(&format!("{PRICES}/vacuum"), &json!({ "dry_run": true })).await.ok();
    assert_eq!(vacuum["files"], 0, "they are too young");
    let old = json!({
        "query": "select count(*) as n from user.prices",
        "table_versions": { "user.prices": 2 },
    });
    assert_eq!(app.post("/v1/sql", &old).await.ok()["rows"][0]["n"], 4);
    let rows =
        select(&app, "select asset, sum(price) as all from user.prices group by 1 order by 1");
    assert_eq!(
        rows.await,
        [json!({ "asset": "BTC", "all": 4.0 }), json!({ "asset": "ETH", "all": 8.0 })]
    );
}

/// Least and greatest asset and time of each file, in order.
fn ranges(app: &TestApp) -> Vec<(String, String)> {
    use deltalake::kernel::LogicalFileView;
    let snapshot = app.app.lake.named("user.prices").unwrap().snapshot();
    let range = |file: LogicalFileView| {
        let shown = |values: Option<_>| format!("{:?}", values.unwrap());
        (shown(file.min_values()), shown(file.max_values()))
    };
    let mut ranges: Vec<_> = snapshot.snapshot().unwrap().log_data().iter().map(range).collect();
    ranges.sort();
    ranges
}

#[tokio::test]
async fn rewriting_leaves_files_that_do_not_overlap_in_what_the_table_is_sorted_by() {
    let setup = crate::support::test_app::Setup {
        settings: &[("LAKE__TARGET_FILE_MIB", "1")],
        ..Default::default()
    };
    let app = TestApp::with(setup).await;
    put(&app, PRICES, &prices()).await;
    // Texts that do not compress, so that a little is more than one file.
    for part in 0..3_u64 {
        let rows: Vec<Value> = (0..20_000_u64)
            .map(|number| {
                let mixed = (number * 3 + part).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let asset =
                    format!("{mixed:016x}{:016x}", mixed.wrapping_mul(0xD134_2543_DE82_EF95));
                json!({ "month": "2024-05", "asset": asset, "at": "2024-05-01T00:00:00Z" })
            })
            .collect();
        write(&app, "merge", &json!(rows)).await.ok();
    }
    let overlap = |ranges: &[(String, String)]| ranges.windows(2).any(|two| two[0].1 >= two[1].0);
    assert!(overlap(&ranges(&app)), "or there is nothing to mend");
    let done = app.post(&format!("{PRICES}/optimize"), &json!({ "rewrite": true })).await.ok();
    assert!(done["files_after"].as_u64() > Some(1), "{done}");
    assert!(!overlap(&ranges(&app)), "{:?}", ranges(&app));
    assert_eq!(select(&app, "select count(*) as n from user.prices").await[0]["n"], 60_000);
}
