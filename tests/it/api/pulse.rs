//! The pulse: what it says is what the lake says, and it never passes off what is old or not there.

use serde_json::Value;

use crate::support::test_app::{Setup, TestApp, seconds};

async fn settled(timeframes: &'static str) -> TestApp {
    let app = TestApp::with(Setup { timeframes, history: "20h", ..Setup::default() }).await;
    app.settle().await;
    app
}

#[tokio::test]
async fn it_has_the_values_of_the_enriched_table_and_the_names_that_readers_use() {
    let app = settled("1m,5m,1h").await;
    let pulse = app.get("/v1/pulse/btc-usd").await.ok();
    while app.app.models.build_due().await.unwrap() > 0 {
        app.clock.advance(seconds(6));
    }
    for timeframe in ["1m", "5m"] {
        let said = &pulse["timeframes"][timeframe];
        let query = format!(
            "select rsi_14, macd_line, macd_histogram, bb_upper, percent_b, adx_14, atr_14, \
             volatility, close, timestamp from silver.market_data_enriched \
             where timeframe = '{timeframe}' order by timestamp desc limit 1"
        );
        let rows = app.post("/v1/sql", &serde_json::json!({ "query": query })).await.ok();
        let row = &rows["rows"][0];
        let pairs = [
            (&said["rsi"], "rsi_14"),
            (&said["macd"]["macd"], "macd_line"),
            (&said["macd"]["histogram"], "macd_histogram"),
            (&said["bollinger_bands"]["upper"], "bb_upper"),
            (&said["bollinger_bands"]["percent_b"], "percent_b"),
            (&said["adx"]["adx"], "adx_14"),
            (&said["atr"], "atr_14"),
            (&said["volatility"], "volatility"),
            (&said["close"], "close"),
            (&said["open_time"], "timestamp"),
        ];
        for (own, name) in pairs {
            assert!(!own.is_null(), "{timeframe} {name}");
            assert_eq!(own, &row[name], "{timeframe} {name}");
        }
        assert_eq!(said["verdict"], "fresh");
        assert_eq!(said["source_provider"], "coinbase");
    }
    assert_eq!(pulse["missing_timeframes"], serde_json::json!(["15m", "4h", "1d"]));
    assert_eq!((&pulse["asset_type"], &pulse["market_status"]), (&"crypto".into(), &"open".into()));
    assert_eq!(pulse["timeframes"]["1h"]["trend"], "unknown", "twenty hours are too few");
}

#[tokio::test]
async fn it_is_told_from_memory_until_something_lands_and_then_anew() {
    let app = settled("1m").await;
    let first = app.get("/v1/pulse/BTCUSD").await.ok();
    let table = app.app.lake.candles(barkeep::market::Timeframe::M1);
    let folder = std::path::PathBuf::from(table.place());
    let hidden = folder.with_extension("hidden");
    std::fs::rename(&folder, &hidden).unwrap();
    let again = app.get("/v1/pulse/BTCUSD").await.ok();
    std::fs::rename(&hidden, &folder).unwrap();
    assert_eq!(first["timeframes"], again["timeframes"], "the disk is not asked");
    app.clock.advance(seconds(60));
    app.poll("coinbase/BTCUSD/1m").await.unwrap();
    let next = app.get("/v1/pulse/BTCUSD").await.ok();
    let open_time = |pulse: &Value| pulse["timeframes"]["1m"]["open_time"].clone();
    assert_ne!(open_time(&first), open_time(&next));
}

#[tokio::test]
async fn what_is_old_says_so_and_what_is_not_there_is_no_guess() {
    let app = TestApp::start().await;
    let nothing = app.get("/v1/pulse/BTCUSD").await.ok();
    assert_eq!(nothing["verdict"], "unknown");
    assert!(nothing["age_seconds"].is_null() && nothing["latest_market_data_timestamp"].is_null());
    assert_eq!(nothing["trend_alignment"]["direction"], "unknown");
    app.settle().await;
    app.clock.advance(seconds(3_600));
    let old = app.get("/v1/pulse/BTCUSD").await.ok();
    assert_eq!(old["verdict"], "stale");
    assert!(old["age_seconds"].as_i64().unwrap() > 3_600, "{old}");
    app.get("/v1/pulse/DOGEUSD").await.problem_of("an asset that nobody keeps", 404);
}
