//! What Oanda says, golden and word for word.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::{
    clock::ManualClock,
    market::Timeframe,
    simulate::{FaultPlan, SimulationConfig},
};

/// A Wednesday, half a minute into a minute.
const NOW: &str = "2024-03-06T12:00:30Z";
const CANDLES: &str = "/v3/instruments/EUR_USD/candles";

fn exchange(now: &str) -> (Arc<SimulatedExchange>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(now.parse().unwrap()));
    let config = SimulationConfig { no_trade: 0.0, ..SimulationConfig::default() };
    (Arc::new(SimulatedExchange::new(&config, clock.clone())), clock)
}

async fn send(
    exchange: &Arc<SimulatedExchange>,
    uri: &str,
    headers: &[(&str, &str)],
) -> (u16, String) {
    let mut request = Request::get(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response =
        exchange.clone().router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert!(response.headers().contains_key("RequestID"));
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn ask(exchange: &Arc<SimulatedExchange>, uri: &str) -> (u16, String) {
    send(exchange, uri, &[("Authorization", "Bearer token")]).await
}

async fn rows(exchange: &Arc<SimulatedExchange>, query: &str) -> Vec<Value> {
    let (status, body) = ask(exchange, &format!("{CANDLES}?{query}")).await;
    assert_eq!(status, 200, "{body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    page["candles"].as_array().unwrap().clone()
}

fn times(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["time"].as_str().unwrap().trim_end_matches(":00.000000000Z"))
        .collect()
}

#[tokio::test]
async fn candles_come_oldest_first_and_the_running_one_says_so() {
    let (exchange, _) = exchange(NOW);
    let query = "granularity=M1&price=BM&from=2024-03-06T11:59:00Z&to=2024-03-06T12:00:20Z";
    let (_, body) = ask(&exchange, &format!("{CANDLES}?{query}")).await;
    insta::assert_snapshot!(body);
}

#[tokio::test]
async fn refusals_are_in_oandas_words() {
    let (exchange, _) = exchange(NOW);
    let cases = [
        ("granularity=M7", "Invalid value specified for 'granularity'"),
        ("", "Invalid value specified for 'granularity'"),
        ("granularity=M1&price=X", "Invalid value specified for 'price'"),
        ("granularity=M1&from=noon", "Invalid value specified for 'from'"),
        (
            "granularity=M1&to=2024-03-06T12:00:31Z",
            "Invalid value specified for 'to'. Time is in the future",
        ),
        ("granularity=M1&count=5001", "Maximum value for 'count' exceeded"),
        (
            "granularity=M1&from=2024-03-02T00:00:00Z&to=2024-03-06T00:00:00Z",
            "Maximum value for 'count' exceeded",
        ),
        (
            "granularity=M1&count=5&from=2024-03-05T00:00:00Z&to=2024-03-05T01:00:00Z",
            "Invalid value specified for 'count'",
        ),
    ];
    for (query, message) in cases {
        let (status, body) = ask(&exchange, &format!("{CANDLES}?{query}")).await;
        assert_eq!((status, body), (400, format!("{{\"errorMessage\":\"{message}\"}}")), "{query}");
    }
    for name in ["EURUSD", "BTC_USD", "IBM", "EUR_SEK"] {
        let uri = format!("/v3/instruments/{name}/candles?granularity=M1");
        let (status, body) = ask(&exchange, &uri).await;
        assert_eq!(status, 400);
        assert_eq!(body, "{\"errorMessage\":\"Invalid value specified for 'instrument'\"}");
    }
    let counters = exchange.counters(SimulatedProvider::Oanda);
    assert_eq!((counters.refused, counters.served), (12, 0));
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let (exchange, _) = exchange(NOW);
    let uri = format!("{CANDLES}?granularity=M1");
    for headers in [&[][..], &[("Authorization", "Bearer bad-one")], &[("Authorization", "token")]]
    {
        let (status, body) = send(&exchange, &uri, headers).await;
        assert_eq!(status, 401);
        assert_eq!(body, "{\"errorMessage\":\"Insufficient authorization to perform request.\"}");
    }
    let (status, accounts) = ask(&exchange, "/v3/accounts").await;
    assert_eq!(
        (status, accounts),
        (200, format!("{{\"accounts\":[{{\"id\":\"{ACCOUNT}\",\"tags\":[]}}]}}"))
    );
    let (_, list) = ask(&exchange, &format!("/v3/accounts/{ACCOUNT}/instruments")).await;
    assert!(list.contains("\"name\":\"EUR_USD\"") && !list.contains("BTC"), "{list}");
    let (status, body) = ask(&exchange, "/v3/accounts/1/instruments").await;
    assert_eq!(
        (status, body.as_str()),
        (400, "{\"errorMessage\":\"Invalid value specified for 'accountID'\"}")
    );
}

#[tokio::test]
async fn above_a_limit_it_says_429() {
    let (exchange, _) = exchange(NOW);
    exchange.set_limits(SimulatedProvider::Oanda, &["1/s".parse().unwrap()]);
    let uri = format!("{CANDLES}?granularity=M1&count=1");
    assert_eq!(ask(&exchange, &uri).await.0, 200);
    assert_eq!(ask(&exchange, &uri).await.0, 429);
}

#[tokio::test]
async fn bounds_count_and_include_first() {
    let (exchange, _) = exchange(NOW);
    let hours = async |query: &str| {
        let rows = rows(&exchange, &format!("granularity=H1&{query}")).await;
        times(&rows).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let between = "from=2024-03-06T06:00:00Z&to=2024-03-06T08:00:00Z";
    let six = ["2024-03-06T06:00", "2024-03-06T07:00", "2024-03-06T08:00"];
    assert_eq!(hours(between).await, six);
    assert_eq!(hours(&format!("{between}&includeFirst=true")).await, six);
    assert_eq!(hours(&format!("{between}&includeFirst=False")).await, six[1..]);
    assert_eq!(hours("from=2024-03-06T06:30:00Z&to=2024-03-06T07:59:59Z").await, six[..2]);
    assert_eq!(hours("from=2024-03-06T06:00:00Z&count=2").await, six[..2]);
    assert_eq!(hours("to=2024-03-06T08:00:00Z&count=3").await, six);
    assert_eq!(hours("count=1").await, ["2024-03-06T12:00"]);
    assert_eq!(hours("").await.len(), 500);
    // Unix seconds are as good, and answered when asked for.
    assert_eq!(hours("from=1709704800.000000000&to=1709712000").await, six);
    let headers = [("Authorization", "Bearer token"), ("Accept-Datetime-Format", "UNIX")];
    let uri = format!("{CANDLES}?granularity=H1&from=1709704800&to=1709704800");
    assert!(send(&exchange, &uri, &headers).await.1.contains("\"time\":\"1709704800.000000000\""));
}

#[tokio::test]
async fn t12_days_begin_in_new_york_unless_asked_otherwise() {
    for (now, default) in [("2024-07-10T12:00:00Z", "21:00"), ("2024-01-10T12:00:00Z", "22:00")] {
        let (exchange, _) = exchange(now);
        let day_before = now.replace("10T", "09T");
        let query = format!("granularity=D&from={day_before}&to={now}");
        let days = rows(&exchange, &query).await;
        let edges: Vec<_> = times(&days).iter().map(|time| time[11..].to_owned()).collect();
        assert_eq!(edges, [default, default]);
        assert_eq!(days[1]["complete"], false);
        let query = format!("{query}&dailyAlignment=0&alignmentTimezone=UTC");
        let days = rows(&exchange, &query).await;
        assert!(times(&days).iter().all(|time| time.ends_with("00:00")), "{days:?}");
        let query = format!("granularity=H4&from={day_before}&to={now}");
        let quarters = rows(&exchange, &query).await;
        let hour: u32 = default[..2].parse().unwrap();
        let shift = |time: &&str| time[11..13].parse::<u32>().unwrap() % 4 == hour % 4;
        assert!(times(&quarters).iter().all(shift), "{quarters:?}");
    }
}

#[tokio::test]
async fn three_prices_lie_below_in_and_above_the_middle() {
    let (exchange, _) = exchange(NOW);
    let row = &rows(&exchange, "granularity=M1&price=MBA&count=1").await[0];
    let price = |side: &str| row[side]["c"].as_str().unwrap().parse::<f64>().unwrap();
    assert!(price("bid") < price("mid") && price("mid") < price("ask"), "{row}");
}

#[tokio::test]
async fn t10_a_closed_candle_may_say_for_45_seconds_that_it_is_not_complete() {
    let (exchange, clock) = exchange("2024-03-06T12:00:44Z");
    exchange.set_fault_plan(&FaultPlan::from_pairs(["oanda:late_complete=1"]).unwrap());
    let query = "granularity=M1&from=2024-03-06T11:58:00Z&to=2024-03-06T11:59:00Z";
    let complete = async || -> Vec<bool> {
        let rows = rows(&exchange, query).await;
        rows.iter().map(|row| row["complete"].as_bool().unwrap()).collect()
    };
    assert_eq!(complete().await, [true, false]);
    clock.advance(Duration::from_secs(1));
    assert_eq!(complete().await, [true, true]);
    let counters = exchange.counters(SimulatedProvider::Oanda);
    assert_eq!(counters.faults, [("late_complete", 1)].into());
}

#[tokio::test]
async fn t13_a_closed_session_is_empty_or_repeats_friday() {
    // A Saturday; New York closed at 22:00Z on Friday.
    let (exchange, _) = exchange("2024-03-09T12:00:00Z");
    let query = "granularity=M1&from=2024-03-09T11:00:00Z&to=2024-03-09T11:59:00Z";
    assert!(rows(&exchange, query).await.is_empty());
    exchange.set_fault_plan(&FaultPlan::from_pairs(["weekend_repeat=1"]).unwrap());
    let repeated = rows(&exchange, query).await;
    assert_eq!(times(&repeated)[4], "2024-03-08T21:59");
    assert_eq!(repeated.len(), 5);
}

#[tokio::test]
async fn a_bad_row_is_one_row_in_oandas_own_shape() {
    let (exchange, _) = exchange(NOW);
    let query = "granularity=M1&from=2024-03-06T11:00:00Z&to=2024-03-06T11:30:00Z";
    let right = rows(&exchange, query).await;
    exchange.set_fault_plan(&FaultPlan::from_pairs(["bad_row=1"]).unwrap());
    for _ in 0..20 {
        let bad = rows(&exchange, query).await;
        assert_eq!(right.iter().zip(&bad).filter(|(right, bad)| right != bad).count(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the length and the window, pages put together are the market's candles.
    #[test]
    fn pages_reassemble_to_the_truth(
        timeframe in prop::sample::select(&Timeframe::ALL[..]),
        start in 1_704_000_000_i64..1_709_000_000,
        page in 1_i64..400,
        pages in 1_i64..6,
    ) {
        let (exchange, _) = exchange(NOW);
        let seconds = timeframe.seconds();
        let start = start / seconds * seconds;
        let mut told = Vec::new();
        for number in 0..pages {
            let from = start + number * page * seconds;
            let to = (from + page * seconds - 1).min(exchange.now().timestamp());
            if from > to {
                break;
            }
            let query = CandleQuery::of(&granularity(timeframe), from, to);
            let page = exchange
                .oanda_page("EUR_USD", &query, &HeaderMap::new(), exchange.now().timestamp())
                .unwrap();
            told.extend(page.rows);
        }
        let end = start + pages * page * seconds;
        let market = exchange.market();
        let now = exchange.now().timestamp();
        let truth: Vec<_> =
            market.candles(&"EURUSD".parse().unwrap(), seconds, start, end, now).collect();
        prop_assert_eq!(told, truth);
    }
}

fn granularity(timeframe: Timeframe) -> String {
    match timeframe.as_str() {
        "1d" => "D".to_owned(),
        text => {
            let (count, unit) = text.split_at(text.len() - 1);
            format!("{}{count}", unit.to_uppercase())
        }
    }
}

impl CandleQuery {
    fn of(granularity: &str, from: i64, to: i64) -> Self {
        let query = format!(
            "http://x/?granularity={granularity}&from={from}&to={to}&dailyAlignment=0\
             &alignmentTimezone=UTC"
        );
        Query::try_from_uri(&query.parse().unwrap()).unwrap().0
    }
}
