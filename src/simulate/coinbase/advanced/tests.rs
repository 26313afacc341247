//! What Advanced Trade says, golden and word for word.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    http::{Request, header::CONTENT_TYPE},
};
use proptest::prelude::*;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::{
    clock::ManualClock,
    simulate::{FaultPlan, SimulationConfig},
};

/// 2024-03-01T12:00:30Z: half a minute into a minute.
const NOW: i64 = 1_709_294_430;
const PRIVATE: &str = "/api/v3/brokerage/products/BTC-USD/candles";
const PUBLIC: &str = "/api/v3/brokerage/market/products/BTC-USD/candles";
const TOKEN: &str = "Bearer header.claims.signature";

fn exchange() -> Arc<SimulatedExchange> {
    let now = chrono::DateTime::from_timestamp(NOW, 0).unwrap();
    let clock = Arc::new(ManualClock::at(now));
    let config = SimulationConfig { no_trade: 0.0, ..SimulationConfig::default() };
    Arc::new(SimulatedExchange::new(&config, clock))
}

async fn send(
    exchange: &Arc<SimulatedExchange>,
    uri: &str,
    token: Option<&str>,
) -> (u16, String, String) {
    let mut request = Request::get(uri);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, token);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = exchange.clone().router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let content_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    let body = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    (status, content_type, String::from_utf8(body.to_vec()).unwrap())
}

fn query(granularity: &str, start: i64, end: i64) -> String {
    format!("granularity={granularity}&start={start}&end={end}")
}

#[tokio::test]
async fn rows_are_texts_newest_first_with_the_running_one() {
    let exchange = exchange();
    let uri = format!("{PUBLIC}?{}", query("FOUR_HOUR", NOW - 5 * 3_600, NOW));
    let (status, _, body) = send(&exchange, &uri, None).await;
    assert_eq!(status, 200);
    insta::assert_snapshot!(body);
    let uri = format!("{PRIVATE}?{}&limit=1", query("FOUR_HOUR", NOW - 5 * 3_600, NOW));
    let (_, _, one) = send(&exchange, &uri, Some(TOKEN)).await;
    assert_eq!(
        serde_json::from_str::<Value>(&one).unwrap()["candles"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_key_is_a_token_of_three_parts_or_there_is_no_json_at_all() {
    let exchange = exchange();
    let uri = format!("{PRIVATE}?{}", query("ONE_MINUTE", NOW - 600, NOW));
    for token in
        [None, Some("Bearer one.two"), Some("Bearer a..c"), Some("header.claims.signature")]
    {
        let (status, content_type, body) = send(&exchange, &uri, token).await;
        assert_eq!(
            (status, content_type.as_str(), body.as_str()),
            (401, "text/plain", "Unauthorized\n")
        );
    }
    assert_eq!(send(&exchange, &uri, Some(TOKEN)).await.0, 200);
}

#[tokio::test]
async fn refusals_are_the_recorded_ones() {
    let exchange = exchange();
    let start = 1_709_251_200;
    let at_most = |count: i64| query("ONE_MINUTE", start, start + (count - 1) * 60);
    let uri = format!("{PUBLIC}?{}", at_most(350));
    let (status, _, body) = send(&exchange, &uri, None).await;
    let rows = serde_json::from_str::<Value>(&body).unwrap()["candles"].as_array().unwrap().len();
    assert_eq!((status, rows), (200, 350));
    let (status, _, body) = send(&exchange, &format!("{PUBLIC}?{}", at_most(351)), None).await;
    let words =
        "start and end argument is invalid - number of candles requested should be less than 350";
    let expected = json!({ "error": "INVALID_ARGUMENT", "error_details": words, "message": words });
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (400, expected));
    let unknown = PUBLIC.replace("BTC-USD", "NOPE-USD");
    let (status, _, body) = send(&exchange, &format!("{unknown}?{}", at_most(1)), None).await;
    let expected = json!({ "error": "NOT_FOUND", "message": "Product NOPE-USD not supported" });
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (404, expected));
    for wrong in
        ["", "granularity=ONE_MINUTE", &query("FOUR_HOURS", 0, 1), "granularity=60&start=0&end=1"]
    {
        assert_eq!(send(&exchange, &format!("{PUBLIC}?{wrong}"), None).await.0, 400, "{wrong}");
    }
    exchange.set_fault_plan(&FaultPlan::from_pairs(["throttle=1"]).unwrap());
    let (status, _, body) = send(&exchange, &uri, None).await;
    assert_eq!(status, 429);
    assert_eq!(body, r#"{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}"#);
}

proptest! {
    #[test]
    fn pages_reassemble_to_the_truth(
        (granularity, seconds) in prop::sample::select(&GRANULARITIES[..6]),
        start in 1_700_000_000_i64..1_709_000_000,
        page in 1_i64..350,
        pages in 1_i64..4,
    ) {
        let exchange = exchange();
        let start = start / seconds * seconds;
        let mut told = Vec::new();
        for number in 0..pages {
            let from = start + number * page * seconds;
            let query = CandleQuery {
                granularity: Some(granularity.to_owned()),
                start: Some(from.to_string()),
                end: Some((from + (page - 1) * seconds).to_string()),
                limit: None,
            };
            let page = exchange.advanced_page("ETH-USD", &query, NOW).unwrap();
            told.extend(page.rows.into_iter().rev());
        }
        let end = start + pages * page * seconds;
        let market = exchange.market();
        let truth: Vec<_> =
            market.candles(&"ETHUSD".parse().unwrap(), seconds, start, end, NOW).collect();
        prop_assert_eq!(told, truth);
    }
}
