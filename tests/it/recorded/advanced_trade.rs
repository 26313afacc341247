//! Recorded answers of Coinbase Advanced Trade.

use std::{fmt::Write, fs};

use barkeep::{
    market::{Series, Timeframe, Window},
    providers::{Lane, Provider, ProviderError},
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;

use super::{Stage, counted, quoted};
use crate::{corpus::corpus, loopback::advanced_trade};

/// File, series, when it was recorded at the latest.
const PAGES: [(&str, &str, &str); 4] = [
    ("nautilus_http_candles.json", "BTCUSD/1h", "2024-04-04T03:00:00Z"),
    // Years of candles, sewn together from pages.
    ("ta4j_Coinbase-BTC-USD-PT1D-20230616_20231011.json", "BTCUSD/1d", "2023-10-11T12:00:00Z"),
    ("ta4j_Coinbase-BTC-USD-PT4H-20160518_20251028.json", "BTCUSD/4h", "2025-10-28T12:00:00Z"),
    // Its one candle begins at ten seconds past a minute: somebody made it up.
    ("jkorf_ExchangeData_GetKlines.txt", "ETHUSD/1m", "2021-12-15T00:00:00Z"),
];

#[tokio::test]
async fn recorded_candles_read_whole() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let provider = advanced_trade(stage.url(), stage.clock.clone(), |_| {});
    let mut all = String::new();
    for (name, series, now) in PAGES {
        let text = fs::read_to_string(folder.join("coinbase").join(name)).unwrap();
        let body = &text[text.find('{').unwrap()..];
        let series = format!("coinbase/{series}");
        let counts = counted(stage.play(&provider, &series, now, body).await);
        writeln!(all, "{name} as {series}: {counts}").unwrap();
    }
    assert_snapshot!("candles", all);
}

#[tokio::test]
async fn quoted_refusals_become_the_right_errors() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let mut all = String::new();
    let quoted = quoted(&folder.join("coinbase/errors_verbatim.jsonl"));
    for quoted in quoted.into_iter().filter(|quoted| quoted.id.starts_with("at_")) {
        let Some(status) = quoted.status() else { continue };
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        stage.say(now, status, &quoted.body);
        let provider = advanced_trade(stage.url(), stage.clock.clone(), |_| {});
        let series: Series = "coinbase/BTCUSD/4h".parse().unwrap();
        let window = Window::of_candles(now - TimeDelta::days(1), Timeframe::H4, 6);
        let error = provider.fetch(&series, window, Lane::Live).await.unwrap_err();
        let is_right = match status {
            404 => matches!(error, ProviderError::UnknownSymbol { .. }),
            401 => matches!(error, ProviderError::Unauthorized { .. }),
            429 => matches!(error, ProviderError::Throttled { .. }),
            _ => matches!(error, ProviderError::Rejected { status: told, .. } if told == status),
        };
        assert!(is_right, "{}: {error:?}", quoted.id);
        writeln!(all, "{}: {error}", quoted.id).unwrap();
    }
    assert_snapshot!("quoted_refusals", all);
}
