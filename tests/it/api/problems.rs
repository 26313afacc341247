//! Requests that no route answers, and what all refusals have in common.

use axum::http::{Method, Request, StatusCode};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::support::test_app::{Setup, TestApp};

const ROUTES: [&str; 20] = [
    "/v1/series",
    "/v1/watermarks",
    "/v1/freshness",
    "/v1/candles?series=coinbase/BTCUSD/1m",
    "/v1/coverage?series=coinbase/BTCUSD/1m",
    "/v1/dead-letters",
    "/v1/dead-letters/dl_0",
    "/v1/dead-letters/dl_0/raw",
    "/v1/findings",
    "/v1/providers",
    "/v1/news",
    "/v1/macro",
    "/v1/feeds",
    "/livez",
    "/readyz",
    "/version",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/models",
];

/// The words themselves: whoever reads them must know what to change.
#[tokio::test]
async fn a_refusal_says_what_is_wrong_and_what_would_be_right() {
    let app = TestApp::start().await;
    let paths = [
        "/v1/candles",
        "/v1/candles?asset=BTCUSD",
        "/v1/candles?asset=BTCUSD&timeframe=2m",
        "/v1/candles?asset=BTC%20USD&timeframe=1m",
        "/v1/candles?series=coinbase/BTCUSD/2m",
        "/v1/candles?series=coinbase/BTCUSD/1m&asset=BTCUSD",
        "/v1/candles?series=coinbase/BTCUSD/1m&limit=1e9",
        "/v1/candles?series=coinbase/BTCUSD/1m&start=2024-03-06T10:00:00&end=2024-03-06T11:00:00",
        "/v1/candles?series=coinbase/BTCUSD/1m&start=2024-03-06T10:00:00Z",
        "/v1/candles?series=coinbase/BTCUSD/1m&start=2024-03-06T11:00:00Z&end=2024-03-06T10:00:00Z",
        "/v1/candles?series=coinbase/BTCUSD/1m&start=1970-01-01T00:00:00Z&end=2024-03-06T10:00:00Z",
        "/v1/candles?series=coinbase/SOLUSD/1m",
        "/v1/coverage?series=coinbase/BTCUSD/1m&limit=5",
        "/v1/freshness?series=coinbase/BTCUSD/1m&series=coinbase/BTCUSD/1h",
        "/v1/dead-letters?expectation=On+Grid",
        "/v1/dead-letters?cursor=2",
        "/v1/dead-letters/dl_0",
        "/v1/dead-letters/%FF",
        "/v1/dead-letters/dl_0?verbose=1",
        "/v1/bars",
    ];
    let mut said: Vec<Value> = Vec::new();
    for path in paths {
        let answer = app.get(path).await;
        let status = answer.status.as_u16();
        said.push(json!([path, answer.problem_of(path, status)]));
    }
    assert_json_snapshot!(said);
}

#[tokio::test]
async fn a_series_that_is_not_kept_is_not_found() {
    let app = TestApp::start().await;
    let series = ["coinbase/BTCUSD/5m", "coinbase/SOLUSD/1m", "oanda/BTCUSD/1m", "x/AAPL/1d"];
    for route in ["/v1/candles", "/v1/coverage", "/v1/freshness"] {
        for series in series {
            let path = format!("{route}?series={series}");
            let problem = app.get(&path).await.problem_of(&path, 404);
            assert!(problem["detail"].as_str().unwrap().contains(series), "{problem}");
        }
    }
    let path = "/v1/freshness?series=coinbase/BTCUSD/1m,coinbase/SOLUSD/1m";
    app.get(path).await.problem_of(path, 404);
}

#[tokio::test]
async fn what_is_no_route_is_a_problem_too() {
    let app = TestApp::start().await;
    let paths = [
        "/",
        "/v1",
        "/v1/",
        "/v1/series/",
        "/v1//series",
        "/V1/series",
        "/v2/series",
        "/v1/series/coinbase/BTCUSD/1m",
        "/v1/candles/../series",
        "/v1/%73eries/x",
        "/v1/dead-letters/",
        "/v1/dead-letters/x/raw/",
        "/v1/dead-letters/x/y",
        "/..%2f..%2fetc/passwd",
        "/%00",
        "/%FF",
        "//",
        "/metrics/",
        "/favicon.ico",
    ];
    for path in paths {
        let problem = app.get(path).await.problem_of(path, 404);
        assert_eq!(problem["code"], "unknown_route", "{path}");
    }
}

#[tokio::test]
async fn every_route_only_reads() {
    let app = TestApp::start().await;
    let methods =
        [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS, Method::TRACE];
    for route in ROUTES {
        for method in &methods {
            let asked = format!("{method} {route}");
            let answer = app.send(Request::builder().method(method).uri(route)).await;
            assert_eq!(answer.header("allow"), "GET,HEAD", "{asked}");
            assert_eq!(answer.problem_of(&asked, 405)["code"], "wrong_method");
        }
    }
    let unknown = app.send(Request::builder().method("BREW").uri("/v1/coffee")).await;
    unknown.problem_of("BREW", 404);
}

/// The same status and headers as GET, and no body.
#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = TestApp::start().await;
    for route in ROUTES {
        let got = app.get(route).await;
        let head = app.send(Request::head(route)).await;
        assert_eq!(head.status, got.status, "{route}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{route}");
        assert!(head.body.is_empty(), "{route}");
        assert!(!got.body.is_empty(), "{route}");
    }
}

/// As long as hyper lets a request line be; what is repeated of it stays short.
#[tokio::test]
async fn a_very_long_query_is_refused_in_few_words() {
    let app = TestApp::start().await;
    let long = "x".repeat(65_000);
    let quoted = "%22".repeat(21_000);
    let many = vec!["a=1"; 16_000].join("&");
    let paths = [
        format!("/v1/candles?series={long}"),
        format!("/v1/candles?asset={quoted}&timeframe=1m"),
        format!("/v1/candles?{long}=1"),
        format!("/v1/series?{many}"),
        format!("/v1/freshness?series={}", "coinbase/NOSUCH/1m,".repeat(3_000)),
        format!("/v1/coverage?series=coinbase/BTCUSD/1m&start={quoted}&end=9"),
        format!("/v1/dead-letters?cursor={long}"),
        format!("/v1/dead-letters?expectation={quoted}"),
        format!("/v1/dead-letters/{long}"),
        format!("/{long}"),
    ];
    for path in paths {
        let answer = app.get(&path).await;
        assert!(answer.status.is_client_error(), "{}", &path[..40]);
        assert!(answer.body.len() < 1_000, "{}: {} bytes", &path[..40], answer.body.len());
        let status = answer.status.as_u16();
        answer.problem_of(&path[..40], status);
    }
}

#[tokio::test]
async fn a_stopping_daemon_is_not_ready_but_alive() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    app.app.lifecycle.stop();
    let answer = app.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json["code"], "stopping");
    assert_eq!(app.get("/livez").await.status, StatusCode::OK);
}

/// A store that has gone away is a 503 with a reason, never a panic and never an empty body.
#[tokio::test]
async fn without_its_store_the_daemon_says_so() {
    let app = TestApp::with(Setup::default()).await;
    app.app.store.close().await;
    for route in ["/readyz", "/metrics", "/v1/dead-letters", "/v1/dead-letters/dl_0"] {
        let answer = app.get(route).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{route}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{route}");
        assert_eq!(answer.json["code"], "unavailable", "{route}");
    }
    for route in ["/livez", "/v1/series", "/v1/freshness"] {
        assert_eq!(app.get(route).await.status, StatusCode::OK, "{route}");
    }
}
