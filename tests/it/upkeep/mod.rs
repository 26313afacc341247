//! The lake maintained: what nobody needs any more goes, and nobody misses anything.

mod beside;
mod replicas;
mod retention;
mod rounds;
mod soak;

use std::path::PathBuf;

use barkeep::{
    lake::{CandleTable, Upkeep},
    market::Timeframe,
    simulate::{SimulationConfig, audit},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::support::{
    files,
    test_app::{Setup, TestApp, query_of, seconds},
};

const BTC: &str = "coinbase/BTCUSD/1m";

fn table(app: &TestApp) -> &CandleTable {
    app.app.lake.candles(Timeframe::M1)
}

/// A market that revises, and in which not every minute has a trade.
async fn bench() -> TestApp {
    let simulation =
        SimulationConfig { revised: 0.3, no_trade: 0.05, ..SimulationConfig::default() };
    let app = TestApp::with(Setup { simulation, ..Setup::default() }).await;
    app.settle().await;
    app
}

async fn keep(app: &TestApp) -> Upkeep {
    app.app.keeper.keep(table(app)).await.unwrap()
}

/// What a version of the table held of two hours.
struct Moment {
    version: u64,
    candles: Value,
}

/// The question to which every moment is an answer.
fn path_at(start: DateTime<Utc>, version: u64) -> String {
    let window = barkeep::market::Window::new(start, start + TimeDelta::hours(2));
    format!("/v1/candles?series={BTC}&{}&table_version={version}", query_of(window))
}

/// So many minutes go by, the files merged now and then.
async fn minutes(app: &TestApp, start: DateTime<Utc>, count: u32) -> Vec<Moment> {
    let mut moments = Vec::new();
    for minute in 1..=count {
        app.clock.advance(seconds(60));
        app.poll(BTC).await.unwrap();
        if minute % 7 == 0 {
            table(app).compact_fully().await.unwrap();
        }
        let version = table(app).version();
        let answer = app.get(&path_at(start, version)).await.ok();
        moments.push(Moment { version, candles: answer["candles"].clone() });
    }
    moments
}

/// Has every file of the lake be older by so many days.
fn age(app: &TestApp, days: u64) {
    files::age(&app.app.config.lake.path, days);
}

/// The data files on the disk, below the table's folder.
fn data_files(app: &TestApp) -> Vec<String> {
    let folder = PathBuf::from(table(app).place());
    let below =
        |path: &std::path::PathBuf| path.strip_prefix(&folder).unwrap().display().to_string();
    let all: Vec<String> = files::files_below(&folder).iter().map(below).collect();
    let is_data = |name: &String| name.starts_with("date=") && name.ends_with(".parquet");
    all.into_iter().filter(is_data).collect()
}

async fn assert_clean(app: &TestApp) {
    let found = audit(&app.app, app.exchange.market()).await.unwrap();
    assert!(found.is_clean() && found.agree > 300, "{found:?}");
}
