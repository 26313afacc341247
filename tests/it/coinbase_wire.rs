//! Coinbase's answers, good and bad, over a real socket through the real client.

use std::{
    fmt::Write,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{body::Body, response::Response};
use barkeep::{
    clock::Clock,
    error::chain,
    market::{Calendar, RawBatch, Series, Timeframe, Window},
    providers::{Lane, Provider, ProviderError},
    quality::validate,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use tokio::net::TcpListener;
use url::Url;

use crate::loopback::{JumpingClock, Loopback, answer, coinbase};

const PAGE: &[u8] = include_bytes!("../fixtures/coinbase/page.json");

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/coinbase"));
    std::fs::read(folder.join(name)).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn minutes() -> Series {
    "coinbase/BTCUSD/1m".parse().unwrap()
}

/// The five hours from midnight, a full page.
fn page_window() -> Window {
    Window::of_candles(at("2024-06-01T00:00:00Z"), Timeframe::M1, 300)
}

async fn fetched(clock: Arc<JumpingClock>, url: &Url) -> Result<RawBatch, ProviderError> {
    coinbase(url, clock, |_| {}).fetch(&minutes(), page_window(), Lane::Live).await
}

/// What the decoder and the validator make of one answer.
async fn told(now: &str, status: u16, body: Vec<u8>) -> String {
    let server = Loopback::start(move |_| Some(answer(status, &[], body.clone()))).await;
    let outcome = fetched(JumpingClock::at(at(now)), &server.url).await;
    crate::telling::told(outcome, Calendar::Always, TimeDelta::seconds(75))
}

const LATER: &str = "2024-06-02T00:00:00Z";

#[tokio::test]
async fn a_page_reads_as_documented() {
    assert_snapshot!("page", told(LATER, 200, PAGE.to_vec()).await);
    assert_snapshot!("empty", told(LATER, 200, fixture("empty.json")).await);
    assert_snapshot!("floats", told(LATER, 200, fixture("floats.json")).await);
    assert_snapshot!("bad_rows", told(LATER, 200, fixture("bad_rows.json")).await);
}

/// Ours is ahead, or the answer was kept on the way: what it calls the newest was running then.
#[tokio::test]
async fn t11_what_was_running_by_the_providers_clock_is_not_closed_by_ours() {
    for (made_at, unfinished) in [
        ("Sat, 01 Jun 2024 01:00:30 GMT", 2),
        ("Sat, 01 Jun 2024 01:01:15 GMT", 1),
        ("Sat, 01 Jun 2024 01:02:15 GMT", 0),
        // Their clock is ahead of ours: ours decides.
        ("Sat, 01 Jun 2024 09:00:00 GMT", 0),
    ] {
        let body = fixture("running.json");
        let server =
            Loopback::start(move |_| Some(answer(200, &[("date", made_at)], body.clone()))).await;
        let ours = JumpingClock::at(at("2024-06-01T01:06:00Z"));
        let outcome = fetched(ours, &server.url).await;
        let told = crate::telling::told(outcome, Calendar::Always, TimeDelta::seconds(75));
        assert!(told.ends_with(&format!("\n{unfinished} unfinished, 0 repeated\n")), "{told}");
    }
}

#[tokio::test]
async fn a_running_candle_waits_until_it_has_settled() {
    let body = fixture("running.json");
    // The newest candle opened at 01:00; the one before closed then, so it settles at 01:01:15.
    for (now, unfinished) in [
        ("2024-06-01T01:00:30Z", 2),
        ("2024-06-01T01:01:14Z", 2),
        ("2024-06-01T01:01:15Z", 1),
        ("2024-06-01T01:02:15Z", 0),
    ] {
        let told = told(now, 200, body.clone()).await;
        assert!(told.ends_with(&format!("\n{unfinished} unfinished, 0 repeated\n")), "{told}");
        assert_eq!(told.lines().count(), 5 - unfinished, "at {now}: {told}");
    }
}

#[tokio::test]
async fn a_row_more_than_asked_for_is_refused_alone() {
    let told = told(LATER, 200, fixture("page_of_301.json")).await;
    let lines: Vec<_> = told.lines().collect();
    assert!(lines[..300].iter().all(|line| line.starts_with("2024-06-01")));
    assert_snapshot!("row_before_the_window", lines[299..].join("\n"));
}

#[tokio::test]
async fn t16_a_page_that_is_no_list_is_malformed() {
    for name in ["torn.json", "login.html", "not_found.json"] {
        let (body, sent) = (fixture(name), fixture(name));
        let server = Loopback::start(move |_| Some(answer(200, &[], sent.clone()))).await;
        let error = fetched(JumpingClock::at(at(LATER)), &server.url).await.unwrap_err();
        let ProviderError::Malformed { body: kept, .. } = error else { panic!("{name}: {error}") };
        assert_eq!(kept, body, "{name}");
    }
}

#[tokio::test]
async fn refusals_keep_the_providers_words() {
    let mut all = String::new();
    for (status, name) in [
        (404, "not_found.json"),
        (400, "too_many.json"),
        (401, "unauthorized.txt"),
        (403, "login.html"),
        (429, "throttled.json"),
        (302, "empty.json"),
        (500, "empty.json"),
        (503, "login.html"),
        (200, "torn.json"),
        (200, "login.html"),
    ] {
        writeln!(all, "{status} {name}\n  {}", told(LATER, status, fixture(name)).await).unwrap();
    }
    assert_snapshot!("refusals", all);
}

#[tokio::test]
async fn the_question_is_one_page_with_inclusive_bounds_below_any_base_path() {
    let server = Loopback::start(|_| Some(answer(200, &[], "[]"))).await;
    fetched(JumpingClock::at(at(LATER)), &server.url).await.unwrap();
    fetched(JumpingClock::at(at(LATER)), &server.url.join("/proxy/").unwrap()).await.unwrap();
    let question = "/products/BTC-USD/candles?granularity=60&start=1717200000&end=1717217940";
    let asked: Vec<_> = server.requests().iter().map(ToString::to_string).collect();
    assert_eq!(asked, [question.to_owned(), format!("/proxy{question}")]);
}

#[tokio::test]
async fn t17_silence_is_given_up_after_the_configured_time() {
    let stuck = || Body::from_stream(futures::stream::pending::<std::io::Result<Bytes>>());
    let silent = Loopback::start(|_| None).await;
    let slow_body = Loopback::start(move |_| Some(answer(200, &[], stuck()))).await;
    for server in [silent, slow_body] {
        let clock = JumpingClock::at(at(LATER));
        let provider = coinbase(&server.url, clock, |config| {
            config.http.request_timeout = Duration::from_millis(150);
            config.http.retries = 1;
        });
        let from = Instant::now();
        let error = provider.fetch(&minutes(), page_window(), Lane::Live).await.unwrap_err();
        assert!(matches!(error, ProviderError::TimedOut), "{error:?}");
        let twice = Duration::from_millis(300)..Duration::from_secs(10);
        assert!(twice.contains(&from.elapsed()), "{:?}", from.elapsed());
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn t17_nobody_there_and_a_connection_cut_short_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let half = || -> [std::io::Result<Bytes>; 2] {
        [Ok(Bytes::from_static(b"[[17172")), Err(std::io::ErrorKind::ConnectionReset.into())]
    };
    let body = move || Body::from_stream(futures::stream::iter(half()));
    let cut = Loopback::start(move |_| Some(answer(200, &[], body()))).await;
    for url in [refused, cut.url.clone()] {
        let error = fetched(JumpingClock::at(at(LATER)), &url).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreachable(_)), "{error:?}");
        assert_discreet(&chain(&error), &url);
    }
}

/// Refuses twice with `Retry-After`, then answers; gives the waits between the requests.
async fn waits_of(retry_after: Option<&'static str>) -> Vec<TimeDelta> {
    let clock = JumpingClock::at(at(LATER));
    let (asked_at, watch) = (Arc::new(Mutex::new(Vec::new())), clock.clone());
    let asked = asked_at.clone();
    let server = Loopback::start(move |number| {
        asked.lock().unwrap().push(watch.now());
        let header = retry_after.map(|after| ("retry-after", after));
        let headers: Vec<_> = header.into_iter().collect();
        Some(if number < 2 {
            answer(429, &headers, fixture("throttled.json"))
        } else {
            answer(200, &[], PAGE)
        })
    })
    .await;
    let provider = coinbase(&server.url, clock, |config| config.http.retries = 5);
    let batch = provider.fetch(&minutes(), page_window(), Lane::Backfill).await.unwrap();
    assert_eq!(batch.candles.len(), 6);
    let asked_at = asked_at.lock().unwrap();
    asked_at.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test]
async fn t18_the_retry_waits_as_long_as_the_provider_says() {
    // The first refusal comes at midnight of 2 June; the second when it has been obeyed.
    let cases: [(Option<&'static str>, [i64; 2]); 6] = [
        (Some("7"), [7, 7]),
        (Some("Sun, 02 Jun 2024 00:01:30 GMT"), [90, 0]),
        (Some("Sat, 01 Jun 2024 00:00:00 GMT"), [0, 0]),
        (Some("when we feel like it"), [0, 0]),
        (None, [1, 1]),
        // Whoever says so is mistaken; it is neither believed nor added to a date.
        (Some("9000000000000000"), [3_600, 3_600]),
    ];
    for (retry_after, at_least) in cases {
        let waits = waits_of(retry_after).await;
        let seconds: Vec<_> = waits.iter().map(TimeDelta::num_seconds).collect();
        assert_eq!(seconds.len(), 2);
        for (waited, at_least) in seconds.iter().zip(at_least) {
            // The own, jittered waits grow to a few seconds and come on top at most once.
            assert!((at_least..=at_least + 35).contains(waited), "{retry_after:?}: {seconds:?}");
        }
    }
}

#[tokio::test]
async fn t18_retries_are_bounded_and_only_for_what_may_pass() {
    for (status, body, requests) in [
        (429, "throttled.json", 4),
        (503, "login.html", 4),
        (200, "torn.json", 4),
        (400, "too_many.json", 1),
        (401, "unauthorized.txt", 1),
        (404, "not_found.json", 1),
        (200, "page.json", 1),
    ] {
        let body = fixture(body);
        let server = Loopback::start(move |_| Some(answer(status, &[], body.clone()))).await;
        let clock = JumpingClock::at(at(LATER));
        let provider = coinbase(&server.url, clock.clone(), |config| config.http.retries = 3);
        let outcome = provider.fetch(&minutes(), page_window(), Lane::Live).await;
        assert_eq!(outcome.is_ok(), (status, requests) == (200, 1), "{outcome:?}");
        assert_eq!(server.requests().len(), requests, "{status}");
        let longest = clock.waits().into_iter().max().unwrap_or_default();
        assert!(longest <= Duration::from_mins(1), "{longest:?}");
    }
}

fn assert_discreet(text: &str, url: &Url) {
    let address = format!("{}:{}", url.host().unwrap(), url.port().unwrap());
    for secret in ["s3cret", "hunter2", "start=", "end=", "http://", &address] {
        assert!(!text.contains(secret), "{secret:?} is in {text:?}");
    }
}

fn scenario(number: usize) -> Option<Response> {
    Some(match number {
        0 => answer(404, &[], fixture("not_found.json")),
        1 => answer(400, &[], fixture("too_many.json")),
        2 => answer(429, &[], fixture("throttled.json")),
        3 => answer(302, &[("location", "http://127.0.0.1:9/?key=hunter2")], ""),
        4 => answer(503, &[], fixture("login.html")),
        5 => answer(200, &[], fixture("torn.json")),
        6 => answer(200, &[], fixture("bad_rows.json")),
        _ => return None,
    })
}

#[tokio::test]
async fn t78_no_error_and_no_dead_letter_gives_away_where_we_asked() {
    let server = Loopback::start(scenario).await;
    let mut url = server.url.join("/?key=hunter2").unwrap();
    url.set_username("me").unwrap();
    url.set_password(Some("s3cret")).unwrap();
    let provider = coinbase(&url, JumpingClock::at(at(LATER)), |config| {
        config.http.request_timeout = Duration::from_millis(150);
    });
    let (series, window) = (minutes(), page_window());
    let ask = || provider.fetch(&series, window, Lane::Live);
    for _ in 0..6 {
        let error = ask().await.unwrap_err();
        assert_discreet(&chain(&error), &url);
        assert_discreet(&format!("{error:?}"), &url);
    }
    let letters = validate(ask().await.unwrap(), Calendar::Always, TimeDelta::zero()).refused;
    assert_eq!(letters.len(), 7);
    for letter in letters {
        assert_eq!(letter.source, "GET /products/BTC-USD/candles?granularity=60");
        assert_discreet(&letter.detail, &url);
    }
    assert!(matches!(ask().await.unwrap_err(), ProviderError::TimedOut));
    assert!(server.requests().iter().all(|asked| asked.to_string().contains("key=hunter2")));
}
