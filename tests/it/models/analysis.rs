//! The analysis over timeframes: at the newest slot it is what the pulse says, and it is built in bits.

use serde_json::Value;

use super::Stage;
use crate::support::test_app::Setup;

#[tokio::test]
async fn the_newest_slot_is_the_pulse_and_bits_are_the_whole() {
    let setup = Setup {
        now: "2024-03-06T12:00:30Z",
        timeframes: "1m,5m,15m,1h",
        history: "3d",
        ..Setup::default()
    };
    let stage = Stage::with(setup, &[]).await;
    stage.app.settle().await;
    stage.build().await;
    let pulse = stage.app.get("/v1/pulse/BTCUSD").await.ok();
    let newest = "select * from silver.multi_timeframe_analysis order by timestamp desc limit 1";
    let row = stage.one(newest).await;
    for timeframe in ["1m", "5m", "15m", "1h"] {
        let said = &pulse["timeframes"][timeframe];
        let of = |name: &str| row[format!("{name}_{timeframe}")].clone();
        assert_eq!(of("direction"), said["trend"], "{timeframe}");
        let difference =
            of("strength").as_f64().unwrap() - said["trend_strength"].as_f64().unwrap();
        assert!(difference.abs() < 1e-9, "{timeframe} {difference}");
        assert_eq!(of("signal_strength"), said["signal_strength"], "{timeframe}");
    }
    let alignment = &pulse["trend_alignment"];
    assert_eq!(row["direction"], alignment["direction"]);
    assert_eq!(row["confluence_strength"], alignment["confluence_strength"]);
    assert_eq!(row["entry_signal"], pulse["entry_signals"]["overall"]);
    assert_eq!(row["direction_4h"], Value::Null);

    stage.tick("coinbase/BTCUSD/1m", 7).await;
    stage.tick("coinbase/BTCUSD/5m", 0).await;
    stage.build().await;
    let all = "select * from silver.multi_timeframe_analysis order by timestamp";
    let in_bits = stage.sql(all).await;
    assert!(in_bits.len() > 700, "{}", in_bits.len());
    stage.rebuild("silver.multi_timeframe_analysis").await.unwrap();
    assert_eq!(in_bits, stage.sql(all).await);
}
