//! Two accounts of the same candle: what is compared, and what becomes of a difference.

use barkeep::simulate::SimulationConfig;
use serde_json::Value;

use crate::support::test_app::{Setup, TestApp};

/// Hours of Coinbase on Tuesday 5 March 2024, and the day as a file tells it.
async fn hours_beside_a_day(change: impl Fn(&mut [f64; 5])) -> (TestApp, Value) {
    let simulation =
        SimulationConfig { no_trade: 0.0, revised: 0.0, ..SimulationConfig::default() };
    let setup = Setup { timeframes: "1h", history: "3d", simulation, ..Setup::default() };
    let app = TestApp::with(setup).await;
    let start = "2024-03-05T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let bitcoin = "BTCUSD".parse().unwrap();
    let day = app.exchange.market().candle(&bitcoin, 86_400, start.timestamp(), i64::MAX);
    let day = day.unwrap().to_candle();
    let mut values = [day.open, day.high, day.low, day.close, day.volume.unwrap()];
    change(&mut values);
    let values = values.map(|value| value.to_string()).join(",");
    let csv = format!("time,open,high,low,close,volume\n2024-03-05T00:00:00Z,{values}\n");
    assert_eq!(app.import("day.csv", &csv, "coinbase/BTCUSD/1d").await.landed, 1);
    app.settle().await;
    let findings = app.get("/v1/findings?check=timeframe_mismatch").await.ok();
    (app, findings["items"].clone())
}

#[tokio::test]
async fn a_day_that_is_the_sum_of_its_hours_is_no_finding() {
    let (app, findings) = hours_beside_a_day(|_| {}).await;
    assert_eq!(findings, Value::Array(Vec::new()));
    let labels = ["timeframe_mismatch", "coinbase", "coinbase"];
    let compared = app.app.metrics.divergence_bps.with_label_values(&labels).get_sample_count();
    assert_eq!(compared, 1, "the one day that both have");
}

#[tokio::test]
async fn t23_a_day_adjusted_beside_hours_that_are_not_is_found_by_price_or_by_volume() {
    let (_, split) = hours_beside_a_day(|values| {
        values[..4].iter_mut().for_each(|price| *price /= 10.0);
    })
    .await;
    assert_eq!(split[0]["series"], "coinbase/BTCUSD/1d");
    assert_eq!(split[0]["other"], "coinbase/BTCUSD/1h");
    assert!(split[0]["bps"].as_f64().unwrap() > 10_000.0, "{split}");
    assert_ne!(split[0]["field"], "volume");

    let (_, volume) = hours_beside_a_day(|values| values[4] *= 10.0).await;
    assert_eq!(volume[0]["field"], "volume", "{volume}");
}
