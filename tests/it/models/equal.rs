//! Built bit by bit, with revisions and late candles in between, a table is what it is from scratch.

use std::fmt::Write;

use barkeep::{simulate::SimulationConfig, store::BuildOutcome};
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::{Stage, TOPS};
use crate::support::test_app::Setup;

const BTC: &str = "coinbase/BTCUSD/1m";

/// Every row as text, bit for bit.
async fn rows(stage: &Stage, table: &str) -> Vec<Value> {
    stage.sql(&format!("select * from {table} order by asset_pair, timeframe, timestamp")).await
}

#[tokio::test]
async fn bit_by_bit_is_as_from_scratch() {
    let simulation =
        SimulationConfig { revised: 0.6, no_trade: 0.1, ..SimulationConfig::default() };
    let setup = Setup { simulation, timeframes: "1m,5m", history: "6h", ..Setup::default() };
    let stage = Stage::with(setup, &[("tops.sql", TOPS)]).await;
    // The newest first, so that older candles come late.
    stage.tick(BTC, 1).await;
    stage.build().await;
    for minutes in [1, 1, 1, 2, 1, 1, 7, 1, 13] {
        stage.tick(BTC, minutes).await;
        stage.build().await;
    }
    stage.app.settle().await;
    stage.build().await;
    for minutes in [1, 1, 5, 1, 1, 2] {
        stage.tick(BTC, minutes).await;
        stage.tick("coinbase/BTCUSD/5m", 0).await;
        stage.build().await;
    }
    let revised = stage.one("select max(revision) as n from silver.market_data").await;
    assert!(revised["n"].as_i64().unwrap() > 0, "nothing was revised");
    for table in ["silver.market_data", "silver.tops"] {
        let bit_by_bit = rows(&stage, table).await;
        assert!(stage.builds(table).await.iter().filter(|build| !build.is_whole).count() > 4);
        stage.rebuild(table).await.unwrap();
        let from_scratch = rows(&stage, table).await;
        assert_eq!(bit_by_bit.len(), from_scratch.len());
        for (a, b) in bit_by_bit.iter().zip(&from_scratch) {
            assert_eq!(a, b, "{table}");
        }
    }
}

/// Candles `from..to` of a random walk, as a file; those for which `is_other` is true have another close.
fn file(from: i64, to: i64, is_other: impl Fn(i64) -> bool) -> String {
    let mut random = rand::rngs::StdRng::seed_from_u64(11);
    let mut price = 40_000.0;
    let mut text = "time,open,high,low,close,volume\n".to_owned();
    for minute in 0..to {
        let open: f64 = price;
        price = (open * (1.0 + 0.002 * random.random_range(-1.0..1.0_f64)) * 100.0).round() / 100.0;
        let close = if is_other(minute) { price + 25.0 } else { price };
        let (high, low) = (open.max(close) + 3.0, open.min(close) - 3.0);
        if minute >= from {
            let time = chrono::DateTime::from_timestamp(1_704_067_200 + minute * 60, 0).unwrap();
            let time = time.to_rfc3339();
            let _ = writeln!(text, "{time},{open:.2},{high:.2},{low:.2},{close:.2},1.5");
        }
    }
    text
}

#[tokio::test]
async fn indicators_over_thousands_of_candles_do_not_depend_on_when_they_came() {
    const SERIES: &str = "coinbase/XRPUSD/1m";
    let stage = Stage::with(Setup::default(), &[]).await;
    let same = |_| false;
    for (from, to) in [(0, 2_200), (2_200, 2_201), (2_300, 4_000), (4_000, 4_003), (2_200, 2_300)] {
        stage.app.import(&format!("{from}.csv"), &file(from, to, same), SERIES).await;
        stage.build().await;
    }
    // A revision of old candles, whose traces fade.
    stage.app.import("late.csv", &file(1_500, 1_510, |minute| minute == 1_504), SERIES).await;
    stage.build().await;
    let last = &stage.builds("silver.market_data_enriched").await[0];
    assert!(!last.is_whole && last.updated > 100, "{last:?}");
    assert_eq!(last.updated + last.unchanged, 1_001, "the candle and those that may see it");
    for table in ["silver.market_data_enriched", "silver.market_regime"] {
        let bit_by_bit = rows(&stage, table).await;
        assert!(bit_by_bit.len() > 3_900, "{}", bit_by_bit.len());
        stage.rebuild(table).await.unwrap();
        let from_scratch = rows(&stage, table).await;
        assert_eq!(bit_by_bit.len(), from_scratch.len());
        for (a, b) in bit_by_bit.iter().zip(&from_scratch) {
            assert_eq!(a, b, "{table}");
        }
    }
}

#[tokio::test]
async fn no_value_knows_of_a_later_candle() {
    const SERIES: &str = "coinbase/XRPUSD/1m";
    let until = async |to: i64| {
        let stage = Stage::with(Setup::default(), &[]).await;
        stage.app.import("a.csv", &file(0, to, |_| false), SERIES).await;
        stage.build().await;
        let query = "select * exclude (last_changed_at) from silver.market_data_enriched \
             where timestamp < '2024-01-01T05:00:00Z' order by timestamp";
        stage.sql(query).await
    };
    let (known_then, known_later) = (until(300).await, until(700).await);
    assert_eq!(known_then.len(), 300);
    assert_eq!(known_then, known_later);
}

#[tokio::test]
async fn late_candles_and_new_ones_may_give_no_rows_at_all() {
    const SERIES: &str = "coinbase/XRPUSD/1m";
    let never = TOPS.replace("silver.tops", "silver.never") + "where close < 0\n";
    let stage = Stage::with(Setup::default(), &[("never.sql", &never), ("tops.sql", TOPS)]).await;
    stage.app.import("a.csv", &file(0, 200, |_| false), SERIES).await;
    stage.build().await;
    // Days apart, so that they are built in two parts.
    stage.app.import("new.csv", &file(6_000, 6_010, |_| false), SERIES).await;
    stage.app.import("late.csv", &file(100, 110, |minute| minute == 104), SERIES).await;
    stage.build().await;
    for model in ["silver.never", "silver.tops"] {
        let last = &stage.builds(model).await[0];
        assert_ne!(last.outcome, BuildOutcome::Failed, "{last:?}");
        assert!(!last.is_whole);
    }
    assert_eq!(stage.one("select count(*) as n from silver.never").await["n"], 0);
    assert_eq!(stage.one("select count(*) as n from silver.tops").await["n"], 210);
}
