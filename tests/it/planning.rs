//! How few requests a history takes: ten assets, six timeframes, ninety days, of each provider.
//!
//! The least that can do is, for a provider whose page holds `p` candles, the number of windows of
//! `p` candles that cover every candle expected: ⌈n ∕ p⌉ where the market never closes. Alpha
//! Vantage answers by calendar month of New York (equities) or with all it has (the rest).

use std::{collections::BTreeSet, collections::HashMap, sync::Arc};

use barkeep::{
    clock::{Clock, ManualClock},
    config::Config,
    market::{Series, Timeframe, Window},
    providers::{Context, Origin, Provider, Providers},
    telemetry::Metrics,
};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::America::New_York;

const CRYPTO: [&str; 10] = [
    "BTCUSD", "ETHUSD", "SOLUSD", "ADAUSD", "DOGEUSD", "LTCUSD", "LINKUSD", "AVAXUSD", "DOTUSD",
    "XRPUSD",
];
const FX: [&str; 10] = [
    "EURUSD", "GBPUSD", "USDJPY", "USDCHF", "AUDUSD", "USDCAD", "NZDUSD", "EURGBP", "EURJPY",
    "XAUUSD",
];
const EQUITIES: [&str; 10] =
    ["IBM", "AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "META", "TSLA", "JPM", "XOM"];

fn now() -> DateTime<Utc> {
    "2026-11-24T15:00:00Z".parse().unwrap()
}

fn config() -> Config {
    let keys = [
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "a-key"),
        ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
        ("PROVIDERS__OANDA__TOKEN", "a-token"),
    ];
    let keys = keys.map(|(name, value)| (format!("BARKEEP__{name}"), value.to_owned()));
    Config::from_layers(None, HashMap::from(keys)).unwrap()
}

/// Requests for ninety days of a series, and the candles they are to bring.
fn plan(provider: &dyn Provider, series: &Series, config: &Config) -> (usize, Vec<DateTime<Utc>>) {
    let timeframe = series.timeframe;
    let end = timeframe.floor(now() - provider.settle(series));
    let wanted = timeframe.floor(now() - TimeDelta::days(90));
    let reach = provider.reaches_back_to(series, now());
    let start = reach.map_or(wanted, |reach| wanted.max(timeframe.ceil(reach)));
    let calendar = provider.calendar(series, config.calendars);
    let runs = calendar.expected(Window::new(start, end), timeframe);
    let candles = runs.iter().flat_map(|run| run.open_times(timeframe)).collect();
    (provider.pages(series, &runs).len(), candles)
}

/// The first window begins with the first candle, the next with the first it does not reach.
fn windows(candles: &[DateTime<Utc>], timeframe: Timeframe, page: i64) -> usize {
    let (mut count, mut until) = (0, DateTime::<Utc>::MIN_UTC);
    for open_time in candles {
        if *open_time >= until {
            count += 1;
            until = *open_time + TimeDelta::seconds(timeframe.seconds() * page);
        }
    }
    count
}

fn months(candles: &[DateTime<Utc>]) -> usize {
    let month = |at: &DateTime<Utc>| {
        let local = at.with_timezone(&New_York);
        (local.year(), local.month())
    };
    candles.iter().map(month).collect::<BTreeSet<_>>().len()
}

#[test]
fn ninety_days_of_ten_assets_in_six_timeframes_take_the_fewest_requests_there_can_be() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = config();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(now()));
    let context = Context { clock: &clock, metrics: &Metrics::new().unwrap(), spend_log: None };
    let providers = Providers::open(&config.providers, &context).unwrap();
    for (provider, assets, expected) in [
        // 432 + 87 + 29 + 8 + 1 each; 4h is derived.
        ("coinbase", CRYPTO, 5_570),
        // 26 + 6 + 2 + 1 + 1 + 1 each.
        ("oanda", FX, 370),
        // Four months of 1m, 5m and 15m and one answer of days each; 1h and 4h are derived.
        ("alpha_vantage", EQUITIES, 130),
        // One answer for each timeframe that is there, which goes back a month.
        ("alpha_vantage", FX, 50),
    ] {
        let provider = providers.get(&provider.parse().unwrap()).unwrap().as_ref();
        let mut total = 0;
        for (asset, timeframe) in
            assets.iter().flat_map(|asset| Timeframe::ALL.map(|timeframe| (asset, timeframe)))
        {
            let instrument = asset.parse().unwrap();
            let series = Series { provider: provider.id().clone(), instrument, timeframe };
            if provider.offers(&series) != Some(Origin::Native) {
                continue;
            }
            let (requests, candles) = plan(provider, &series, &config);
            let least = match (provider.id().as_str(), timeframe) {
                ("alpha_vantage", Timeframe::D1) => 1,
                ("alpha_vantage", _) if assets == FX => 1,
                ("alpha_vantage", _) => months(&candles),
                _ => windows(&candles, timeframe, provider.page_candles(&series)),
            };
            assert_eq!(requests, least, "{series}");
            total += requests;
        }
        println!("{:14} {} … {}: {total} requests", provider.id(), assets[0], assets[9]);
        assert_eq!(total, expected, "{} {}", provider.id(), assets[0]);
    }
}
