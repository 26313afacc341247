//! `GET /v1/verify`: what holds is said to hold, and every fault that is put there is found.

use std::time::Duration;

use barkeep::{
    ingest::Schedule,
    jobs::Heartbeat,
    market::{Fact, Run, Series, Timeframe, Window},
    store::SeriesChange,
};
use chrono::{DateTime, TimeDelta, Utc};
use deltalake::{
    arrow::{array::RecordBatch, compute::cast},
    datafusion::prelude::SessionContext,
};
use serde_json::{Value, json};

use crate::{
    api::items,
    support::test_app::{Setup, TestApp, seconds},
};

const BTC: &str = "coinbase/BTCUSD/1m";

async fn settled() -> TestApp {
    let app = TestApp::with(Setup { timeframes: "1m,1h", ..Setup::default() }).await;
    app.settle().await;
    app
}

/// How often each invariant is broken, of those that are.
async fn broken(app: &TestApp, query: &str) -> Vec<(String, i64)> {
    let report = app.get(&format!("/v1/verify{query}")).await.ok();
    let invariants = items(&report, "invariants").iter();
    let broken = invariants.filter(|one| one["violations"] != 0).map(|one| {
        assert!(!items(one, "examples").is_empty(), "{one}");
        (one["name"].as_str().unwrap().to_owned(), one["violations"].as_i64().unwrap())
    });
    let broken: Vec<_> = broken.collect();
    assert_eq!(report["is_sound"], broken.is_empty());
    broken
}

/// Has a stranger append what `query` selects of the table of candles of a minute.
async fn append(app: &TestApp, query: &str) {
    let table = app.app.lake.candles(Timeframe::M1).snapshot();
    let context = SessionContext::new();
    context.register_table("candles", table.table_provider().await.unwrap()).unwrap();
    let rows = context.sql(query).await.unwrap().collect().await.unwrap();
    let schema = table.snapshot().unwrap().snapshot().arrow_schema();
    let rows: Vec<RecordBatch> = rows
        .iter()
        .map(|batch| {
            let columns = schema.fields().iter().map(|field| {
                cast(batch.column_by_name(field.name()).unwrap(), field.data_type()).unwrap()
            });
            RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
        })
        .collect();
    assert!(rows.iter().map(RecordBatch::num_rows).sum::<usize>() > 0);
    table.write(rows).await.unwrap();
    app.app.lake.candles(Timeframe::M1).look().await.unwrap();
}

fn selecting(changes: &[(&str, &str)]) -> String {
    let columns = [
        "asset_pair",
        "timestamp",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "trade_count",
        "source_provider",
        "is_mock",
        "is_derived",
        "revision",
        "_extracted_at",
        "_ingestion_id",
        "_source",
        "date",
    ];
    let column = |name: &str| match changes.iter().find(|(changed, _)| *changed == name) {
        Some((_, value)) => format!("{value} as {name}"),
        None => name.to_owned(),
    };
    let columns: Vec<String> = columns.iter().map(|name| column(name)).collect();
    format!("select {} from candles order by timestamp limit 3", columns.join(", "))
}

#[tokio::test]
async fn everything_holds_after_a_day_of_faults() {
    let app = settled().await;
    app.set_faults(&["empty=0.1", "duplicate_row=0.2", "drop_row=0.1", "bad_row=0.05"]);
    for _ in 0..60 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.ok();
    }
    app.set_faults(&[]);
    app.settle().await;
    app.app.lake.candles(Timeframe::M1).compact_fully().await.unwrap();
    let report = app.get("/v1/verify").await.ok();
    assert_eq!(report["is_sound"], true, "{report:#}");
    assert_eq!(report["series"], 2);
    let counted = json!({ "query": "select count(*) as n from bronze.raw_market_data_1m" });
    let rows = app.post("/v1/sql", &counted).await.ok()["rows"][0]["n"].as_i64().unwrap();
    assert!(report["rows"].as_i64().unwrap() > rows && rows > 400, "{report}");
    let app = app.restart().await;
    assert_eq!(broken(&app, "").await, []);
}

/// Each of these is put there by a stranger who writes to the table.
#[tokio::test]
async fn every_fault_of_rows_is_found() {
    for (changes, invariant) in [
        (vec![], "rows_are_there_once"),
        (vec![("revision", "revision + 2")], "revisions_are_complete"),
        (vec![("revision", "revision + 1"), ("high", "low - 1")], "values_are_possible"),
        (
            vec![("revision", "revision + 1"), ("close", "cast('NaN' as double)")],
            "values_are_possible",
        ),
        (vec![("revision", "revision + 1"), ("volume", "-1.0")], "values_are_possible"),
        (vec![("revision", "revision + 1"), ("_extracted_at", "timestamp")], "candles_had_closed"),
        (
            vec![("revision", "revision + 1"), ("date", "date '2023-01-01'")],
            "rows_are_in_their_partition",
        ),
    ] {
        let app = settled().await;
        append(&app, &selecting(&changes)).await;
        let found = broken(&app, "?timeframe=1m").await;
        let expected = vec![(invariant.to_owned(), 3)];
        let is_split = invariant == "rows_are_in_their_partition";
        let others = |found: &[(String, i64)]| found.iter().any(|one| *one == expected[0]);
        assert!(found == expected || is_split && others(&found), "{changes:?}: {found:?}");
        assert_eq!(broken(&app, "?timeframe=1h").await, []);
        assert!(others(&broken(&app, &format!("?series={BTC}")).await));
    }
}

#[tokio::test]
async fn rows_that_nobody_knows_of_are_found() {
    let app = settled().await;
    let off = "timestamp - interval '1 year'";
    append(&app, &selecting(&[("timestamp", off), ("date", "date '2023-03-01'")])).await;
    assert_eq!(broken(&app, "").await, [("rows_are_known".to_owned(), 1)]);
    let app = settled().await;
    append(&app, &selecting(&[("asset_pair", "'SOLUSD'")])).await;
    let report = app.get("/v1/verify").await.ok();
    let unknown = items(&report, "invariants").iter().find(|one| one["violations"] != 0).unwrap();
    assert_eq!(unknown["name"], "rows_are_known");
    assert_eq!(unknown["examples"][0]["series"], "coinbase/SOLUSD/1m");
}

fn start(report: &Value, invariant: &str) -> DateTime<Utc> {
    let mut invariants = items(report, "invariants").iter();
    let outcome = invariants.find(|one| one["name"] == invariant).unwrap();
    outcome["examples"][0]["start"].as_str().unwrap().parse().unwrap()
}

/// A store that says more than is true, or less.
#[tokio::test]
async fn what_the_store_says_wrongly_is_found() {
    let app = settled().await;
    let series: Series = BTC.parse().unwrap();
    let record = app.app.store.series_named(&series).await.unwrap().unwrap();
    let invented = Window::of_candles(record.origin - TimeDelta::hours(1), Timeframe::M1, 5);
    let change = SeriesChange {
        series: series.clone(),
        origin: invented.start,
        landings: record.landings,
        window: invented,
        facts: vec![Run { window: invented, value: Fact::Final }],
    };
    app.app.store.record(&[change], None).await.unwrap();
    assert_eq!(broken(&app, "").await, [("the_store_knows_the_same".to_owned(), 1)]);
    // After a restart memory believes it too, and the lake contradicts both.
    let app = app.restart().await;
    let report = app.get(&format!("/v1/verify?series={BTC}")).await.ok();
    assert_eq!(start(&report, "known_candles_are_in_the_lake"), invented.start);

    let app = settled().await;
    let record = app.app.store.series_named(&series).await.unwrap().unwrap();
    let change = SeriesChange {
        series,
        origin: record.origin,
        landings: record.landings + 1,
        window: Window::new(record.origin, app.now()),
        facts: record.facts,
    };
    app.app.store.record(&[change], None).await.unwrap();
    assert_eq!(broken(&app, "").await, [("landings_are_counted_alike".to_owned(), 1)]);
}

/// Landings go on all the time, and are never taken for a contradiction.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_just_landing_is_no_fault() {
    let app = settled().await;
    let asks = async {
        for _ in 0..10 {
            assert_eq!(broken(&app, "?timeframe=1m").await, []);
        }
    };
    let lands = async {
        loop {
            app.clock.advance(seconds(60));
            app.poll(BTC).await.unwrap();
        }
    };
    tokio::select! {
        () = asks => {}
        () = lands => {}
    }
}

#[tokio::test]
async fn what_there_is_not_cannot_be_verified() {
    let app = TestApp::start().await;
    for (query, status) in [
        ("?series=coinbase/SOLUSD/1m", 404),
        ("?series=x", 422),
        ("?timeframe=2m", 422),
        ("?series=coinbase/BTCUSD/1m&timeframe=1m", 422),
        ("?asset=BTCUSD", 422),
    ] {
        app.get(&format!("/v1/verify{query}")).await.problem_of(query, status);
    }
    assert_eq!(broken(&app, "").await, [], "nothing is as it should be");
}

/// The metrics that are not zero, of those that begin so.
async fn told(app: &TestApp, name: &str) -> Vec<String> {
    let metrics = app.get("/metrics").await;
    let lines = metrics.text().lines().filter(|line| line.starts_with(name));
    lines.filter(|line| !line.ends_with(" 0")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_shows_in_the_metrics_within_a_day() {
    let app = settled().await;
    append(&app, &selecting(&[])).await;
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    assert_eq!(app.app.schedules.last_tick_at(Schedule::Verify), None, "not at once");
    app.clock.advance(TimeDelta::hours(1));
    heartbeat.beat();
    let verified = async {
        while told(&app, "barkeep_verified_timestamp_seconds").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), verified).await.unwrap();
    let broken = told(&app, "barkeep_invariant_violations").await;
    assert_eq!(broken, [r#"barkeep_invariant_violations{invariant="rows_are_there_once"} 3"#]);
}
