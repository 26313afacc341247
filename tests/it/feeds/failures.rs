//! Bad items, bad answers, and a provider that says no.

use barkeep::market::Feed;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    MACRO, NEWS,
    newsroom::{BTC, CPI, Newsroom, article, monthly},
    rows,
};
use crate::support::test_app::TestApp;

const BITCOIN: &[(&str, f64)] = &[("CRYPTO:BTC", 0.25)];

async fn letters(app: &TestApp, feed: &str) -> Vec<Value> {
    let answer = app.get(&format!("/v1/dead-letters?series={feed}")).await.ok();
    answer["items"].as_array().unwrap().clone()
}

/// When a feed is asked again.
fn wait(app: &TestApp, feed: &str) -> TimeDelta {
    let feed: Feed = feed.parse().unwrap();
    let state = app.app.collector.feeds().into_iter().find(|(name, _)| *name == feed).unwrap().1;
    state.due_at - app.now()
}

#[tokio::test]
async fn t20_t21_bad_articles_become_dead_letters_and_the_rest_lands() {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("good", 60, BITCOIN));
    let mut untimely = article("untimely", 50, BITCOIN);
    untimely["time_published"] = json!("noon");
    newsroom.publish(untimely.clone());
    newsroom.publish(article("enthusiastic", 40, &[("CRYPTO:BTC", 1.5)]));
    let app = newsroom.app(&[]).await;
    for _ in 0..2 {
        app.collect(BTC).await.unwrap();
        app.clock.advance(TimeDelta::seconds(1));
    }
    assert_eq!(rows(&app.app.config.lake.path, NEWS).await, 1);
    let kept = letters(&app, BTC).await;
    let mut expectations: Vec<_> =
        kept.iter().map(|letter| letter["expectation"].as_str().unwrap()).collect();
    expectations.sort_unstable();
    assert_eq!(expectations, ["readable", "sentiment_in_range"]);
    let of_time = kept.iter().find(|letter| letter["expectation"] == "readable").unwrap();
    assert_eq!((&of_time["series"], &of_time["times_seen"]), (&json!(BTC), &json!(2)));
    let id = of_time["id"].as_str().unwrap();
    let raw = app.get(&format!("/v1/dead-letters/{id}/raw")).await;
    assert_eq!(serde_json::from_slice::<Value>(&raw.body).unwrap(), untimely);
    assert!(letters(&app, "coinbase/BTCUSD/1m").await.is_empty());
}

/// The newest row decides what is asked for next, so a time that is wrong would hide what follows.
#[tokio::test]
async fn t27_an_article_of_the_future_is_refused_until_its_time_has_come() {
    let newsroom = Newsroom::open().await;
    let mut early = article("early", 0, BITCOIN);
    early["time_published"] = json!("20240306T170000");
    // The provider gives it although it lies outside the window that was asked for.
    newsroom.fail(200, &json!({"feed": [early]}).to_string());
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    assert_eq!(letters(&app, BTC).await[0]["expectation"], "not_in_future");
    app.clock.advance(TimeDelta::hours(6));
    app.collect(BTC).await.unwrap();
    assert_eq!(rows(&app.app.config.lake.path, NEWS).await, 1);
}

#[tokio::test]
async fn t20_t21_bad_periods_become_dead_letters_and_the_rest_lands() {
    let newsroom = Newsroom::open().await;
    let points =
        [("2024-02-01", "n/a"), ("2024-01-01", "309"), ("2023-12-01", "1"), ("2023-12-01", "2")];
    newsroom.announce("CPI", monthly(&points));
    let app = newsroom.app(&[]).await;
    app.collect(CPI).await.unwrap();
    assert_eq!(rows(&app.app.config.lake.path, MACRO).await, 1);
    let kept = letters(&app, CPI).await;
    let conflicts = kept.iter().filter(|letter| letter["expectation"] == "no_conflict").count();
    assert_eq!((kept.len(), conflicts), (3, 2), "{kept:#?}");
}

#[tokio::test]
async fn t16_an_answer_that_cannot_be_read_is_kept_whole() {
    let newsroom = Newsroom::open().await;
    newsroom.fail(200, "<html>maintenance</html>");
    let app = newsroom.app(&[]).await;
    for feed in [BTC, CPI] {
        app.collect(feed).await.unwrap_err();
        let kept = letters(&app, feed).await;
        assert_eq!(kept[0]["expectation"], "readable_answer");
        let id = kept[0]["id"].as_str().unwrap();
        let raw = app.get(&format!("/v1/dead-letters/{id}/raw")).await;
        assert_eq!(raw.text(), "<html>maintenance</html>");
    }
}

const THROTTLED: &str =
    r#"{"Note": "Our standard API call frequency is 5 calls per minute and 500 calls per day."}"#;
const EXHAUSTED: &str = r#"{"Information": "We have detected your API key as secret-key and our standard API rate limit is 25 requests per day."}"#;
const BAD_KEY: &str =
    r#"{"Error Message": "the parameter apikey is invalid or missing: secret-key"}"#;

#[tokio::test]
async fn t01_t02_a_provider_that_says_no_is_not_asked_again_at_once() {
    let midnight: DateTime<Utc> = "2024-03-07T00:00:00Z".parse().unwrap();
    for (body, outcome) in
        [(THROTTLED, "throttled"), (EXHAUSTED, "exhausted"), (BAD_KEY, "unauthorized")]
    {
        let newsroom = Newsroom::open().await;
        newsroom.publish(article("one", 60, BITCOIN));
        newsroom.fail(200, body);
        let app = newsroom.app(&[]).await;
        app.collect(BTC).await.unwrap_err();
        let expected = match outcome {
            "throttled" => TimeDelta::minutes(1),
            "exhausted" => midnight - app.now(),
            _ => TimeDelta::hours(6),
        };
        assert_eq!(wait(&app, BTC), expected, "{outcome}");
        assert_eq!(newsroom.asked(), 1, "{outcome}");
        let feeds = app.get("/v1/feeds").await;
        assert!(!feeds.text().contains("secret-key"), "{}", feeds.text());
        assert_eq!(feeds.ok()["items"][0]["trouble"]["outcome"], outcome);
        newsroom.recover();
        app.clock.advance(expected);
        app.collect(BTC).await.unwrap();
        assert_eq!(rows(&app.app.config.lake.path, NEWS).await, 1, "{outcome}");
        assert_eq!(wait(&app, BTC), TimeDelta::hours(6));
        assert_eq!(app.get("/v1/feeds").await.ok()["items"][0]["trouble"], Value::Null);
    }
}

/// The budget of the free plan is the provider's own; what is left of a day goes to live polls.
#[tokio::test]
async fn t04_a_budget_that_is_used_up_parks_feeds_without_a_request() {
    let newsroom = Newsroom::open().await;
    newsroom.announce("CPI", monthly(&[("2024-01-01", "309")]));
    let app = newsroom.app(&[("PROVIDERS__ALPHA_VANTAGE__LIMITS", "2/day")]).await;
    app.collect(CPI).await.unwrap();
    while app.collect(CPI).await.is_ok() {}
    let asked = newsroom.asked();
    assert!(asked <= 2, "{asked}");
    assert!(wait(&app, CPI) > TimeDelta::hours(23), "{}", wait(&app, CPI));
    app.collect(BTC).await.unwrap_err();
    assert_eq!(newsroom.asked(), asked);
}

fn take_due(app: &TestApp) -> Vec<Feed> {
    Feed::KINDS.iter().flat_map(|kind| app.app.collector.take_due(kind, app.now())).collect()
}

#[tokio::test]
async fn feeds_are_given_out_once_and_not_again_after_a_restart() {
    let newsroom = Newsroom::open().await;
    newsroom.announce("CPI", monthly(&[("2024-01-01", "309")]));
    let app = newsroom.app(&[]).await;
    let due = take_due(&app);
    let names: Vec<_> = due.iter().map(ToString::to_string).collect();
    assert_eq!(names, [BTC, "alpha_vantage/news/ETHUSD", CPI]);
    assert_eq!(take_due(&app), []);
    app.collect(CPI).await.unwrap();
    let app = app.restart().await;
    let due = take_due(&app);
    assert_eq!(due.len(), 2, "CPI was collected before: {due:?}");
    app.clock.advance(TimeDelta::days(1));
    assert!(take_due(&app).contains(&CPI.parse().unwrap()));
}

#[tokio::test]
async fn without_a_key_there_are_no_feeds() {
    let app = TestApp::start().await;
    assert_eq!(app.app.collector.feeds().len(), 0);
    assert_eq!(take_due(&app), []);
    let told = app.collect(BTC).await.unwrap_err();
    assert_eq!(told.to_string(), format!("{BTC} is not among the feeds that are collected"));
}
