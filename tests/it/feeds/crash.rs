//! The real daemon, killed at each point of a feed's way into the lake.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    MACRO, NEWS, count,
    newsroom::{Newsroom, article, monthly},
    rows,
};
use crate::support::daemon::{Daemon, without_candles};

const POINTS: [&str; 4] = ["dead_letters_kept", "files_written", "committed", "recorded"];
const SIGABRT: i32 = 6;

/// An article of so many minutes ago, by the clock of the machine.
fn recent(name: &str, minutes: i64, now: chrono::DateTime<Utc>) -> Value {
    let mut article = article(name, 0, &[("CRYPTO:BTC", 0.25)]);
    let at = now - TimeDelta::minutes(minutes);
    article["time_published"] = json!(at.format("%Y%m%dT%H%M%S").to_string());
    article
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t35_t50_a_kill_at_every_point_neither_loses_nor_doubles_an_item() {
    let newsroom = Newsroom::open().await;
    let folder = tempfile::tempdir().unwrap();
    // No candle passes the points on its way.
    let mut settings = without_candles(folder.path());
    let own = [
        ("PROVIDERS__ALPHA_VANTAGE__URL", newsroom.url()),
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "k".to_owned()),
        ("PROVIDERS__ALPHA_VANTAGE__LIMITS", "1000/s".to_owned()),
        ("NEWS__ASSETS", "BTCUSD".to_owned()),
        ("NEWS__EVERY", "100ms".to_owned()),
        ("MACRO__INDICATORS", "CPI".to_owned()),
        ("MACRO__EVERY", "100ms".to_owned()),
    ];
    settings.extend(own.map(|(key, value)| (format!("BARKEEP__{key}"), value)));
    let log = folder.path().join("log");
    let now = barkeep::clock::Clock::now(&barkeep::clock::SystemClock::real());
    let mut published = 0;
    for (round, point) in POINTS.iter().cycle().take(8).enumerate() {
        for _ in 0..3 {
            newsroom.publish(recent(&format!("a{published}"), 600 - published, now));
            published += 1;
        }
        let mut bad = recent(&format!("bad{round}"), 300, now);
        bad["ticker_sentiment"][0]["relevance_score"] = json!("high");
        newsroom.publish(bad);
        let value = (300 + round).to_string();
        newsroom.announce("CPI", monthly(&[("2024-02-01", &value), ("2024-01-01", "300")]));
        let mut doomed = settings.clone();
        doomed.insert("BARKEEP_CRASH_AT".to_owned(), format!("{point}:{}", 1 + round / 4));
        let mut daemon = Daemon::spawn(&doomed, &log);
        let status = daemon.ended(Duration::from_secs(30)).await;
        assert_eq!(status.signal(), Some(SIGABRT), "{point} was not what ended it");
    }
    let mut daemon = Daemon::spawn(&settings, &log);
    let asked = newsroom.asked();
    daemon
        .wait_until("/v1/feeds", Duration::from_secs(30), |answer| {
            let items = answer["items"].as_array().unwrap();
            items.iter().all(|feed| feed["succeeded_at"].is_string())
                && newsroom.asked() > asked + 8
        })
        .await;
    daemon.stop().await;
    let lake = folder.path().join("lake");
    let published = usize::try_from(published).unwrap();
    assert_eq!(rows(&lake, NEWS).await, published);
    assert_eq!(
        count(&lake, NEWS, "select distinct article_id, asset_pair from t").await,
        published
    );
    let unsound = "select timestamp from t group by timestamp \
                   having count(*) <> max(revision) + 1 or min(revision) <> 0 \
                   or count(*) <> count(distinct value)";
    assert_eq!(count(&lake, MACRO, unsound).await, 0);
    assert_eq!(count(&lake, MACRO, "select 1 from t where value = 307").await, 1);
}
