//! Advanced Trade: what is signed and asked, and its answers, over a real socket.

use std::{path::Path, sync::Arc};

use barkeep::{
    config::CdpKey,
    market::{Calendar, RawBatch, Series, Timeframe, Window},
    providers::{Coinbase, Lane, Origin, Provider, ProviderError},
};
use chrono::{DateTime, TimeDelta, Utc};
use insta::assert_snapshot;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode};
use serde_json::{Value, json};

use crate::{
    loopback::{JumpingClock, Loopback, advanced_trade, answer, coinbase},
    telling::told,
};

const NOW: &str = "2024-04-05T00:00:00Z";

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/coinbase_advanced");
    std::fs::read(Path::new(folder).join(name)).unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn series(timeframe: &str) -> Series {
    format!("coinbase/BTCUSD/{timeframe}").parse().unwrap()
}

/// The twelve 4h candles of 3 and 4 April.
fn window() -> Window {
    Window::of_candles(at("2024-04-03T00:00:00Z"), Timeframe::H4, 12)
}

async fn fetched(provider: &Coinbase) -> Result<RawBatch, ProviderError> {
    provider.fetch(&series("4h"), window(), Lane::Live).await
}

async fn told_of(status: u16, name: &str) -> String {
    let body = fixture(name);
    let server = Loopback::start(move |_| Some(answer(status, &[], body.clone()))).await;
    let provider = advanced_trade(&server.url, JumpingClock::at(at(NOW)), |_| {});
    told(fetched(&provider).await, Calendar::Always, TimeDelta::seconds(75))
}

/// Header and claims of a token; panics if `public` does not verify it.
fn verified(token: &str, algorithm: Algorithm, public: &DecodingKey) -> (Header, Value) {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let told = decode(token, public, &validation).unwrap();
    (told.header, told.claims)
}

fn es256_public() -> DecodingKey {
    DecodingKey::from_ec_pem(&fixture("test_key_es256_public.pem")).unwrap()
}

#[tokio::test]
async fn the_question_is_signed_and_has_inclusive_bounds_below_any_base_path() {
    let server = Loopback::start(|_| Some(answer(200, &[], "{\"candles\":[]}"))).await;
    let clock = JumpingClock::at(at(NOW));
    for base in ["/", "/proxy/"] {
        let url = server.url.join(base).unwrap();
        fetched(&advanced_trade(&url, clock.clone(), |_| {})).await.unwrap();
    }
    let path = "/api/v3/brokerage/products/BTC-USD/candles";
    let query = "granularity=FOUR_HOUR&start=1712102400&end=1712260800&limit=300";
    let asked: Vec<_> = server.requests().iter().map(ToString::to_string).collect();
    assert_eq!(asked, [format!("{path}?{query}"), format!("/proxy{path}?{query}")]);

    let host = format!("{}:{}", server.url.host().unwrap(), server.url.port().unwrap());
    for (bearer, base) in server.bearers().iter().zip(["", "/proxy"]) {
        let (header, claims) = verified(bearer, Algorithm::ES256, &es256_public());
        assert_eq!(header.kid.as_deref(), Some("a-key-of-a-test"));
        let expected = json!({
            "sub": "a-key-of-a-test",
            "iss": "cdp",
            "nbf": at(NOW).timestamp(),
            "exp": at(NOW).timestamp() + 120,
            "uri": format!("GET {host}{base}{path}"),
        });
        assert_eq!(claims, expected);
    }
    assert_eq!(server.bearers().len(), 2);
}

#[tokio::test]
async fn every_timeframe_is_asked_for_by_its_name() {
    let server = Loopback::start(|_| Some(answer(200, &[], "{\"candles\":[]}"))).await;
    let provider = advanced_trade(&server.url, JumpingClock::at(at(NOW)), |_| {});
    for timeframe in Timeframe::ALL {
        let series = series(timeframe.as_str());
        assert_eq!(provider.offers(&series), Some(Origin::Native));
        let window = Window::of_candles(at("2024-04-03T00:00:00Z"), timeframe, 1);
        provider.fetch(&series, window, Lane::Live).await.unwrap();
    }
    let requests = server.requests();
    let queries = requests.iter().map(|uri| uri.query().unwrap());
    let names: Vec<_> = queries.map(|query| &query["granularity=".len()..]).collect();
    let names: Vec<_> = names.iter().map(|rest| rest.split('&').next().unwrap()).collect();
    let all = ["ONE_MINUTE", "FIVE_MINUTE", "FIFTEEN_MINUTE", "ONE_HOUR", "FOUR_HOUR", "ONE_DAY"];
    assert_eq!(names, all);
}

#[tokio::test]
async fn without_a_key_the_exchange_is_asked_openly_and_has_no_4h_candles() {
    let server = Loopback::start(|_| Some(answer(200, &[], "[]"))).await;
    let provider = coinbase(&server.url, JumpingClock::at(at(NOW)), |_| {});
    assert_eq!(provider.offers(&series("4h")), Some(Origin::Derived { from: Timeframe::H1 }));
    provider.fetch(&series("1h"), window(), Lane::Live).await.unwrap();
    assert!(server.requests()[0].path().starts_with("/products/"));
    assert!(server.bearers().is_empty());
}

#[tokio::test]
async fn each_retry_is_signed_anew_by_either_kind_of_key() {
    let ed25519_public = DecodingKey::from_ed_pem(&fixture("test_key_ed25519_public.pem")).unwrap();
    for (name, algorithm, public) in [
        ("test_key_es256_pkcs8.pem", Algorithm::ES256, es256_public()),
        ("test_key_ed25519_pkcs8.pem", Algorithm::EdDSA, ed25519_public),
    ] {
        let asked_at = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (clock, times) = (JumpingClock::at(at(NOW)), asked_at.clone());
        let watch = clock.clone();
        let server = Loopback::start(move |number| {
            times.lock().unwrap().push(barkeep::clock::Clock::now(&*watch).timestamp());
            let (status, name) = if number < 3 { (503, "empty.json") } else { (200, "page.json") };
            Some(answer(status, &[("retry-after", "60")], fixture(name)))
        })
        .await;
        let provider = advanced_trade(&server.url, clock.clone(), |config| {
            config.http.retries = 3;
            let secret = String::from_utf8(fixture(name)).unwrap();
            config.key = CdpKey::read("mine".to_owned(), &secret.into());
        });
        assert_eq!(fetched(&provider).await.unwrap().candles.len(), 3);

        let tokens = server.bearers();
        let told: Vec<_> = tokens.iter().map(|token| verified(token, algorithm, &public)).collect();
        let mut nonces: Vec<_> = told.iter().map(|(header, _)| header.nonce.clone()).collect();
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!((tokens.len(), nonces.len()), (4, 4));
        let signed_at: Vec<_> =
            told.iter().map(|(_, claims)| claims["nbf"].as_i64().unwrap()).collect();
        assert_eq!(signed_at, *asked_at.lock().unwrap());
        assert!(signed_at[3] > signed_at[0], "the clock did not move: {signed_at:?}");
    }
}

#[tokio::test]
async fn t16_t20_t21_a_page_reads_as_documented_and_a_bad_row_costs_one_row() {
    assert_snapshot!("page", told_of(200, "page.json").await);
    assert_snapshot!("bad_rows", told_of(200, "bad_rows.json").await);
    assert_eq!(told_of(200, "empty.json").await, "0 unfinished, 0 repeated\n");
}

#[tokio::test]
async fn refusals_keep_the_providers_words() {
    let mut all = Vec::new();
    for (status, name) in [
        (404, "not_found.json"),
        (400, "too_many.json"),
        (401, "unauthorized.txt"),
        (403, "unauthorized.txt"),
        (429, "throttled.json"),
        (500, "unauthorized.txt"),
        (200, "torn.json"),
        (200, "throttled.json"),
        (200, "unauthorized.txt"),
    ] {
        all.push(format!("{status} {name}\n  {}", told_of(status, name).await));
    }
    assert_snapshot!("refusals", all.join("\n"));
}

#[tokio::test]
async fn t78_neither_key_nor_token_is_given_away_though_the_answer_repeats_them() {
    // The server says back whatever it was sent.
    let echo = axum::Router::new().fallback(|headers: axum::http::HeaderMap| async move {
        let token = headers["authorization"].to_str().unwrap().to_owned();
        answer(401, &[], format!("{} {token} is not welcome", "w".repeat(150)))
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, echo).await.unwrap() });
    let provider = advanced_trade(&url, JumpingClock::at(at(NOW)), |_| {});
    let error = fetched(&provider).await.unwrap_err();
    server.abort();
    let shown = format!("{error} {error:?} {provider:?}");
    assert!(shown.contains("Bearer [redacted] is not welcome"), "{shown}");
    // Every token begins with these, and the key's own text is in the fixture.
    assert!(!shown.contains("eyJ") && !shown.contains("MHcCAQEE"), "{shown}");
}
