//! A death between the landing of dead letters and the note that they have landed.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use barkeep::{quality::DeadLetter, simulate::FaultPlan, store::Store};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::stage::{FAULTS, Stage};

pub(super) const POINTS: [&str; 1] = ["letters_landed"];
const SIGABRT: i32 = 6;
const PATIENCE: Duration = Duration::from_mins(1);
const BTC: &str = "coinbase/BTCUSD/1m";

/// What the exchange says of ten candles, row by row, newest first.
async fn rows(stage: &Stage, start: DateTime<Utc>) -> Vec<String> {
    let (start, end) = (start.timestamp(), (start + TimeDelta::minutes(9)).timestamp());
    let uri = format!("/products/BTC-USD/candles?granularity=60&start={start}&end={end}");
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let response = stage.exchange.clone().router().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let rows = body.trim_matches(['[', ']']).split("],[");
    rows.map(|row| format!("[{row}]")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t50_a_death_after_letters_have_landed_lands_nothing_twice_and_forgets_none() {
    let mut stage = Stage::open(11, "12h").await;
    let plan = |faults: &[&str]| FaultPlan::from_pairs(faults.iter().copied()).unwrap();
    stage.exchange.set_fault_plan(&plan(&[]));
    let now = stage.now();
    let rows = rows(&stage, now - TimeDelta::hours(3)).await;
    let count = rows.len();
    assert!(count > 5, "{rows:?}");
    // Nothing is to be had of the exchange, so that the letters are all there is.
    stage.exchange.set_fault_plan(&plan(&["server_error=1"]));
    let mut daemon = stage.spawn_doomed(POINTS[0], 1);
    daemon.wait_until("/v1/dead-letters", PATIENCE, |answer| answer["items"].is_array()).await;
    let letters: Vec<_> = rows.into_iter().map(|row| letter(row, now)).collect();
    let store = Store::visit(&stage.store_url()).await.unwrap();
    store.keep(&letters).await.unwrap();
    store.close().await;
    let body = json!({ "filter": {}, "expected_count": count });
    let path = "/v1/dead-letters/replay";
    assert_eq!(daemon.post(path, "-", &body).await, None, "it died before it could answer");
    assert_eq!(daemon.ended(PATIENCE).await.signal(), Some(SIGABRT));

    let mut daemon = stage.spawn();
    daemon.wait_until("/v1/dead-letters", PATIENCE, |answer| answer["items"].is_array()).await;
    let all: Value = daemon.get("/v1/dead-letters").await.unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), count, "nobody has said that they landed");
    let answer = daemon.post(path, "-", &body).await.unwrap();
    assert_eq!((&answer["landed"], &answer["unchanged"]), (&json!(0), &json!(count)), "{answer}");
    let answer = daemon.post(path, "-", &json!({ "filter": {}, "expected_count": 0 })).await;
    assert_eq!(answer.unwrap()["matched"], 0);
    daemon.stop().await;
    stage.exchange.set_fault_plan(&plan(&FAULTS));
    stage.examine().await;
}

fn letter(row: String, received_at: DateTime<Utc>) -> DeadLetter {
    let from = ("GET /products/BTC-USD/candles?granularity=60", received_at);
    let detail = "not understood".to_owned();
    DeadLetter::new(BTC.parse().unwrap(), None, "readable", detail, row.into(), from)
}
