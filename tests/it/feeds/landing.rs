//! What lands of news: everything, once, also over many pages, restarts and strangers.

use barkeep::{
    lake::{FeedRecord, Lake, MentionFilter},
    market::Feed,
    telemetry::Metrics,
};
use chrono::TimeDelta;
use deltalake::kernel::{DataType, StructField};
use insta::assert_snapshot;
use uuid::Uuid;

use super::{
    NEWS, count,
    newsroom::{BTC, ETH, Newsroom, article},
    rows, told,
};
use crate::support::test_app::TestApp;

fn counted(app: &TestApp, outcome: &str) -> u64 {
    app.app.metrics.feed_items.with_label_values(&["news", outcome]).get()
}

fn lake(app: &TestApp) -> &std::path::Path {
    &app.app.config.lake.path
}

const BITCOIN: &[(&str, f64)] = &[("CRYPTO:BTC", 0.25)];
const BOTH: &[(&str, f64)] = &[("CRYPTO:BTC", 0.25), ("CRYPTO:ETH", -0.5)];

#[tokio::test]
async fn t52_articles_land_once_however_often_they_are_asked_for() {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("one", 600, BITCOIN));
    newsroom.publish(article("two", 60, BITCOIN));
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    let version = app.app.lake.news().version();
    for _ in 0..3 {
        app.collect(BTC).await.unwrap();
    }
    assert_eq!(rows(lake(&app), NEWS).await, 2);
    assert_eq!(app.app.lake.news().version(), version, "nothing new is no commit");
    assert_eq!((counted(&app, "landed"), counted(&app, "unchanged")), (2, 6));
    newsroom.publish(article("three", -1, BITCOIN));
    app.clock.advance(TimeDelta::minutes(5));
    app.collect(BTC).await.unwrap();
    assert_eq!(rows(lake(&app), NEWS).await, 3);
    let landings = app.app.lake.news().landings(&BTC.parse::<Feed>().unwrap()).await.unwrap();
    assert_eq!(landings, 2, "each commit counts one landing of the feed");
}

#[tokio::test]
async fn every_column_reads_back_as_it_was_told() {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("one", 90, BOTH));
    // Of the month before.
    newsroom.publish(article("old", 6 * 24 * 60, BITCOIN));
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    app.collect(ETH).await.unwrap();
    let columns = "select article_id, published_at, title, url, source, asset_pair, relevance_score, \
                   sentiment_score, sentiment_label, topics, is_mock, _extracted_at, _source, \
                   length(_ingestion_id) as id_length, date from t order by asset_pair, published_at";
    assert_snapshot!(told(lake(&app), NEWS, columns).await);
}

/// What the lake has of ETHUSD came with an article about both; it must not pass for what was asked
/// about ETHUSD.
#[tokio::test]
async fn t34_an_article_about_two_assets_makes_two_rows_and_hides_nothing() {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("early", 3 * 24 * 60, &[("CRYPTO:ETH", 0.75)]));
    newsroom.publish(article("both", 10, BOTH));
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    app.collect(ETH).await.unwrap();
    let sql = "select asset_pair, url, sentiment_score from t order by asset_pair, published_at";
    assert_snapshot!(told(lake(&app), NEWS, sql).await, @r"
    +------------+---------------------------+-----------------+
    | asset_pair | url                       | sentiment_score |
    +------------+---------------------------+-----------------+
    | BTCUSD     | https://example.org/both  | 0.25            |
    | ETHUSD     | https://example.org/early | 0.75            |
    | ETHUSD     | https://example.org/both  | -0.5            |
    +------------+---------------------------+-----------------+
    ");
}

#[tokio::test]
async fn t40_more_articles_than_an_answer_holds_are_read_page_by_page() {
    let newsroom = Newsroom::open().await;
    // Three a minute, so that pages end within a minute.
    for n in 0..2_501 {
        newsroom.publish(article(&format!("a{n}"), n / 3 + 5, BITCOIN));
    }
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    let from = newsroom.parameters("time_from");
    assert_eq!(from, ["20240228T1200", "20240306T0335", "20240306T0908"]);
    assert_eq!(rows(lake(&app), NEWS).await, 2_501);
    assert_eq!(
        count(lake(&app), NEWS, "select distinct article_id, asset_pair from t").await,
        2_501
    );
}

/// A thousand articles of one minute fill an answer; no question would give the rest of it.
#[tokio::test]
async fn a_minute_that_fills_an_answer_does_not_stop_what_follows() {
    let newsroom = Newsroom::open().await;
    for n in 0..1_100 {
        newsroom.publish(article(&format!("a{n}"), 500, BITCOIN));
    }
    newsroom.publish(article("after", 100, BITCOIN));
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    assert_eq!(newsroom.asked(), 3);
    assert_eq!(rows(lake(&app), NEWS).await, 1_001);
}

#[tokio::test]
async fn t34_pages_that_landed_before_a_failure_stay_and_the_rest_follows() {
    let newsroom = Newsroom::open().await;
    for n in 0..1_500 {
        newsroom.publish(article(&format!("a{n}"), n + 5, BITCOIN));
    }
    newsroom.fail_once_at(1);
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap_err();
    assert_eq!(rows(lake(&app), NEWS).await, 1_000);
    let app = app.restart().await;
    app.collect(BTC).await.unwrap();
    assert_eq!(rows(lake(&app), NEWS).await, 1_500);
    assert_eq!(counted(&app, "landed"), 500);
}

#[tokio::test]
async fn an_article_that_is_listed_hours_late_lands() {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("prompt", 10, BITCOIN));
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    newsroom.publish(article("late", 20 * 60, BITCOIN));
    app.collect(BTC).await.unwrap();
    assert_eq!(rows(lake(&app), NEWS).await, 2);
    assert_eq!(newsroom.parameters("time_from")[1], "20240305T1150", "a day before the newest");
}

/// An article that is given another time later is still the same article.
#[tokio::test]
async fn t53_an_article_published_anew_is_no_news() {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("one", 6 * 24 * 60, BITCOIN));
    newsroom.publish(article("two", 60, BITCOIN));
    let app = newsroom.app(&[]).await;
    app.collect(BTC).await.unwrap();
    newsroom.publish(article("one", 30, BITCOIN));
    app.collect(BTC).await.unwrap();
    assert_eq!(rows(lake(&app), NEWS).await, 2);
}

#[tokio::test]
async fn what_a_stranger_has_landed_meanwhile_does_not_land_again() {
    let newsroom = Newsroom::open().await;
    newsroom.publish(article("one", 60, BITCOIN));
    newsroom.publish(article("two", 30, BITCOIN));
    let app = newsroom.app(&[]).await;
    let other = newsroom.app(&[]).await;
    other.collect(BTC).await.unwrap();
    let landed =
        other.app.lake.news().mentions(&MentionFilter::default(), 1).await.unwrap().remove(0);
    let stranger = Lake::open(&app.app.config.lake, &Metrics::new().unwrap()).await.unwrap();
    let provenance = barkeep::market::Provenance {
        extracted_at: landed.extracted_at,
        made_at: landed.extracted_at,
        source: "elsewhere".to_owned(),
        is_mock: false,
        is_derived: false,
    };
    let feed: Feed = BTC.parse().unwrap();
    let record = FeedRecord { feed: feed.clone(), landing: 1, ingestion_id: Uuid::nil() };
    let mentions = [landed.mention];
    stranger.news().append(record, (&landed.asset, &mentions), &provenance).await.unwrap();
    app.collect(BTC).await.unwrap();
    assert_eq!(rows(lake(&app), NEWS).await, 2);
    assert_eq!(app.app.lake.news().landings(&feed).await.unwrap(), 2);
}

#[tokio::test]
async fn t44_t51_compaction_leaves_few_files_and_every_row() {
    let newsroom = Newsroom::open().await;
    let app = newsroom.app(&[("LAKE__COMPACT_AFTER", "4")]).await;
    for n in 0..12 {
        newsroom.publish(article(&format!("a{n}"), 600 - n, BOTH));
        app.collect(BTC).await.unwrap();
        app.collect(ETH).await.unwrap();
    }
    let table = app.app.lake.news();
    let sql = "select * from t order by asset_pair, published_at";
    let before = told(lake(&app), NEWS, sql).await;
    while table.compact().await.unwrap().is_some() {}
    table.compact_fully().await.unwrap();
    let files = table.snapshot().snapshot().unwrap().log_data().num_files();
    assert_eq!(files, 1);
    assert_eq!(told(lake(&app), NEWS, sql).await, before);
    assert_eq!(rows(lake(&app), NEWS).await, 24);
}

#[tokio::test]
async fn a_column_that_a_stranger_has_added_is_no_obstacle() {
    let newsroom = Newsroom::open().await;
    let app = newsroom.app(&[]).await;
    let table = app.app.lake.news();
    newsroom.publish(article("one", 60, BITCOIN));
    app.collect(BTC).await.unwrap();
    let mood = StructField::new("mood", DataType::STRING, true);
    table.snapshot().add_columns().with_fields([mood]).await.unwrap();
    newsroom.publish(article("two", 30, BITCOIN));
    for _ in 0..2 {
        app.collect(BTC).await.unwrap();
    }
    table.compact_fully().await.unwrap();
    assert_eq!(count(lake(&app), NEWS, "select 1 from t where mood is null").await, 2);
    assert_eq!(app.get("/v1/news").await.ok()["items"].as_array().unwrap().len(), 2);
}
