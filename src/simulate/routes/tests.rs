//! What a client sees over HTTP: formats, verbatim errors, and each fault as described.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use chrono::DateTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use super::*;
use crate::{
    clock::ManualClock,
    market::InstrumentId,
    simulate::{Fault, FaultPlan, SimulationConfig, truth::MINUTES_PER_PIECE},
};

/// 2024-03-01T12:00:30Z: half a minute into a minute.
const NOW: i64 = 1_709_294_430;
/// Ten closed minutes and the running one.
const PAGE: &str = "/products/BTC-USD/candles?granularity=60&start=1709293800&end=1709294400";
const PAGE_ROWS: usize = 11;

const COINBASE: SimulatedProvider = SimulatedProvider::Coinbase;

fn btc() -> InstrumentId {
    "BTCUSD".parse().unwrap()
}

fn exchange() -> Arc<SimulatedExchange> {
    exchange_at(NOW)
}

fn exchange_at(now: i64) -> Arc<SimulatedExchange> {
    let clock = Arc::new(ManualClock::at(DateTime::from_timestamp(now, 0).unwrap()));
    let config = SimulationConfig { no_trade: 0.0, ..SimulationConfig::default() };
    Arc::new(SimulatedExchange::new(&config, clock))
}

struct Got {
    status: u16,
    content_type: String,
    retry_after: Option<String>,
    body: String,
}

async fn send(exchange: &Arc<SimulatedExchange>, method: &str, uri: &str, body: &str) -> Got {
    let request = Request::builder().method(method).uri(uri);
    let request = request.header(header::AUTHORIZATION, "Bearer token");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = exchange.clone().router().oneshot(request).await.unwrap();
    let header = |name| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
    Got {
        status: response.status().as_u16(),
        content_type: header(header::CONTENT_TYPE).unwrap_or_default(),
        retry_after: header(header::RETRY_AFTER),
        body: String::from_utf8(to_bytes(response.into_body(), 1 << 24).await.unwrap().into())
            .unwrap(),
    }
}

async fn fetch(exchange: &Arc<SimulatedExchange>, uri: &str) -> Got {
    send(exchange, "GET", uri, "").await
}

async fn fetch_with(fault: Fault) -> (Arc<SimulatedExchange>, Got) {
    let exchange = exchange();
    let pair = format!("{}=1", fault.name());
    exchange.set_fault_plan(&FaultPlan::from_pairs([pair.as_str()]).unwrap());
    let got = fetch(&exchange, PAGE).await;
    (exchange, got)
}

fn rows(body: &str) -> Vec<Vec<Value>> {
    serde_json::from_str(body).unwrap()
}

fn times(body: &str) -> Vec<i64> {
    rows(body).iter().map(|row| row[0].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn errors_are_the_recorded_ones() {
    let exchange = exchange();
    let too_many = "granularity too small for the requested time range. \
                    Count of aggregations requested exceeds 300";
    for (uri, status, message) in [
        ("/products/BTC-USD/candles?granularity=60&start=0&end=18001", 400, too_many),
        ("/products/BTC-USD/candles?granularity=1800", 400, "Unsupported granularity"),
        ("/products/BTC-USD/candles?granularity=60&start=9&end=8", 400, "start must be before end"),
        ("/products/NOPE-USD/candles?granularity=60", 404, "NotFound"),
        ("/nowhere", 404, "NotFound"),
    ] {
        let got = fetch(&exchange, uri).await;
        assert_eq!((got.status, got.body), (status, format!(r#"{{"message":"{message}"}}"#)));
        assert_eq!(got.content_type, "application/json; charset=utf-8");
    }
    let counters = exchange.counters(COINBASE);
    assert_eq!((counters.requests, counters.refused, counters.served), (5, 5, 0));
}

#[tokio::test]
async fn candles_are_the_markets_to_the_last_digit() {
    let exchange = exchange();
    let got = fetch(&exchange, PAGE).await;
    let rows = rows(&got.body);
    assert_eq!((got.status, rows.len()), (200, PAGE_ROWS));
    for row in rows {
        let open_time = row[0].as_i64().unwrap();
        let candle = exchange.market().candle(&btc(), 60, open_time, NOW).unwrap();
        let candle = candle.to_candle();
        let values = [candle.low, candle.high, candle.open, candle.close, candle.volume.unwrap()];
        assert_eq!(row[1..].iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>(), values);
    }
    let newest = fetch(&exchange, "/products/BTC-USD/candles?granularity=86400&start=0").await;
    assert_eq!(times(&newest.body).len(), 350);
}

#[tokio::test]
async fn products_and_time_are_told() {
    let exchange = exchange();
    let products: Value = serde_json::from_str(&fetch(&exchange, "/products").await.body).unwrap();
    assert_eq!(products.as_array().unwrap().len(), 3);
    assert_eq!(
        products[1],
        json!({"id": "ETH-USD", "base_currency": "ETH", "quote_currency": "USD",
            "status": "online", "trading_disabled": false})
    );
    let time = fetch(&exchange, "/time").await.body;
    assert_eq!(time, r#"{"epoch":1709294430.0,"iso":"2024-03-01T12:00:30.000Z"}"#);
}

#[tokio::test]
async fn faults_that_replace_the_answer_look_as_described() {
    let throttled = r#"{"message":"Public rate limit exceeded"}"#;
    let date = "Fri, 01 Mar 2024 12:00:32 GMT";
    for (fault, status, retry_after, body) in [
        (Fault::Throttle, 429, None, throttled),
        (Fault::ThrottleRetryAfter, 429, Some("1"), throttled),
        (Fault::ThrottleRetryDate, 429, Some(date), throttled),
        (Fault::ServerError, 500, None, r#"{"message":"Internal server error"}"#),
        (Fault::Unavailable, 503, None, "<html>"),
        (Fault::Html, 200, None, "<!DOCTYPE html>"),
        (Fault::Empty, 200, None, "[]"),
        (Fault::Torn, 200, None, "[["),
    ] {
        let (exchange, got) = fetch_with(fault).await;
        assert_eq!((got.status, got.retry_after.as_deref()), (status, retry_after), "{fault:?}");
        assert!(got.body.starts_with(body), "{fault:?}: {}", got.body);
        assert_eq!(got.content_type.contains("html"), body.contains("html"), "{fault:?}");
        assert_eq!(exchange.counters(COINBASE).faults[fault.name()], 1);
        let is_json = serde_json::from_str::<Value>(&got.body).is_ok();
        let is_broken = matches!(fault, Fault::Unavailable | Fault::Html | Fault::Torn);
        assert_eq!(is_json, !is_broken, "{fault:?}");
    }
}

#[tokio::test]
async fn faults_of_rows_look_as_described() {
    let right = times(&fetch(&exchange(), PAGE).await.body);
    let mut oldest_first = right.clone();
    oldest_first.sort_unstable();
    for (fault, count, distinct) in [
        (Fault::Lag, PAGE_ROWS - 1, PAGE_ROWS - 1),
        (Fault::DropRow, PAGE_ROWS - 1, PAGE_ROWS - 1),
        (Fault::DuplicateRow, PAGE_ROWS + 1, PAGE_ROWS),
        (Fault::ConflictingRow, PAGE_ROWS + 1, PAGE_ROWS),
        (Fault::Shuffled, PAGE_ROWS, PAGE_ROWS),
    ] {
        let (exchange, got) = fetch_with(fault).await;
        let mut times = times(&got.body);
        let is_ordered = times.is_sorted_by(|newer, older| newer >= older);
        let lacks = |time: &i64| !times.contains(time);
        assert_eq!(times.len(), count, "{fault:?}");
        assert_eq!(is_ordered, fault != Fault::Shuffled, "{fault:?}");
        assert_eq!(lacks(&right[1]), fault == Fault::Lag, "{fault:?}");
        assert!(!lacks(&right[0]) && !lacks(&right[PAGE_ROWS - 1]), "{fault:?}");
        times.sort_unstable();
        times.dedup();
        assert_eq!(times.len(), distinct, "{fault:?}");
        let mut values = rows(&got.body);
        values.dedup();
        let is_duplicate = fault == Fault::DuplicateRow;
        assert_eq!(values.len(), if is_duplicate { count - 1 } else { count }, "{fault:?}");
        assert_eq!(exchange.counters(COINBASE).faults[fault.name()], 1);
    }
}

/// A question of each provider about closed minutes and the running one.
fn page_of(provider: SimulatedProvider, from: i64, to: i64) -> String {
    match provider {
        SimulatedProvider::Coinbase => {
            format!("/products/BTC-USD/candles?granularity=60&start={from}&end={to}")
        }
        SimulatedProvider::Oanda => {
            format!("/v3/instruments/EUR_USD/candles?granularity=M1&from={from}&to={to}")
        }
        SimulatedProvider::AlphaVantage => {
            "/query?function=FX_INTRADAY&from_symbol=EUR&to_symbol=USD&interval=1min&apikey=k"
                .to_owned()
        }
    }
}

#[tokio::test]
async fn every_fault_takes_effect_with_every_provider_that_knows_it() {
    // A Saturday, when EURUSD does not trade.
    const SATURDAY: i64 = NOW + 86_400;
    for provider in SimulatedProvider::ALL {
        for fault in Fault::ALL.iter().filter(|fault| fault.happens_with(provider)) {
            let now = if *fault == Fault::WeekendRepeat { SATURDAY } else { NOW };
            let page = page_of(provider, now / 60 * 60 - 600, now / 60 * 60);
            let right = fetch(&exchange_at(now), &page).await;
            let exchange = exchange_at(now);
            let pairs = [format!("{}=1", fault.name())];
            exchange
                .set_fault_plan(&FaultPlan::from_pairs(pairs.iter().map(String::as_str)).unwrap());
            if *fault == Fault::Hang {
                let patience = Duration::from_millis(20);
                let answer = tokio::time::timeout(patience, fetch(&exchange, &page)).await;
                assert!(answer.is_err(), "{provider}");
            } else {
                let got = fetch(&exchange, &page).await;
                let is_changed = (got.status, got.body) != (right.status, right.body);
                assert_eq!(is_changed, *fault != Fault::Slow, "{provider} {}", fault.name());
            }
            let counters = exchange.counters(provider);
            assert_eq!(counters.faults, [(fault.name(), 1)].into(), "{provider}");
        }
    }
}

#[tokio::test]
async fn a_bad_row_is_the_only_difference() {
    let right = fetch(&exchange(), PAGE).await.body;
    let (_, got) = fetch_with(Fault::BadRow).await;
    let split = |body: &str| body.split("],[").map(str::to_owned).collect::<Vec<_>>();
    let (right, bad) = (split(&right), split(&got.body));
    assert_eq!(right.len(), bad.len());
    assert_eq!(right.iter().zip(&bad).filter(|(right, bad)| right != bad).count(), 1);
}

#[tokio::test]
async fn slow_answers_come_late_and_hanging_ones_never() {
    let exchange = exchange();
    exchange.set_faults(COINBASE, Faults { slow: 1.0, slow_millis: 60, ..Faults::default() });
    let begun = tokio::time::Instant::now();
    assert_eq!(rows(&fetch(&exchange, PAGE).await.body).len(), PAGE_ROWS);
    assert!(begun.elapsed() >= Duration::from_millis(60));
    exchange.set_faults(COINBASE, Faults { hang: 1.0, ..Faults::default() });
    let patience = Duration::from_millis(200);
    assert!(tokio::time::timeout(patience, fetch(&exchange, PAGE)).await.is_err());
    assert_eq!(exchange.counters(COINBASE).faults["hang"], 1);
}

#[tokio::test]
async fn faults_are_put_read_and_refused_by_name() {
    let exchange = exchange();
    let put = send(&exchange, "PUT", "/simulator/coinbase/faults", r#"{"empty":1}"#).await;
    assert_eq!(put.status, 200);
    assert_eq!(fetch(&exchange, PAGE).await.body, "[]");
    let strange = send(&exchange, "PUT", "/simulator/coinbase/faults", r#"{"note":1}"#).await;
    assert_eq!(strange.status, 422);
    assert!(strange.body.contains("fault note has no meaning for coinbase"), "{}", strange.body);
    assert_eq!(fetch(&exchange, "/simulator/kraken/faults").await.status, 404);
    for bad in [r#"{"emty":1}"#, r#"{"empty":"x"}"#, r#"{"empty":-1}"#, "empty"] {
        let got = send(&exchange, "PUT", "/simulator/coinbase/faults", bad).await;
        assert_eq!(got.status, 422);
        assert!(got.body.contains("empty"), "{}", got.body);
    }
    let now = fetch(&exchange, "/simulator/coinbase/faults").await.body;
    assert_eq!(Faults::from_json(COINBASE, now.as_bytes()).unwrap().empty, 1.0);
    let counters = fetch(&exchange, "/simulator/coinbase/requests").await.body;
    let counters: Value = serde_json::from_str(&counters).unwrap();
    assert_eq!(
        counters,
        json!({"requests": 1, "served": 1, "refused": 0, "throttled": 0,
            "most": {}, "faults": {"empty": 1}})
    );
}

#[tokio::test]
async fn truth_streams_every_closed_candle_whatever_the_faults() {
    let exchange = exchange();
    exchange.set_faults(COINBASE, Faults { hang: 1.0, ..Faults::default() });
    let start = NOW - 30 - 3 * MINUTES_PER_PIECE / 2 * 60;
    for (granularity, end) in [(60, NOW), (3_600, NOW + 86_400), (86_400, NOW), (60, start)] {
        let uri = format!(
            "/simulator/truth?instrument=BTC-USD&granularity={granularity}&start={start}&end={end}"
        );
        let truth = exchange.truth(&btc(), granularity, start, end);
        let got = fetch(&exchange, &uri).await;
        let mut expected = Vec::new();
        for candle in &truth {
            expected.push(if expected.is_empty() { b'[' } else { b',' });
            candle.write_row(&mut expected);
        }
        expected.extend_from_slice(if truth.is_empty() { b"[]" } else { b"]" });
        assert!(got.body.as_bytes() == expected, "{granularity}: {} bytes", got.body.len());
        assert_eq!(truth.is_empty(), end == start);
    }
    let before_history = "/simulator/truth?instrument=BTC-USD&granularity=60&start=0&end=60";
    assert_eq!(fetch(&exchange, before_history).await.body, "[]");
    let unknown = "/simulator/truth?instrument=NOPE&granularity=60&start=0&end=60";
    assert_eq!(fetch(&exchange, unknown).await.status, 404);
}

#[tokio::test]
async fn a_served_exchange_answers_and_ends_though_a_request_hangs() {
    let exchange = exchange();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move { stopped.await.unwrap_or_default() };
    let server = tokio::spawn(serve(listener, exchange.clone(), shutdown));
    exchange.set_faults(COINBASE, Faults { hang: 1.0, ..Faults::default() });
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {PAGE} HTTP/1.1\r\nHost: exchange\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    while exchange.counters(COINBASE).requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send(()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    tokio::time::timeout(Duration::from_secs(5), server).await.unwrap().unwrap().unwrap();
}
