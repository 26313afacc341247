//! Every row of every provider reads back alone as it read within its answer.

use barkeep::{
    market::{Series, Window},
    providers::{Kept, Lane},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::support::test_app::{Setup, TestApp};

const SETTINGS: &[(&str, &str)] = &[
    ("INGEST__PROVIDERS", "coinbase,oanda,alpha_vantage"),
    ("PROVIDERS__OANDA__TOKEN", "token"),
    ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
    ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
];

fn kept(series: &Series, raw: Bytes, received_at: DateTime<Utc>) -> Kept {
    Kept {
        series: series.clone(),
        raw,
        is_row: true,
        source: "GET /it".to_owned(),
        extracted_at: received_at,
        made_at: received_at,
    }
}

#[tokio::test]
async fn a_row_alone_says_what_it_said_in_its_answer() {
    let setup = Setup { assets: "BTCUSD,EURUSD,IBM", settings: SETTINGS, ..Setup::default() };
    let app = TestApp::with(setup).await;
    let received_at = app.now();
    for name in [
        "coinbase/BTCUSD/1m",
        "oanda/EURUSD/1h",
        "alpha_vantage/IBM/15m",
        "alpha_vantage/IBM/1d",
        "alpha_vantage/EURUSD/1m",
        "alpha_vantage/EURUSD/1d",
        "alpha_vantage/BTCUSD/1h",
        "alpha_vantage/BTCUSD/1d",
    ] {
        let series: Series = name.parse().unwrap();
        let timeframe = series.timeframe;
        let provider = app.app.providers.get(&series.provider).unwrap();
        let end = timeframe.floor(received_at);
        let window = Window::new(end - timeframe.duration() * 90, end);
        let batch = app.run(provider.fetch(&series, window, Lane::Repair)).await.unwrap();
        assert!(batch.candles.len() > 4, "{name}: {}", batch.candles.len());
        for (n, candle) in batch.candles.iter().enumerate() {
            let raw = batch.raw.row(batch.rows[n]);
            let again = provider.reread(&kept(&series, raw.clone(), received_at)).unwrap();
            assert_eq!(again.candles.iter().collect::<Vec<_>>(), [candle], "{name}");
            assert_eq!(again.raw.row(again.rows[0]), raw, "{name}: the bytes are the same");
            assert_eq!(again.provenance.extracted_at, received_at);
            assert!(again.provenance.is_mock && !again.provenance.is_derived);
        }
    }
}

/// There was a key once, or the table came as JSON.
#[tokio::test]
async fn a_row_is_read_in_whichever_of_its_providers_forms_it_came() {
    let app = TestApp::with(Setup { settings: SETTINGS, ..Setup::default() }).await;
    let read = |series: &str, raw: &'static str| {
        let series: Series = series.parse().unwrap();
        let provider = app.app.providers.get(&series.provider).unwrap();
        let batch = provider.reread(&kept(&series, Bytes::from_static(raw.as_bytes()), app.now()));
        let batch = batch.unwrap();
        let candles: Vec<_> = batch.candles.iter().collect();
        candles.first().map(|c| (c.open_time.to_rfc3339(), c.close, c.volume))
    };
    let advanced = "{\"start\":\"1709719200\",\"low\":\"1\",\"high\":\"4\",\"open\":\"2\",\
                    \"close\":\"3\",\"volume\":\"0.5\"}";
    let ten = || "2024-03-06T10:00:00+00:00".to_owned();
    assert_eq!(read("coinbase/BTCUSD/1m", advanced), Some((ten(), 3.0, Some(0.5))));
    let json = "\"2024-03-05 10:00:00\": {\"1. open\": \"2\", \"2. high\": \"4\", \"3. low\": \"1\", \
                \"4. close\": \"3\", \"5. volume\": \"7\"}";
    let in_new_york = "2024-03-05T15:00:00+00:00".to_owned();
    assert_eq!(read("alpha_vantage/IBM/15m", json), Some((in_new_york, 3.0, Some(7.0))));
    // Without its volume a share's row was cut.
    assert_eq!(read("alpha_vantage/IBM/15m", "2024-03-05 10:00:00,2,4,1,3"), None);
    let row = "2024-03-06 10:00:00,2,4,1,3";
    assert_eq!(read("alpha_vantage/EURUSD/1m", row), Some((ten(), 3.0, None)));
}
