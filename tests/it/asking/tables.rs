//! `barkeep tables vacuum` and `optimize`: a preview, a question, and what came of it.

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
