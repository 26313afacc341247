//! `GET /v1/dead-letters`: what was refused is kept as it came, and listed exactly once.

use std::{collections::BTreeSet, fmt::Write, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use barkeep::{
    market::Series,
    simulate::{SimulatedExchange, SimulatedProvider, SimulationConfig},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use insta::assert_json_snapshot;
use serde_json::Value;
use tower::ServiceExt;

use super::{assert_refused, items};
use crate::support::test_app::{Setup, TestApp};

const BTC: &str = "coinbase/BTCUSD/1m";

/// The body with which an exchange that has not been asked before answers the first poll.
async fn first_body(app: &TestApp) -> Vec<u8> {
    let twin = Arc::new(SimulatedExchange::new(&SimulationConfig::default(), app.clock.clone()));
    let coinbase = SimulatedProvider::Coinbase;
    twin.set_faults(coinbase, app.exchange.faults(coinbase));
    let due = app.due(&BTC.parse::<Series>().unwrap()).timestamp();
    let (start, end) = (due - 300 * 60, due - 60);
    let uri = format!("/products/BTC-USD/candles?granularity=60&start={start}&end={end}");
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let response = twin.router().oneshot(request).await.unwrap();
    to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()
}

/// The one letter there is, with its bytes.
async fn only_letter(app: &TestApp) -> (Value, Vec<u8>) {
    let list = app.get("/v1/dead-letters").await.ok();
    assert_eq!(items(&list, "items").len(), 1, "{list}");
    let id = items(&list, "items")[0]["id"].as_str().unwrap().to_owned();
    let letter = app.get(&format!("/v1/dead-letters/{id}")).await.ok();
    let raw = app.get(&format!("/v1/dead-letters/{id}/raw")).await;
    assert_eq!(raw.status, 200);
    assert_eq!(raw.header("content-type"), "application/octet-stream");
    assert_eq!(STANDARD.decode(letter["raw_base64"].as_str().unwrap()).unwrap(), raw.body);
    assert_eq!(letter["raw"].as_str().unwrap().as_bytes(), raw.body);
    (letter, raw.body)
}

#[tokio::test]
async fn a_bad_row_is_kept_byte_for_byte() {
    let app = TestApp::start().await;
    app.set_faults(&["bad_row=1"]);
    app.poll(BTC).await.unwrap();
    let (letter, raw) = only_letter(&app).await;
    assert_json_snapshot!(letter);
    let body = String::from_utf8(first_body(&app).await).unwrap();
    let raw = String::from_utf8(raw).unwrap();
    assert!(raw.starts_with('[') && raw.ends_with(']'), "one whole row: {raw}");
    assert_eq!(body.matches(&raw).count(), 1, "{raw} in {body}");
    let rows = body.split("],[").count() as u64;
    assert_eq!(app.app.landed() + 1, rows, "all others landed");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_kept_whole() {
    let settings = &[("PROVIDERS__COINBASE__RETRIES", "0")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    app.set_faults(&["torn=1"]);
    app.poll(BTC).await.unwrap_err();
    let (letter, raw) = only_letter(&app).await;
    assert_eq!(raw, first_body(&app).await);
    assert_json_snapshot!(letter, {".raw" => "[half a page]", ".raw_base64" => "[half a page]"});
}

#[tokio::test]
async fn what_is_refused_again_is_one_letter_seen_more_often() {
    let app = TestApp::start().await;
    let csv = "time,open,high,low,close,volume\n2024-03-06T10:00:00Z,1,2,3,1,1\n";
    for _ in 0..3 {
        app.import("bad.csv", csv, BTC).await;
        app.clock.advance(TimeDelta::minutes(1));
    }
    let (letter, raw) = only_letter(&app).await;
    assert_eq!(String::from_utf8(raw).unwrap(), csv.lines().nth(1).unwrap());
    assert_json_snapshot!(letter);
}

/// Bytes that are no text have no `raw`, but a `raw_base64`.
#[tokio::test]
async fn bytes_that_are_no_text_come_as_they_are() {
    let app = TestApp::start().await;
    let raw = vec![0xFF, 0x00, b'\n', 0xFE];
    let from = ("a test", app.now());
    let letter = barkeep::quality::DeadLetter::new(
        BTC.parse().unwrap(),
        None,
        "readable",
        "no text".to_owned(),
        raw.clone().into(),
        from,
    );
    app.app.store.keep(std::slice::from_ref(&letter)).await.unwrap();
    let shown = app.get(&format!("/v1/dead-letters/{}", letter.id)).await.ok();
    assert_eq!(shown.get("raw"), None);
    assert_eq!(STANDARD.decode(shown["raw_base64"].as_str().unwrap()).unwrap(), raw);
    let bytes = app.get(&format!("/v1/dead-letters/{}/raw", letter.id)).await;
    assert_eq!(bytes.body, raw);
}

/// 25 letters of one instant and 5 of later ones, so that pages break within an instant.
async fn many_letters() -> TestApp {
    let app = TestApp::start().await;
    let mut csv = "time,open,high,low,close,volume\n".to_owned();
    for minute in 0..25 {
        writeln!(csv, "2024-03-06T10:{minute:02}:00Z,1,2,3,1,1").unwrap();
    }
    app.import("bad.csv", &csv, BTC).await;
    for minute in 30..35 {
        app.clock.advance(TimeDelta::seconds(1));
        let row = format!("2024-03-06T10:{minute}:07Z,1,2,1,1,1");
        let csv = format!("time,open,high,low,close,volume\n{row}\n");
        app.import("bad.csv", &csv, "coinbase/ETHUSD/1m").await;
    }
    app
}

/// Every id in the order of the pages.
async fn walk(app: &TestApp, filter: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/dead-letters?limit={limit}{filter}{cursor}");
        let page = app.get(&path).await.ok();
        let letters = items(&page, "items");
        assert!(letters.len() <= limit);
        ids.extend(letters.iter().map(|letter| letter["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return ids };
        assert_eq!(letters.len(), limit, "only the last page is short");
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn pages_walk_over_every_letter_exactly_once() {
    let app = many_letters().await;
    let all = walk(&app, "", 1_000).await;
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 30);
    for limit in [1, 2, 7, 29, 30, 31] {
        assert_eq!(walk(&app, "", limit).await, all, "{limit} a page");
    }
    let filters = [
        ("&series=coinbase/BTCUSD/1m", 25),
        ("&series=coinbase/eth-usd/1m", 5),
        ("&expectation=on_grid", 5),
        ("&expectation=high_not_below_low", 25),
        ("&expectation=high_not_below_low&series=coinbase/ETHUSD/1m", 0),
        ("&expectation=no_such_expectation", 0),
        ("&series=oanda/EURUSD/1h", 0),
    ];
    for (filter, count) in filters {
        assert_eq!(walk(&app, filter, 4).await.len(), count, "{filter}");
    }
}

/// Letters that arrive while somebody pages are newer than the page, so they disturb nothing.
#[tokio::test]
async fn a_letter_that_arrives_meanwhile_moves_no_page() {
    let app = many_letters().await;
    let all = walk(&app, "", 1_000).await;
    let page = app.get("/v1/dead-letters?limit=10").await.ok();
    app.clock.advance(TimeDelta::seconds(1));
    let csv = "time,open,high,low,close\n2024-03-06T11:00:00Z,1,2,3,1\n";
    app.import("late.csv", csv, BTC).await;
    let cursor = format!("&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(walk(&app, &cursor, 100).await, all[10..]);
}

#[tokio::test]
async fn every_wrong_parameter_is_refused_by_name() {
    let app = TestApp::start().await;
    let cases = [
        ("series=", "series"),
        ("series=BTCUSD", "series"),
        ("series=../../../x", "series"),
        ("series=coinbase/BTCUSD/1m&series=coinbase/BTCUSD/1m", "series"),
        ("asset=BTCUSD", "asset"),
        ("expectation=", "expectation"),
        ("expectation=On%20Grid", "expectation"),
        ("expectation=x'%20or%201=1--", "expectation"),
        ("expectation=%FF", "expectation"),
        ("limit=", "limit"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=1e9", "limit"),
        ("limit=4294967296", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=", "cursor"),
        ("cursor=.", "cursor"),
        ("cursor=x.dl_0", "cursor"),
        ("cursor=1709726430000000", "cursor"),
        ("cursor=1709726430000000.", "cursor"),
        ("cursor=9223372036854775807.dl_0", "cursor"),
        ("cursor=-9223372036854775808.dl_0", "cursor"),
        ("cursor=99999999999999999999.dl_0", "cursor"),
        ("cursor=%FF.dl_0", "cursor"),
        ("cursor=1.dl_0&cursor=1.dl_0", "cursor"),
        ("offset=10", "offset"),
    ];
    assert_refused(&app, "/v1/dead-letters?", &cases).await;
}

#[tokio::test]
async fn an_id_that_is_none_finds_nothing() {
    let app = many_letters().await;
    let ids = [
        "dl_0",
        "DL_00000000000000000000000000000000",
        "..%2F..%2Fetc%2Fpasswd",
        "%00",
        "*",
        "'%20or%201=1--",
        "%F0%9F%8D%BA",
    ];
    for id in ids {
        for path in [format!("/v1/dead-letters/{id}"), format!("/v1/dead-letters/{id}/raw")] {
            let problem = app.get(&path).await.problem_of(&path, 404);
            assert_eq!(problem["code"], "not_found", "{path}");
        }
    }
    for path in ["/v1/dead-letters/%FF", "/v1/dead-letters/%C3%28/raw"] {
        assert_eq!(app.get(path).await.problem_of(path, 422)["field"], "id");
    }
    let all = walk(&app, "", 1_000).await;
    for path in [format!("/v1/dead-letters/{}", all[0]), "/v1/dead-letters/x/raw".to_owned()] {
        assert_refused(&app, &path, &[("?verbose", "verbose"), ("?limit=1", "limit")]).await;
    }
}
