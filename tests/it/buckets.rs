//! A lake in a bucket, or in memory, is like one in a folder.

use barkeep::{config::Config, market::Timeframe, simulate::SimulationConfig};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::{
    api::items,
    support::{
        bucket::{Bucket, SECRET},
        test_app::{Setup, TestApp, seconds},
    },
};

const BTC: &str = "coinbase/BTCUSD/1m";

fn setup() -> Setup {
    let simulation = SimulationConfig { revised: 0.5, ..SimulationConfig::default() };
    Setup { simulation, history: "2h", ..Setup::default() }
}

/// What the daemon says of its candles, and whether everything holds.
async fn told(app: &TestApp) -> Value {
    let report = app.get("/v1/verify?timeframe=1m").await.ok();
    assert_eq!(report["is_sound"], true, "{report:#}");
    let path = format!("/v1/candles?series={BTC}&limit=200");
    let answer = app.get(&path).await.ok();
    assert!(items(&answer, "candles").len() > 100);
    answer["candles"].clone()
}

/// A life: history, live candles and revisions, small files merged, a restart, a look back.
async fn lives(app: TestApp) -> TestApp {
    app.settle().await;
    let (known, at) = (told(&app).await, app.now());
    let version = app.app.lake.candles(Timeframe::M1).version();
    for minute in 0..20 {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
        if minute == 10 {
            app.app.lake.candles(Timeframe::M1).compact_fully().await.unwrap();
        }
    }
    let now = told(&app).await;
    assert_ne!(now, known);
    app.app.keeper.keep(app.app.lake.candles(Timeframe::M1)).await.unwrap();
    assert_eq!(told(&app).await, now);
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    for past in [format!("as_of={at}"), format!("table_version={version}")] {
        let window = format!("start=2024-03-06T08:39:00Z&end=2024-03-06T11:59:00Z&{past}");
        let then = app.get(&format!("/v1/candles?series={BTC}&{window}")).await.ok();
        assert_eq!(then["candles"], known, "{past}");
    }
    let query = json!({ "query": "select count(*) as n, max(revision) as revised from \
        bronze.raw_market_data_1m" });
    let rows = app.post("/v1/sql", &query).await.ok()["rows"].clone();
    assert!(rows[0]["n"].as_i64() > Some(120) && rows[0]["revised"].as_i64() > Some(0), "{rows}");
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_lives_in_a_bucket() {
    let bucket = Bucket::start(true).await;
    let app = TestApp::with_settings(setup(), &bucket.settings("bars/one")).await;
    let app = lives(app).await;
    let known = told(&app).await;
    assert!(
        bucket.folder.path().join("lake/bars/one/bronze/raw_market_data_1m/_delta_log").exists()
    );
    assert!(!app.folder.path().join("lake/bronze").exists(), "nothing of it is in the folder");
    let app = app.restart().await;
    assert_eq!(told(&app).await, known);
    app.clock.advance(TimeDelta::minutes(1));
    app.poll(BTC).await.unwrap();
    told(&app).await;
    let tables = app.get("/v1/tables").await.ok();
    assert_eq!(items(&tables, "items")[0]["path"], "s3://lake/bars/one/bronze/raw_market_data_1m");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_lives_in_memory() {
    let more = [("LAKE__URL", "memory:".to_owned()), ("STORE__URL", "sqlite::memory:".to_owned())];
    let app = lives(TestApp::with_settings(setup(), &more).await).await;
    assert!(!app.folder.path().join("lake/bronze").exists());
}

/// Commits would be lost, and nobody would notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_which_two_create_the_same_object_is_refused() {
    let bucket = Bucket::start(false).await;
    let refused = TestApp::start_with(setup(), &bucket.settings("bars")).await.err().unwrap();
    let said = barkeep::error::chain(&refused);
    assert!(said.contains("s3://lake/bars/") && said.contains("If-None-Match"), "{said}");
    assert!(!bucket.folder.path().join("lake/bars/bronze").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_used_with_another_control_store_is_refused() {
    let bucket = Bucket::start(true).await;
    let first = TestApp::with_settings(setup(), &bucket.settings("bars")).await;
    let refused = TestApp::start_with(setup(), &bucket.settings("bars")).await.err().unwrap();
    let said = barkeep::error::chain(&refused);
    assert!(said.contains("another control store") && said.contains("barkeep.store"), "{said}");
    first.restart().await;
    TestApp::with_settings(setup(), &bucket.settings("others")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_use_a_bucket_is_told_and_secrets_are_not() {
    let bucket = Bucket::start(true).await;
    let mut settings = bucket.settings("bars");
    settings.last_mut().unwrap().1 = "not-the-secret".to_owned();
    let refused = TestApp::start_with(setup(), &settings).await.err().unwrap();
    let said = barkeep::error::chain(&refused);
    assert!(said.contains("the lake at s3://lake/bars/ cannot be used"), "{said}");
    assert!(!said.contains("not-the-secret"), "{said}");
    let app = TestApp::with_settings(setup(), &bucket.settings("bars")).await;
    let shown = app.get("/v1/config").await.ok().to_string();
    assert!(shown.contains("s3://lake/bars") && !shown.contains(SECRET), "{shown}");
    assert!(!format!("{:?}", app.app.config).contains(SECRET));
}

#[test]
fn a_lake_is_nowhere_that_makes_no_sense() {
    for (url, store) in [
        ("data/lake", "sqlite::memory:"),
        ("s3://", "sqlite::memory:"),
        ("s3://me:secret@lake/bars", "sqlite::memory:"),
        ("s3://:secret@lake/bars", "sqlite::memory:"),
        ("s3://lake/bars?region=x", "sqlite::memory:"),
        ("https://lake/bars", "sqlite::memory:"),
        ("memory:", "sqlite:data/barkeep.db"),
    ] {
        let pairs = [("BARKEEP__LAKE__URL", url), ("BARKEEP__STORE__URL", store)];
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let refused = Config::from_layers(None, environment.into()).unwrap_err().to_string();
        assert!(refused.contains("lake.url"), "{url}: {refused}");
        assert!(!refused.contains("secret@"), "{refused}");
    }
}
