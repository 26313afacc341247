//! Dead letters judged again or given up: nothing twice, nothing older over something newer.

mod bulk;
mod replay;
mod reread;

use barkeep::{
    lake::LandedCandle,
    market::{Series, Window},
    quality::DeadLetter,
    store::{KeptLetter, LetterState},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::support::test_app::TestApp;

const BTC: &str = "coinbase/BTCUSD/1m";
const REPLAY: &str = "/v1/dead-letters/replay";
const DISCARD: &str = "/v1/dead-letters/discard";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A row of Coinbase's candles that is as it should be, `number` minutes after ten.
fn row(number: i64, close: f64) -> (DateTime<Utc>, String) {
    let opens = at("2024-03-06T10:00:00Z") + chrono::TimeDelta::minutes(number);
    (opens, format!("[{},90,110,100,{close},1.5]", opens.timestamp()))
}

/// A letter of bytes that an older version did not understand.
fn letter(raw: &str, received_at: DateTime<Utc>) -> DeadLetter {
    let from = ("GET /products/BTC-USD/candles?granularity=60", received_at);
    let detail = "the row was not understood".to_owned();
    DeadLetter::new(BTC.parse().unwrap(), None, "readable", detail, raw.to_owned().into(), from)
}

async fn keep(app: &TestApp, letters: &[DeadLetter]) {
    app.app.store.keep(letters).await.unwrap();
}

async fn kept(app: &TestApp, id: &str) -> KeptLetter {
    app.app.store.dead_letter(id).await.unwrap().unwrap()
}

async fn state(app: &TestApp, letter: &DeadLetter) -> LetterState {
    kept(app, &letter.id).await.state
}

/// Has the one letter judged again.
async fn replay(app: &TestApp, letter: &DeadLetter) -> Value {
    app.post(REPLAY, &json!({ "ids": [letter.id] })).await.ok()
}

/// The counts of an answer: landed, unchanged, still refused, not replayable.
fn counts(answer: &Value) -> [i64; 4] {
    let landed = if answer["dry_run"] == true { "would_land" } else { "landed" };
    [landed, "unchanged", "still_refused", "not_replayable"]
        .map(|name| answer[name].as_i64().unwrap_or_else(|| panic!("{name} is not in {answer}")))
}

/// What the lake has of the series.
async fn landed(app: &TestApp, series: &str) -> Vec<LandedCandle> {
    let series: Series = series.parse().unwrap();
    let table = app.app.lake.candles(series.timeframe);
    assert_eq!(table.duplicates().await.unwrap(), 0);
    let all = Window::new(at("2024-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"));
    table.candles(&series, all).await.unwrap()
}
