//! Oanda: what is asked, and its answers, good and bad, over a real socket through the real client.

use std::{path::Path, time::Duration};

use barkeep::{
    config::PriceSide,
    market::{Calendar, RawBatch, Series, Timeframe, Window},
    providers::{Circuit, Lane, Provider, ProviderError},
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use url::Url;

use crate::{
    loopback::{JumpingClock, Loopback, answer, oanda},
    telling::told,
};

const LATER: &str = "2024-06-05T00:00:00Z";

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/oanda"));
    std::fs::read(folder.join(name)).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn series(name: &str) -> Series {
    format!("oanda/{name}").parse().unwrap()
}

/// The hour from noon.
fn window() -> Window {
    Window::of_candles(at("2024-06-04T12:00:00Z"), Timeframe::M1, 60)
}

async fn fetched(url: &Url, price: PriceSide) -> Result<RawBatch, ProviderError> {
    let provider = oanda(url, JumpingClock::at(at(LATER)), |config| config.price = price);
    provider.fetch(&series("EURUSD/1m"), window(), Lane::Live).await
}

async fn told_of(price: PriceSide, status: u16, name: &str) -> String {
    let body = fixture(name);
    let server = Loopback::start(move |_| Some(answer(status, &[], body.clone()))).await;
    told(fetched(&server.url, price).await, Calendar::FxWeek, TimeDelta::seconds(5))
}

/// The parameters of the one question about `window`, asked at `now`.
async fn question(now: &str, name: &str, window: Window) -> Vec<(String, String)> {
    let server = Loopback::start(|_| Some(answer(200, &[], "{\"candles\":[]}"))).await;
    let provider = oanda(&server.url, JumpingClock::at(at(now)), |_| {});
    provider.fetch(&series(name), window, Lane::Live).await.unwrap();
    let asked = server.url.join(&server.requests()[0].to_string()).unwrap();
    asked.query_pairs().into_owned().collect()
}

fn parameter(question: &[(String, String)], name: &str) -> String {
    question.iter().find(|(key, _)| key == name).unwrap().1.clone()
}

#[tokio::test]
async fn t10_a_page_reads_as_documented_for_each_price_without_the_candle_that_runs() {
    assert_snapshot!("mid", told_of(PriceSide::Mid, 200, "page.json").await);
    assert_snapshot!("bid", told_of(PriceSide::Bid, 200, "page.json").await);
    assert_snapshot!("ask", told_of(PriceSide::Ask, 200, "page.json").await);
    let empty = told_of(PriceSide::Mid, 200, "empty.json").await;
    assert_eq!(empty, "0 unfinished, 0 repeated\n");
}

#[tokio::test]
async fn t20_t21_a_bad_row_costs_one_row() {
    assert_snapshot!("bad_rows", told_of(PriceSide::Mid, 200, "bad_rows.json").await);
}

#[tokio::test]
async fn t12_days_and_4h_candles_are_asked_for_by_the_utc_day_and_everything_is_said() {
    let day = Window::of_candles(at("2024-06-03T00:00:00Z"), Timeframe::D1, 2);
    let question = question(LATER, "XAUUSD/1d", day).await;
    let expected = [
        ("granularity", "D"),
        ("price", "M"),
        ("from", "2024-06-03T00:00:00Z"),
        ("to", "2024-06-04T23:59:55Z"),
        ("includeFirst", "true"),
        ("smooth", "false"),
        ("dailyAlignment", "0"),
        ("alignmentTimezone", "UTC"),
    ];
    assert_eq!(question, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn t11_the_end_is_never_in_oandas_future_even_if_our_clock_is_ahead_by_a_little() {
    // The window ends at 13:00, and the candle that opens then is not wanted.
    for (now, to) in [
        ("2024-06-04T14:00:00Z", "2024-06-04T12:59:59Z"),
        ("2024-06-04T13:00:04Z", "2024-06-04T12:59:59Z"),
        ("2024-06-04T13:00:00Z", "2024-06-04T12:59:55Z"),
        ("2024-06-04T12:30:00.9Z", "2024-06-04T12:29:55Z"),
        // From here on our own clock is behind; the question stays in order.
        ("2024-06-04T12:00:02Z", "2024-06-04T12:00:00Z"),
        ("2024-06-04T11:55:00Z", "2024-06-04T12:00:00Z"),
    ] {
        let question = question(now, "EURUSD/1m", window()).await;
        assert_eq!(parameter(&question, "to"), to, "at {now}");
        assert_eq!(parameter(&question, "from"), "2024-06-04T12:00:00Z");
    }
}

#[tokio::test]
async fn t11_a_clock_five_minutes_ahead_is_told_so_once_and_asks_by_oandas_from_then_on() {
    let theirs = at("2024-06-04T13:00:00Z");
    let date = theirs.to_rfc2822().replace("+0000", "GMT");
    let server = Loopback::start(move |number| {
        let (status, name) = if number == 0 { (400, "future.json") } else { (200, "page.json") };
        Some(answer(status, &[("date", &date)], fixture(name)))
    })
    .await;
    let clock = JumpingClock::at(theirs + TimeDelta::minutes(5));
    let provider = oanda(&server.url, clock, |_| {});
    let asked = series("EURUSD/1m");
    let until_now = Window::new(window().start, theirs + TimeDelta::minutes(4));
    for _ in 0..2 {
        provider.fetch(&asked, until_now, Lane::Live).await.unwrap();
    }
    let to = |uri: &axum::http::Uri| {
        let url = server.url.join(&uri.to_string()).unwrap();
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        parameter(&pairs, "to")
    };
    let asked: Vec<String> = server.requests().iter().map(to).collect();
    let ours = "2024-06-04T13:03:59Z";
    assert_eq!(asked, [ours, "2024-06-04T12:59:55Z", "2024-06-04T12:59:55Z"]);
    assert_eq!(provider.client().skew().unwrap().num_seconds(), -299);
}

#[tokio::test]
async fn the_token_goes_into_the_header_and_nowhere_else() {
    let echo = "{\"errorMessage\":\"a-token-of-a-test is not welcome\"}";
    let server = Loopback::start(move |_| Some(answer(403, &[], echo))).await;
    let error = fetched(&server.url.join("/proxy/").unwrap(), PriceSide::Mid).await.unwrap_err();
    assert_eq!(server.bearers(), ["a-token-of-a-test"]);
    let asked = server.requests()[0].to_string();
    assert!(asked.starts_with("/proxy/v3/instruments/EUR_USD/candles?"), "{asked}");
    let shown = format!("{asked} {error} {error:?}");
    assert!(!shown.contains("of-a-test") && shown.contains("[redacted] is not welcome"), "{shown}");
}

#[tokio::test]
async fn t16_refusals_keep_the_providers_words() {
    let mut all = Vec::new();
    for (status, name) in [
        (400, "bad_instrument.json"),
        (400, "too_many.json"),
        (400, "future.json"),
        (401, "unauthorized.json"),
        (403, "gateway.html"),
        (404, "bad_instrument.json"),
        (429, "empty.json"),
        (502, "gateway.html"),
        (504, "gateway.html"),
        (302, "empty.json"),
        (200, "torn.json"),
        (200, "gateway.html"),
        (200, "unauthorized.json"),
    ] {
        let told = told_of(PriceSide::Mid, status, name).await;
        all.push(format!("{status} {name}\n  {told}"));
    }
    assert_snapshot!("refusals", all.join("\n"));
}

#[tokio::test]
async fn t18_a_burst_of_failures_is_outlasted_and_what_is_final_is_not_repeated() {
    for (status, name, requests) in [
        (503, "gateway.html", 4),
        (429, "empty.json", 4),
        (200, "torn.json", 4),
        (400, "too_many.json", 1),
        (401, "unauthorized.json", 1),
    ] {
        let body = fixture(name);
        let server = Loopback::start(move |number| {
            Some(if number < 3 || requests == 1 {
                answer(status, &[("retry-after", "7")], body.clone())
            } else {
                answer(200, &[], fixture("page.json"))
            })
        })
        .await;
        let clock = JumpingClock::at(at(LATER));
        let provider = oanda(&server.url, clock.clone(), |config| config.http.retries = 3);
        let outcome = provider.fetch(&series("EURUSD/1m"), window(), Lane::Live).await;
        assert_eq!((outcome.is_ok(), server.requests().len()), (requests > 1, requests), "{name}");
        if status == 429 {
            assert!(clock.waits().iter().any(|wait| *wait >= Duration::from_secs(7)));
        }
    }
}

#[tokio::test]
async fn t17_silence_is_given_up_after_the_configured_time() {
    let server = Loopback::start(|_| None).await;
    let provider = oanda(&server.url, JumpingClock::at(at(LATER)), |config| {
        config.http.request_timeout = Duration::from_millis(100);
    });
    let error = provider.fetch(&series("EURUSD/1m"), window(), Lane::Live).await.unwrap_err();
    assert!(matches!(error, ProviderError::TimedOut), "{error:?}");
}

#[tokio::test]
async fn t19_a_shape_that_changed_overnight_opens_the_circuit_and_its_return_closes_it() {
    let page = String::from_utf8(fixture("page.json")).unwrap();
    let changed = page.replace("\"candles\"", "\"bars\"");
    let server = Loopback::start(move |number| {
        Some(if number < 5 {
            answer(200, &[], changed.clone())
        } else {
            answer(200, &[], fixture("page.json"))
        })
    })
    .await;
    let clock = JumpingClock::at(at(LATER));
    let provider = oanda(&server.url, clock.clone(), |_| {});
    let asked = series("EURUSD/1m");
    let ask = || provider.fetch(&asked, window(), Lane::Live);
    for _ in 0..5 {
        assert!(matches!(ask().await.unwrap_err(), ProviderError::Malformed { .. }));
    }
    let error = ask().await.unwrap_err();
    let ProviderError::CircuitOpen { until } = error else { panic!("{error:?}") };
    assert_eq!(server.requests().len(), 5, "the sixth question was asked");
    clock.set(until);
    assert_eq!(ask().await.unwrap().candles.len(), 2);
    assert_eq!(provider.client().circuit(), Circuit::Closed);
}
