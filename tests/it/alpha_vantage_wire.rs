//! Alpha Vantage: what is asked, its tables, and its refusals that look like answers, over a real
//! socket through the real client.

use std::{path::Path, sync::Arc};

use barkeep::{
    market::{Calendars, RawBatch, Series, Timeframe, Window},
    providers::{AlphaVantage, Circuit, Lane, Provider, ProviderError},
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;

use crate::{
    loopback::{ALPHA_VANTAGE_KEY, JumpingClock, Loopback, alpha_vantage, answer},
    telling::told,
};

const LATER: &str = "2024-06-05T00:10:00Z";

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alpha_vantage"));
    std::fs::read(folder.join(name)).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn series(name: &str) -> Series {
    format!("alpha_vantage/{name}").parse().unwrap()
}

/// 3 and 4 June, and the day that runs.
fn window(series: &Series) -> Window {
    let three_days = Timeframe::D1.seconds() * 3 / series.timeframe.seconds();
    Window::of_candles(at("2024-06-03T00:00:00Z"), series.timeframe, three_days)
}

async fn fetched(provider: &AlphaVantage, name: &str) -> Result<RawBatch, ProviderError> {
    let series = series(name);
    provider.fetch(&series, window(&series), Lane::Live).await
}

/// A server that says one thing, and a client of it.
async fn saying(status: u16, name: &str) -> (Loopback, AlphaVantage, Arc<JumpingClock>) {
    let body = fixture(name);
    let server = Loopback::start(move |_| Some(answer(status, &[], body.clone()))).await;
    let clock = JumpingClock::at(at(LATER));
    let provider = alpha_vantage(&server.url, clock.clone(), |config| config.http.retries = 3);
    (server, provider, clock)
}

async fn told_of(name: &str, file: &str) -> String {
    let (_server, provider, _) = saying(200, file).await;
    let calendar = Calendars::REGULAR.of(series(name).instrument.asset_class());
    let settle = provider.settle(&series(name));
    told(fetched(&provider, name).await, calendar, settle)
}

#[tokio::test]
async fn tables_and_objects_read_as_documented() {
    assert_snapshot!("equity_csv", told_of("IBM/15m", "equity_15min.csv").await);
    assert_snapshot!("fx_json", told_of("EURUSD/1d", "fx_daily.json").await);
    assert_snapshot!("crypto_json", told_of("BTCUSD/15m", "crypto_15min.json").await);
    assert_snapshot!("crypto_csv", told_of("BTCUSD/1d", "crypto_daily.csv").await);
}

#[tokio::test]
async fn t20_t21_a_bad_row_costs_one_row() {
    assert_snapshot!("bad_rows", told_of("IBM/15m", "bad_rows.csv").await);
}

#[tokio::test]
async fn t05_what_is_asked_says_everything_and_the_key_stays_out_of_the_rows() {
    let (server, provider, _) = saying(200, "bad_rows.csv").await;
    let batch = fetched(&provider, "IBM/15m").await.unwrap();
    let question = "function=TIME_SERIES_INTRADAY&symbol=IBM&interval=15min&adjusted=false&\
                    extended_hours=false&outputsize=full&datatype=csv";
    let asked = server.requests()[0].to_string();
    assert_eq!(asked, format!("/query?{question}&apikey={ALPHA_VANTAGE_KEY}"));
    assert_eq!(&*batch.provenance.source, format!("GET /query?{question}"));
    assert!(!format!("{batch:?}").contains(ALPHA_VANTAGE_KEY));
}

/// What each refusal becomes, and whether it is asked again: none takes the key's place in a text.
#[tokio::test]
async fn t01_t02_t03_t16_refusals_with_status_200_are_told_apart_and_none_repeats_the_key() {
    let mut all = Vec::new();
    for (status, file, requests) in [
        (200, "minute.json", 4),
        (200, "burst.json", 4),
        (200, "new_words.json", 4),
        (200, "disguised.csv", 4),
        (200, "day.json", 1),
        (200, "bad_key.json", 1),
        (200, "premium.json", 1),
        (200, "invalid_call.json", 1),
        (200, "empty.json", 1),
        (200, "page.html", 4),
        (200, "torn.json", 4),
        (200, "close_stamped.csv", 4),
        (403, "page.html", 4),
        (406, "not_acceptable.json", 1),
        (503, "page.html", 4),
    ] {
        let (server, provider, _) = saying(status, file).await;
        let error = fetched(&provider, "IBM/15m").await.unwrap_err();
        assert_eq!(server.requests().len(), requests, "{file}");
        let shown = format!("{error:?} {error} {provider:?}");
        assert!(!shown.contains("XXXX"), "{shown}");
        let told = format!("{:?}: {error}", error.class());
        all.push(format!("{status} {file}, asked {requests}×\n  {told}"));
    }
    assert_snapshot!("refusals", all.join("\n"));
}

#[tokio::test]
async fn t02_a_bad_key_opens_the_circuit_and_throttling_does_not() {
    for (file, circuit) in [
        ("bad_key.json", Circuit::Open),
        ("minute.json", Circuit::Closed),
        ("burst.json", Circuit::Closed),
        ("day.json", Circuit::Closed),
        ("premium.json", Circuit::Closed),
    ] {
        let (server, provider, _) = saying(200, file).await;
        fetched(&provider, "IBM/15m").await.unwrap_err();
        assert_eq!(provider.client().circuit(), circuit, "{file}");
        let before = server.requests().len();
        let again = fetched(&provider, "IBM/15m").await.unwrap_err();
        let is_held = matches!(again, ProviderError::CircuitOpen { .. });
        assert_eq!(is_held, circuit == Circuit::Open, "{file}: {again:?}");
        assert!(!is_held || server.requests().len() == before);
    }
}

#[tokio::test]
async fn t01_t18_the_retry_waits_as_long_as_the_words_mean() {
    for (file, seconds) in [("minute.json", 60), ("burst.json", 2)] {
        let body = fixture(file);
        let times = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (clock, asked_at) = (JumpingClock::at(at(LATER)), times.clone());
        let watch = clock.clone();
        let server = Loopback::start(move |number| {
            asked_at.lock().unwrap().push(barkeep::clock::Clock::now(&*watch));
            let body = if number == 0 { body.clone() } else { fixture("equity_15min.csv") };
            Some(answer(200, &[], body))
        })
        .await;
        let provider = alpha_vantage(&server.url, clock, |config| config.http.retries = 1);
        assert_eq!(fetched(&provider, "IBM/15m").await.unwrap().candles.len(), 3);
        let times = times.lock().unwrap();
        let waited = times[1] - times[0];
        let bounds = TimeDelta::seconds(seconds)..TimeDelta::seconds(seconds + 65);
        assert!(bounds.contains(&waited), "{file}: {waited}");
    }
}

#[tokio::test]
async fn t04_a_used_up_day_is_over_at_midnight_and_nothing_is_asked_before() {
    let body = fixture("day.json");
    let server = Loopback::start(move |number| {
        let body = if number == 0 { body.clone() } else { fixture("equity_15min.csv") };
        Some(answer(200, &[], body))
    })
    .await;
    let clock = JumpingClock::at(at(LATER));
    let provider = alpha_vantage(&server.url, clock.clone(), |_| {});
    let midnight = at("2024-06-06T00:00:00Z");
    for now in [LATER, LATER, "2024-06-05T22:00:00Z"] {
        clock.set(at(now));
        let error = fetched(&provider, "IBM/15m").await.unwrap_err();
        assert!(matches!(error, ProviderError::Exhausted { until } if until == midnight));
        assert_eq!((error.until(), server.requests().len()), (Some(midnight), 1), "at {now}");
    }
    clock.set(midnight);
    assert_eq!(fetched(&provider, "IBM/15m").await.unwrap().candles.len(), 3);
}

#[tokio::test]
async fn t78_no_piece_of_the_key_is_left_where_a_long_text_is_cut() {
    for before in 180..=205 {
        let text = format!("{} {ALPHA_VANTAGE_KEY} is no apikey", "w".repeat(before));
        let body = format!("{{\"Error Message\": \"{text}\"}}");
        let server = Loopback::start(move |_| Some(answer(200, &[], body.clone()))).await;
        let provider = alpha_vantage(&server.url, JumpingClock::at(at(LATER)), |_| {});
        let error = fetched(&provider, "IBM/15m").await.unwrap_err();
        assert!(matches!(error, ProviderError::Unauthorized { .. }), "{error:?}");
        assert!(!error.to_string().contains('X'), "{error}");
    }
}

/// A backfill that has used up its share says so, and live polls still have theirs.
#[tokio::test]
async fn t04_what_is_kept_of_the_day_for_live_polls_is_theirs() {
    let server = Loopback::start(|_| Some(answer(200, &[], fixture("equity_15min.csv")))).await;
    let provider = alpha_vantage(&server.url, JumpingClock::at(at(LATER)), |config| {
        config.http.limits = vec!["25/day".parse().unwrap()];
    });
    let series = series("IBM/15m");
    let ask = |lane| provider.fetch(&series, window(&series), lane);
    for _ in 0..20 {
        ask(Lane::Backfill).await.unwrap();
    }
    for _ in 0..3 {
        let refused = ask(Lane::Backfill).await.unwrap_err();
        assert!(matches!(refused, ProviderError::Exhausted { .. }), "{refused:?}");
    }
    for _ in 0..5 {
        ask(Lane::Live).await.unwrap();
    }
    let refused = ask(Lane::Live).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Exhausted { .. }), "{refused:?}");
    assert_eq!(server.requests().len(), 25);
}

#[tokio::test]
async fn a_stock_is_asked_for_as_it_is_spelt_there() {
    let server = Loopback::start(|_| Some(answer(200, &[], fixture("equity_15min.csv")))).await;
    let provider = alpha_vantage(&server.url, JumpingClock::at(at(LATER)), |config| {
        config.symbols = [("BRKB".parse().unwrap(), "BRK-B".to_owned())].into();
    });
    let series = series("BRKB/15m");
    let window = window(&series);
    let batch = provider.fetch(&series, window, Lane::Live).await.unwrap();
    assert_eq!(batch.series, series, "ours stays ours");
    let asked = server.requests()[0].to_string();
    assert!(asked.contains("&symbol=BRK-B&"), "{asked}");
}

#[tokio::test]
async fn t19_another_shape_overnight_opens_the_circuit() {
    let body = String::from_utf8(fixture("equity_15min.csv")).unwrap().replace("open", "first");
    let server = Loopback::start(move |_| Some(answer(200, &[], body.clone()))).await;
    let provider = alpha_vantage(&server.url, JumpingClock::at(at(LATER)), |_| {});
    for _ in 0..5 {
        let error = fetched(&provider, "IBM/15m").await.unwrap_err();
        assert!(matches!(error, ProviderError::Malformed { .. }), "{error:?}");
    }
    let error = fetched(&provider, "IBM/15m").await.unwrap_err();
    assert!(matches!(error, ProviderError::CircuitOpen { .. }), "{error:?}");
    assert_eq!(server.requests().len(), 5);
}
