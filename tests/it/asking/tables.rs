//! `barkeep tables …`: a preview, a question, and what came of it; tables made and written to.

use serde_json::{Value, json};

use super::Stub;
use crate::cli::Desk;

const VACUUM: &str = "POST /v1/tables/raw_market_data_1m/vacuum";
const OPTIMIZE: &str = "POST /v1/tables/raw_market_data_1m/optimize";

fn vacuumed(dry_run: bool, files: i64) -> Value {
    json!({
        "table": "raw_market_data_1m", "dry_run": dry_run, "files": files, "bytes": files * 1_000,
        "names": ["date=2024-03-01/part-1.parquet"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_counted_before_they_are_removed() {
    let routes = [(VACUUM, 200, vacuumed(true, 1_437)), (VACUUM, 200, vacuumed(false, 1_438))];
    let stub = Stub::answering(routes).await;
    let said = stub.run(&Desk::new(), "tables vacuum raw_market_data_1m --reason full --yes");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("1,437") && said.out.contains("1,438"), "{}{}", said.err, said.out);
    assert!(said.out.contains("date=2024-03-01/part-1.parquet"), "{}", said.out);
    let bodies: Vec<_> = stub.seen().into_iter().map(|one| one.body).collect();
    let body = |dry_run: bool| json!({ "dry_run": dry_run, "reason": "full" });
    assert_eq!(bodies, [body(true), body(false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_by_a_preview_or_without_a_yes_or_where_there_is_nothing() {
    let stub = Stub::answering([(VACUUM, 200, vacuumed(true, 7))]).await;
    let desk = Desk::new();
    let words = "tables vacuum raw_market_data_1m";
    let said = stub.run(&desk, &format!("{words} --dry-run --json"));
    assert_eq!((said.code, said.out), (0, format!("{}\n", vacuumed(true, 7))));
    let said = stub.run(&desk, words);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("7 files") && said.err.contains("--yes"), "{}", said.err);
    assert!(stub.seen().iter().all(|one| one.body == json!({ "dry_run": true })));

    let stub = Stub::answering([(VACUUM, 200, vacuumed(true, 0))]).await;
    assert_eq!(stub.run(&desk, words).code, 0);
    assert_eq!(stub.asked(), [VACUUM]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_optimized_at_a_word_and_has_a_name() {
    let done = json!({ "table": "raw_market_data_1m", "files_before": 27, "files_after": 2,
        "bytes_before": 14_680_064, "bytes_after": 13_107_200 });
    let stub = Stub::answering([(OPTIMIZE, 200, done)]).await;
    let desk = Desk::new();
    let said = stub.run(&desk, "tables optimize raw_market_data_1m --reason backfill");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("13,107,200"), "{}", said.out);
    assert_eq!(stub.body(OPTIMIZE), json!({ "reason": "backfill" }));
    assert_eq!(stub.run(&desk, "tables optimize ../schedules").code, 2);
}

const PRICES: &str = "PUT /v1/tables/user.prices";
const ROWS: &str = "POST /v1/tables/user.prices/rows";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_as_described_or_like_a_file() {
    let made = json!({ "name": "user.prices", "version": 0, "columns": [{ "name": "asset" }],
        "partition_by": [], "key": ["asset", "at"], "sort_by": ["asset", "at"],
        "on_new_columns": "dead_letter" });
    let stub = Stub::answering([(PRICES, 201, made)]).await;
    let desk = Desk::new();
    let words = "tables create user.prices --key asset,at --new-columns dead-letter";
    let said = stub.run(&desk, &format!("{words} --columns asset:text,at:timestamp"));
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("dead_letter") && said.out.contains("asset, at"), "{}", said.out);
    let column = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let described = json!([column("asset", "text"), column("at", "timestamp")]);
    let body = stub.body(PRICES);
    assert_eq!((&body["columns"], &body["key"]), (&described, &json!(["asset", "at"])));
    assert_eq!(body["on_new_columns"], "dead_letter");

    desk.write("rows.csv", "asset,at\nBTC,2024-05-01T00:00:00Z\n");
    assert_eq!(stub.run(&desk, &format!("{words} --like rows.csv")).code, 0);
    let like = stub.body(PRICES)["columns"].clone();
    let is_there = |wanted: &Value| like.as_array().unwrap().contains(wanted);
    assert!(described.as_array().unwrap().iter().all(is_there), "{like}");

    let asked = stub.asked().len();
    for bad in
        ["", " --columns asset", " --columns asset:texts", " --like none.csv", " --like Cargo"]
    {
        assert_eq!(stub.run(&desk, &format!("{words}{bad}")).code, 2, "{bad}");
    }
    assert_eq!(stub.asked().len(), asked, "nobody was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_one_after_the_other_each_once() {
    let done = |inserted: u64| {
        json!({ "table": "user.prices", "version": 3, "inserted": inserted,
        "is_repeated": false, "updated": 0, "unchanged": 0, "removed": 0, "files_replaced": 0,
        "columns_added": ["note"], "dead_letters": 2 })
    };
    let stub =
        Stub::answering([(ROWS, 0, Value::Null), (ROWS, 200, done(1_234)), (ROWS, 200, done(5))])
            .await;
    let desk = Desk::new();
    desk.write("a.json", "[1]");
    desk.write("b.csv", "asset\nBTC\n");
    let said = stub.run(&desk, "tables write user.prices a.json b.csv --mode overwrite-partitions");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("1,234") && said.out.contains("note"), "{}", said.out);
    let seen = stub.seen();
    let kinds: Vec<_> =
        seen.iter().map(|one| one.headers["content-type"].to_str().unwrap()).collect();
    assert_eq!(kinds, ["application/json", "application/json", "text/csv; charset=utf-8"]);
    assert_eq!(seen[0].what, format!("{ROWS}?mode=overwrite_partitions"));
    assert_eq!(seen[0].body, json!([1]));
    let keys: Vec<_> = seen.iter().map(|one| &one.headers["idempotency-key"]).collect();
    assert_eq!(keys[0], keys[1], "what was lost is sent again as the same");
    assert_ne!(keys[1], keys[2]);

    let asked = stub.asked().len();
    for bad in [
        "a.json",
        "a.json --mode upsert",
        "a.txt --mode append",
        "no.csv --mode append",
        "a.json b.csv --mode append --idempotency-key k",
    ] {
        assert_eq!(stub.run(&desk, &format!("tables write user.prices {bad}")).code, 2, "{bad}");
    }
    assert_eq!(stub.asked().len(), asked, "nobody was asked");
}
