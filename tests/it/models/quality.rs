//! What is unusual, and the report card of every day.

use std::fmt::Write;

use barkeep::simulate::SimulationConfig;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::Stage;
use crate::support::test_app::Setup;

const SERIES: &str = "coinbase/XRPUSD/1m";

/// Candles of a quiet market, but for what `shock` does to the close and the volume of a minute.
fn file(from: i64, to: i64, shock: impl Fn(i64) -> (f64, f64)) -> String {
    let mut random = rand::rngs::StdRng::seed_from_u64(5);
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for minute in 0..to {
        let price: f64 = 100.0 + random.random_range(-0.05..0.05_f64);
        let volume: f64 = random.random_range(5.0..15.0);
        let (close, size) = shock(minute);
        let (close, volume) = (price * close, volume * size);
        let (high, low) = if size == 50.0 { (close, close) } else { (101.0_f64.max(close), 90.0) };
        let open = if size == 50.0 { close } else { 100.0 };
        if minute >= from {
            let time = chrono::DateTime::from_timestamp(1_704_067_200 + minute * 60, 0).unwrap();
            let time = time.to_rfc3339();
            let _ = writeln!(text, "{time},{open:.4},{high:.4},{low:.4},{close:.4},{volume:.4}");
        }
    }
    text
}

async fn unusual(stage: &Stage) -> Vec<Value> {
    stage.sql("select * from silver.anomalies order by timestamp, expectation").await
}

#[tokio::test]
async fn what_is_unusual_is_said_with_its_evidence_and_taken_back_when_it_was_an_error() {
    let stage = Stage::with(Setup::default(), &[]).await;
    let shock = |minute| match minute {
        400 => (1.0, 5_000.0),
        450 => (1.0, 50.0),
        500 => (1.2, 1.0),
        _ => (1.0, 1.0),
    };
    stage.app.import("a.csv", &file(0, 480, shock), SERIES).await;
    stage.build().await;
    stage.app.import("b.csv", &file(480, 620, shock), SERIES).await;
    stage.build().await;
    let found = unusual(&stage).await;
    let of = |name: &str| found.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("expectation"), ["volume_spike", "flat_with_volume", "price_move", "price_move"]);
    assert_eq!(
        of("timestamp")[2..],
        [json!("2024-01-01T08:20:00Z"), json!("2024-01-01T08:21:00Z")]
    );
    let jump = &found[2];
    let value = jump["value"].as_f64().unwrap();
    assert!((19.0..21.0).contains(&value) && jump["unit"] == "percent", "{jump}");
    assert!(jump["score"].as_f64() > jump["threshold"].as_f64(), "{jump}");
    let spread = jump["spread"].as_f64().unwrap();
    assert!((1.2_f64.ln() / spread / jump["score"].as_f64().unwrap() - 1.0).abs() < 0.05, "{jump}");
    assert!(!stage.builds("silver.anomalies").await[0].is_whole);

    // The provider says that there was no such move.
    let calm = file(495, 505, |_| (1.0, 1.0));
    stage.app.import("c.csv", &calm, SERIES).await;
    stage.build().await;
    let last = &stage.builds("silver.anomalies").await[0];
    assert_eq!((last.is_whole, last.removed), (false, 2), "{last:?}");
    let (in_bits, shown) = (
        unusual(&stage).await,
        stage
            .sql("select close from silver.market_data where timestamp = '2024-01-01T08:20:00Z'")
            .await,
    );
    assert_eq!(in_bits.len(), 2, "{shown:?}");
    stage.rebuild("silver.anomalies").await.unwrap();
    assert_eq!(in_bits, unusual(&stage).await);
}

#[tokio::test]
async fn what_is_switched_off_is_not_said() {
    let setup = Setup { settings: &[("QUALITY__PRICE_MOVE", "off")], ..Setup::default() };
    let stage = Stage::with(setup, &[]).await;
    let shock = |minute| if minute == 500 { (1.2, 1.0) } else { (1.0, 1.0) };
    stage.app.import("a.csv", &file(0, 520, shock), SERIES).await;
    stage.build().await;
    assert_eq!(unusual(&stage).await, [Value::Null; 0]);
}

const CARD: &str = "select * from gold.mart_data_quality order by timestamp, timeframe";

#[tokio::test]
async fn the_report_card_adds_up_and_is_in_bits_what_it_is_from_scratch() {
    let simulation =
        SimulationConfig { revised: 0.6, no_trade: 0.1, ..SimulationConfig::default() };
    let setup = Setup {
        now: "2024-03-06T01:00:30Z",
        simulation,
        timeframes: "1m,5m",
        history: "6h",
        ..Setup::default()
    };
    let stage = Stage::with(setup, &[]).await;
    stage.app.settle().await;
    stage.build().await;
    for minutes in [1, 1, 4, 2, 1] {
        stage.tick("coinbase/BTCUSD/1m", minutes).await;
        stage.tick("coinbase/BTCUSD/5m", 0).await;
        stage.build().await;
    }
    let card = stage.sql(CARD).await;
    assert_eq!(card.len(), 4, "two days of two series: {card:?}");
    let builds = stage.builds("gold.mart_data_quality").await;
    assert!(builds.iter().filter(|build| !build.is_whole).count() > 3, "{builds:?}");

    let coverage = "/v1/coverage?series=coinbase/BTCUSD/1m";
    let coverage = stage.app.get(coverage).await.ok()["candles"].clone();
    let sum = |name: &str| -> i64 {
        let own = card.iter().filter(|day| day["timeframe"] == "1m");
        own.map(|day| day[name].as_i64().unwrap()).sum()
    };
    assert_eq!(sum("final"), coverage["final"], "{coverage}");
    assert_eq!(sum("confirmed_empty"), coverage["no_trade"].as_i64().unwrap_or_default());
    assert!(sum("confirmed_empty") > 10 && sum("revised") > 0, "{card:?}");
    let landed = stage.one("select count(distinct timestamp) as n from raw_market_data_1m").await;
    assert_eq!(sum("landed"), landed["n"]);
    let today = &card[3];
    assert!(today["first_seen_lag_p50_seconds"].as_f64().unwrap() > 0.0, "{today}");

    stage.rebuild("gold.mart_data_quality").await.unwrap();
    assert_eq!(card, stage.sql(CARD).await);
}

#[tokio::test]
async fn a_gap_that_turns_out_to_be_no_trade_changes_the_card_of_its_day() {
    let simulation = SimulationConfig { no_trade: 0.3, ..SimulationConfig::default() };
    let setup = Setup { simulation, history: "2h", ..Setup::default() };
    let stage = Stage::with(setup, &[]).await;
    stage.app.fill("coinbase/BTCUSD/1m").await.unwrap();
    stage.build().await;
    let before = stage.one(CARD).await;
    assert!(before["missing"].as_i64().unwrap() > 0, "{before}");
    let warned = &stage.builds("gold.mart_data_quality").await[0];
    assert!(
        warned.tests.contains("\"test\":\"gap_rate\",\"severity\":\"warn\",\"failures\":1"),
        "{}",
        warned.tests
    );
    stage.app.settle().await;
    stage.build().await;
    let after = stage.one(CARD).await;
    assert_eq!((&after["missing"], &after["completeness"]), (&json!(0), &json!(1.0)), "{after}");
}

#[tokio::test]
async fn what_is_expected_is_told_with_how_far_it_is_so() {
    let setup = Setup { history: "1d", ..Setup::default() };
    let stage = Stage::with(setup, &[]).await;
    stage.app.set_faults(&["bad_row=0.4"]);
    stage.app.fill("coinbase/BTCUSD/1m").await.unwrap();
    stage.build().await;
    let quality = stage.app.get("/v1/quality").await.ok();
    let named = |list: &str, key: &str, name: &str| {
        let all = quality[list].as_array().unwrap();
        all.iter().find(|one| one[key] == name).unwrap_or_else(|| panic!("{quality}")).clone()
    };
    let passed = &quality["passed"];
    let (good, refused) = (passed["good"].as_i64().unwrap(), passed["refused"].as_i64().unwrap());
    assert!(good > 100 && refused > 0, "{passed}");
    assert_eq!(passed["share"], good as f64 / (good + refused) as f64);
    assert_eq!(passed["is_met"], true);
    let letters = stage.app.get("/v1/dead-letters?limit=1000").await.ok();
    let letters = letters["items"].as_array().unwrap();
    for expectation in quality["expectations"].as_array().unwrap() {
        let is_of = |letter: &&Value| letter["expectation"] == expectation["name"];
        let is_told = expectation["scope"] == "candle";
        let open = if is_told { letters.iter().filter(is_of).count() } else { 0 };
        assert_eq!(expectation["open_letters"], open, "{expectation}");
    }
    assert_eq!(named("expectations", "name", "price_move")["thresholds"]["fx"][0], 40.0);
    let test = named("tests", "test", "high_covers_body");
    assert_eq!((&test["table"], &test["failures"]), (&json!("silver.market_data"), &json!(0)));
    stage.app.get("/v1/quality?a=1").await.problem_of("a", 422);
}
