//! Landings, compactions, removals and questions at the same time, minute after minute. An hour of the
//! market by default; `BARKEEP_SOAK_MINUTES` says otherwise.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{BTC, age, assert_clean, bench, keep, table};
use crate::{
    fuzz::setting,
    support::test_app::{TestApp, query_of, seconds},
};

const MINUTES: u64 = 60;

/// How much of the market is asked for again and again.
const WINDOW: TimeDelta = TimeDelta::hours(20);

/// What was known at an instant, which nothing that comes later may change.
struct Told {
    at: DateTime<Utc>,
    candles: Value,
    /// Rows, candles, and a sum over their values.
    sums: Value,
}

fn path_of(start: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let window = barkeep::market::Window::new(start - TimeDelta::hours(1), start + WINDOW);
    let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    format!("/v1/candles?series={BTC}&{}&as_of={at}", query_of(window))
}

async fn sums(app: &TestApp, at: DateTime<Utc>) -> Value {
    let query = "select count(*) as rows, count(distinct timestamp) as candles, \
        sum(cast(close * 100 as bigint) * (revision + 1)) as sum from raw_market_data_1m";
    let at = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let answer = app.post("/v1/sql", &json!({ "query": query, "as_of": at })).await.ok();
    answer["rows"][0].clone()
}

async fn told(app: &TestApp, start: DateTime<Utc>, at: DateTime<Utc>) -> Told {
    let candles = app.get(&path_of(start, at)).await.ok()["candles"].clone();
    Told { at, candles, sums: sums(app, at).await }
}

/// Neither a candle more or less, nor one that is another one.
async fn assert_same(app: &TestApp, start: DateTime<Utc>, then: &Told) {
    let now = told(app, start, then.at).await;
    assert_eq!(now.candles, then.candles, "as of {}", then.at);
    assert_eq!(now.sums, then.sums, "as of {}", then.at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_at_once_the_truth_is_told() {
    let app = &bench().await;
    let table = table(app);
    let start = app.now();
    let mut moments = vec![told(app, start, start).await];
    let (mut removed, mut entries) = (0, 0);
    for minute in 1..=setting("BARKEEP_SOAK_MINUTES").unwrap_or(MINUTES) {
        app.clock.advance(seconds(60));
        let then = &moments[moments.len() / 2];
        let merge = async {
            // The pass itself merges what is small.
            if minute % 3 == 0 {
                table.compact_fully().await.unwrap();
            }
        };
        let (polled, kept, (), ()) =
            tokio::join!(app.poll(BTC), keep(app), merge, assert_same(app, start, then));
        polled.unwrap();
        removed += kept.removed.files;
        entries += kept.entries_removed;
        assert_same(app, start, &moments[0]).await;
        if minute % 5 == 0 {
            moments.push(told(app, start, app.now()).await);
        }
        if minute % 20 == 10 {
            age(app, 8);
        }
    }
    assert!(removed > 20 && entries > 20, "{removed} {entries}");
    for then in &moments {
        assert_same(app, start, then).await;
    }
    assert_eq!(table.duplicates().await.unwrap(), 0);
    assert_clean(app).await;
}
