//! Recorded answers of Alpha Vantage.

use std::{fmt::Write, fs};

use barkeep::{
    market::{Series, Timeframe, Window},
    providers::{Lane, Provider, ProviderError},
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;

use super::{Stage, counted, quoted};
use crate::{
    corpus::corpus,
    loopback::{ALPHA_VANTAGE_KEY, alpha_vantage},
};

/// A Sunday; the index of the recordings has the minute.
const MAY_2026: &str = "2026-05-17T17:12:46Z";

/// File, series, when it was recorded.
type Known = (&'static str, &'static str, &'static str);

const CANDLES: [Known; 17] = [
    // The newest candle runs.
    ("CRYPTO_INTRADAY_38f15660.csv", "ETHUSD/5m", MAY_2026),
    ("DIGITAL_CURRENCY_DAILY_ffab6e21.csv", "BTCEUR/1d", MAY_2026),
    ("java_crypto_intraday.json", "ETHUSD/5m", "2025-08-24T15:41:00Z"),
    ("java_crypto_daily.json", "BTCEUR/1d", "2025-08-24T15:41:00Z"),
    // Without a price of its own to open with; the function is gone.
    ("romeltorres_mock_crypto_currencies.json", "BTCCNY/5m", "2017-12-20T19:31:00Z"),
    ("FX_DAILY_b7946c44.csv", "EURUSD/1d", MAY_2026),
    // Two candles after the week has closed.
    ("FX_INTRADAY_f0be5c32.csv", "EURUSD/5m", MAY_2026),
    ("java_forex_daily.json", "EURUSD/1d", "2020-05-06T21:57:00Z"),
    ("java_forex_intraday.json", "EURUSD/5m", "2020-05-06T21:57:00Z"),
    ("TIME_SERIES_DAILY_42a08190.csv", "IBM/1d", MAY_2026),
    ("TIME_SERIES_DAILY_ADJUSTED_572d0539.csv", "IBM/1d", MAY_2026),
    // Of a note that is no longer listed.
    ("daily_AMJ.csv", "AMJ/1d", "2020-08-22T12:00:00Z"),
    ("java_timeseries_daily.json", "IBM/1d", "2020-05-08T18:07:03Z"),
    ("java_timeseries_dailyadjusted.json", "IBM/1d", "2020-05-08T18:07:57Z"),
    ("java_timeseries_intraday.json", "IBM/5m", "2020-05-08T18:07:00Z"),
    ("openbb_cassette_intraday_15min_AAPL_20230131.csv", "AAPL/15m", "2024-02-10T00:00:00Z"),
    // Of 2017 and from inside the session: nothing shows whether it is of the open or the close.
    ("romeltorres_mock_time_series.json", "MSFT/1m", "2017-12-18T19:56:30Z"),
];

/// What has a candle where a session ends: stamps of the close, or more than regular hours.
const REFUSED_AS_A_WHOLE: [Known; 3] = [
    ("intraday_5min_IBM_older.csv", "IBM/5m", "2020-08-22T00:00:00Z"),
    ("romeltorres_mock_time_series_extended.csv", "MSFT/1m", "2020-12-19T12:00:00Z"),
    ("TIME_SERIES_INTRADAY_3dbdcdc7.csv", "IBM/5m", MAY_2026),
];

const NO_CANDLES: [&str; 18] = [
    "CURRENCY_EXCHANGE_RATE_82423f0b.json",
    "DIVIDENDS_5b9f5d9f.csv",
    "GLOBAL_QUOTE_db7544f0.csv",
    "LISTING_STATUS_42ba3c24.csv",
    "MARKET_STATUS_b3880d61.json",
    "NEWS_SENTIMENT_37784e1e.json",
    "REALTIME_BULK_QUOTES_505ed5cc.json",
    "SPLITS_358e2618.csv",
    "SYMBOL_SEARCH_c3e00cd4.csv",
    "java_crypto_rating.json",
    "java_timeseries_globalquote.json",
    "java_timeseries_monthly.json",
    "java_timeseries_monthlyadjusted.json",
    "java_timeseries_realtimebulkquote.json",
    "java_timeseries_weekly.json",
    "java_timeseries_weeklyadjusted.json",
    "romeltorres_global_quote.json",
    "romeltorres_mock_foreign_exchange.json",
];

#[tokio::test]
async fn recorded_candles_land_unless_they_run() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let mut all = String::new();
    for (name, series, now) in CANDLES {
        let body = fs::read_to_string(folder.join("alpha_vantage").join(name)).unwrap();
        let provider = alpha_vantage(stage.url(), stage.clock.clone(), |_| {});
        let series = format!("alpha_vantage/{series}");
        let counts = counted(stage.play(&provider, &series, now, &body).await);
        writeln!(all, "{name} as {series}: {counts}").unwrap();
    }
    assert_snapshot!("candles", all);
}

#[tokio::test]
async fn stamps_of_the_close_are_noticed_whatever_was_asked_for() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let mut all = String::new();
    for (name, series, now) in REFUSED_AS_A_WHOLE {
        let body = fs::read_to_string(folder.join("alpha_vantage").join(name)).unwrap();
        let provider = alpha_vantage(stage.url(), stage.clock.clone(), |_| {});
        let series = format!("alpha_vantage/{series}");
        let error = stage.play(&provider, &series, now, &body).await.unwrap_err();
        let ProviderError::Malformed { detail, body: kept } = error else { panic!("{error:?}") };
        assert_eq!(kept, body);
        writeln!(all, "{name} as {series}: {detail}").unwrap();
    }
    assert_snapshot!("stamps_of_the_close", all);
}

#[tokio::test]
async fn other_things_are_not_taken_for_candles() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let mut all = String::new();
    for name in NO_CANDLES {
        let body = fs::read_to_string(folder.join("alpha_vantage").join(name)).unwrap();
        let provider = alpha_vantage(stage.url(), stage.clock.clone(), |_| {});
        let outcome = stage.play(&provider, "alpha_vantage/IBM/1d", MAY_2026, &body).await;
        writeln!(all, "{name}: {}", outcome.unwrap_err()).unwrap();
    }
    assert_snapshot!("other_things", all);
}

#[tokio::test]
async fn t01_t02_t03_quoted_refusals_become_the_right_errors_and_none_repeats_the_key() {
    let Some(folder) = corpus() else { return };
    let stage = Stage::start().await;
    let mut all = String::new();
    let quoted = quoted(&folder.join("alpha_vantage/errors_verbatim.jsonl"));
    assert!(quoted.iter().any(|quoted| quoted.body.contains(ALPHA_VANTAGE_KEY)));
    for quoted in quoted {
        let now: DateTime<Utc> = "2026-01-06T15:00:00Z".parse().unwrap();
        stage.say(now, quoted.status().unwrap(), &quoted.body);
        let provider = alpha_vantage(stage.url(), stage.clock.clone(), |_| {});
        let series: Series = "alpha_vantage/IBM/5m".parse().unwrap();
        let window = Window::of_candles(now - TimeDelta::hours(1), Timeframe::M5, 10);
        let error = provider.fetch(&series, window, Lane::Live).await.unwrap_err();
        let kind = quoted.kind.as_str();
        let is_right = match &error {
            ProviderError::Exhausted { .. } => kind.starts_with("rate:day"),
            ProviderError::Throttled { .. } => {
                kind.starts_with("rate") && !kind.starts_with("rate:day")
            }
            ProviderError::Unauthorized { .. } => kind == "permanent: key",
            ProviderError::NotInPlan { .. } => kind == "permanent: plan",
            ProviderError::UnknownSymbol { .. } => {
                kind.contains("unknown symbol") || kind.starts_with("no data for symbol")
            }
            ProviderError::Rejected { status, .. } => *status == 406,
            _ => false,
        };
        assert!(is_right, "{} is {kind}: {error:?}", quoted.id);
        assert!(!format!("{error:?} {error}").contains(ALPHA_VANTAGE_KEY), "{error:?}");
        let after = error.retry_after().map(|wait| format!(", for {wait:?}")).unwrap_or_default();
        writeln!(all, "{}: {error}{after}", quoted.id).unwrap();
    }
    assert_snapshot!("quoted_refusals", all);
}
