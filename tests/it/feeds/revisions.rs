//! Macroeconomic indicators: what is published, and what is published anew.

use chrono::TimeDelta;
use insta::assert_snapshot;

use super::{
    MACRO,
    newsroom::{CPI, Newsroom, monthly},
    rows, told,
};
use crate::support::test_app::TestApp;

fn counted(app: &TestApp, outcome: &str) -> u64 {
    app.app.metrics.feed_items.with_label_values(&["macro", outcome]).get()
}

#[tokio::test]
async fn t22_a_changed_value_is_a_revision_beside_the_old_one() {
    let newsroom = Newsroom::open().await;
    newsroom.announce("CPI", monthly(&[("2024-02-01", "310.5"), ("2024-01-01", "309.75")]));
    let app = newsroom.app(&[]).await;
    app.collect(CPI).await.unwrap();
    app.clock.advance(TimeDelta::days(1));
    app.collect(CPI).await.unwrap();
    assert_eq!((counted(&app, "landed"), counted(&app, "unchanged")), (2, 2));
    let anew = [("2024-03-01", "311"), ("2024-02-01", "310.25"), ("2024-01-01", "309.75")];
    newsroom.announce("CPI", monthly(&anew));
    app.clock.advance(TimeDelta::days(1));
    app.collect(CPI).await.unwrap();
    // And back again, which is a third word about February.
    newsroom.announce("CPI", monthly(&[("2024-02-01", "310.5")]));
    app.clock.advance(TimeDelta::days(1));
    app.collect(CPI).await.unwrap();
    app.collect(CPI).await.unwrap();
    assert_eq!((counted(&app, "landed"), counted(&app, "revised")), (3, 2));
    let sql = "select indicator, \"interval\", timestamp, value, unit, revision, is_mock, \
               _extracted_at, _source from t order by timestamp, revision";
    assert_snapshot!(told(&app.app.config.lake.path, MACRO, sql).await);
}

#[tokio::test]
async fn t52_nothing_lands_twice_after_a_restart_and_compaction() {
    let newsroom = Newsroom::open().await;
    newsroom.announce("CPI", monthly(&[("2024-02-01", "310.5"), ("2024-01-01", ".")]));
    let app = newsroom.app(&[]).await;
    app.collect(CPI).await.unwrap();
    newsroom.announce("CPI", monthly(&[("2024-02-01", "311.5"), ("2024-01-01", "300")]));
    app.collect(CPI).await.unwrap();
    app.app.lake.indicators().compact_fully().await.unwrap();
    let app = app.restart().await;
    app.collect(CPI).await.unwrap();
    assert_eq!((counted(&app, "landed"), counted(&app, "unchanged")), (0, 2));
    assert_eq!(rows(&app.app.config.lake.path, MACRO).await, 3);
}
