//! News, macroeconomic indicators, and the state of their feeds.

use chrono::TimeDelta;
use insta::assert_json_snapshot;
use serde_json::Value;

use super::{assert_refused, items};
use crate::{
    feeds::newsroom::{BTC, CPI, ETH, Newsroom, article, monthly},
    support::test_app::TestApp,
};

/// Three articles, one of them about two assets, and a revised month.
async fn collected() -> (Newsroom, TestApp) {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("first", 300, &[("CRYPTO:BTC", 0.25)]));
    newsroom.publish(article("second", 200, &[("CRYPTO:BTC", 0.5), ("CRYPTO:ETH", -0.25)]));
    newsroom.publish(article("third", 100, &[("CRYPTO:ETH", 0.75)]));
    newsroom.announce("CPI", monthly(&[("2024-02-01", "310.5"), ("2024-01-01", "309")]));
    newsroom.announce("RETAIL_SALES", monthly(&[("2024-01-01", "7")]));
    let app = newsroom.app(&[("MACRO__INDICATORS", "cpi,RETAIL_SALES,unemployment")]).await;
    for feed in [BTC, ETH, CPI, "alpha_vantage/macro/RETAIL_SALES"] {
        app.collect(feed).await.unwrap();
    }
    newsroom.announce("CPI", monthly(&[("2024-02-01", "310.75"), ("2024-01-01", "309")]));
    app.clock.advance(TimeDelta::days(1));
    app.collect(CPI).await.unwrap();
    app.collect("alpha_vantage/macro/UNEMPLOYMENT").await.unwrap_err();
    (newsroom, app)
}

async fn urls(app: &TestApp, query: &str) -> Vec<String> {
    let answer = app.get(&format!("/v1/news?{query}")).await.ok();
    let name = |item: &Value| {
        let url = item["url"].as_str().unwrap().rsplit('/').next().unwrap();
        format!("{} {url}", item["asset"].as_str().unwrap())
    };
    items(&answer, "items").iter().map(name).collect()
}

#[tokio::test]
async fn news_are_listed_newest_first_by_asset_and_time() {
    let (_newsroom, app) = collected().await;
    let all = ["ETHUSD third", "BTCUSD second", "ETHUSD second", "BTCUSD first"];
    assert_eq!(urls(&app, "").await, all);
    assert_eq!(urls(&app, "limit=2").await, all[..2]);
    assert_eq!(urls(&app, "asset=btc-usd").await, ["BTCUSD second", "BTCUSD first"]);
    assert_eq!(urls(&app, "asset=SOLUSD").await, [""; 0]);
    // Published at 07:00, 08:40 and 10:20; the end is not of the window.
    let window = "start=2024-03-06T07:00:00Z&end=2024-03-06T10:20:00Z";
    assert_eq!(urls(&app, window).await, all[1..]);
    assert_eq!(urls(&app, &format!("{window}&asset=ETHUSD")).await, ["ETHUSD second"]);
    let one = app.get("/v1/news?limit=1").await.ok();
    assert_json_snapshot!(one);
}

#[tokio::test]
async fn indicators_are_listed_by_their_newest_revision() {
    let (_newsroom, app) = collected().await;
    let cpi = app.get("/v1/macro?indicator=cpi").await.ok();
    assert_json_snapshot!(cpi);
    let all = app.get("/v1/macro").await.ok();
    let names: Vec<_> =
        items(&all, "items").iter().map(|item| item["indicator"].as_str().unwrap()).collect();
    assert_eq!(names, ["CPI", "CPI", "RETAIL_SALES"]);
    assert_eq!(items(&app.get("/v1/macro?limit=1").await.ok(), "items").len(), 1);
}

#[tokio::test]
async fn feeds_tell_how_they_go() {
    let (_newsroom, app) = collected().await;
    let told = app.get("/v1/feeds").await.ok();
    assert_json_snapshot!(told);
    let success = |app: &TestApp| app.app.metrics.feed_success.with_label_values(&["macro"]).get();
    assert_eq!(success(&app), app.now().timestamp());
    let app = app.restart().await;
    assert_eq!(success(&app), app.now().timestamp(), "a restart does not look like a failure");
    let again = app.get("/v1/feeds").await.ok();
    assert_eq!(again["items"][0]["newest"], told["items"][0]["newest"], "the lake knows");
    assert_eq!(again["items"][0]["next_due_at"], told["items"][0]["next_due_at"]);
}

#[tokio::test]
async fn every_wrong_parameter_is_refused_by_name() {
    let app = TestApp::start().await;
    let news = [
        ("asset=BTC%20USD", "asset"),
        ("asset=", "asset"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("start=2024-03-06T07:00:00Z", "end"),
        ("end=2024-03-06T07:00:00Z", "start"),
        ("start=2024-03-06&end=2024-03-07", "start"),
        ("start=2024-03-06T07:00:00Z&end=2024-03-06T07:00:00Z", "end"),
        ("topic=finance", "topic"),
    ];
    assert_refused(&app, "/v1/news?", &news).await;
    let indicators = [
        ("indicator=", "indicator"),
        ("indicator=mood", "indicator"),
        ("limit=x", "limit"),
        ("asset=BTCUSD", "asset"),
    ];
    assert_refused(&app, "/v1/macro?", &indicators).await;
    assert_refused(&app, "/v1/feeds?", &[("kind=news", "kind")]).await;
    for route in ["/v1/news", "/v1/macro", "/v1/feeds"] {
        assert_eq!(items(&app.get(route).await.ok(), "items").len(), 0, "{route}");
    }
}
