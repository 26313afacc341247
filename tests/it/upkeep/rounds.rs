//! When the lake is maintained: by itself once a day, when somebody asks, and not while it is held up.

use std::path::PathBuf;

use barkeep::jobs::Heartbeat;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{bench, data_files, table};
use crate::support::test_app::TestApp;

/// When every table of bronze was last maintained, as the metrics say; those of silver come meanwhile.
fn last(app: &TestApp) -> Vec<i64> {
    let success = &app.app.metrics.upkeep_success;
    app.app.lake.bronze().map(|table| success.with_label_values(&[table.name()]).get()).collect()
}

async fn schedule(app: &TestApp) -> Value {
    let answer = app.get("/v1/schedules").await.ok();
    let items = answer["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == "maintain").unwrap().clone()
}

async fn tell(app: &TestApp, what: &str) {
    app.post(&format!("/v1/schedules/maintain/{what}"), &json!({})).await.ok();
}

async fn maintained(app: &TestApp) {
    let now = app.now().timestamp();
    let wait = async {
        while last(app).iter().any(|at| *at < now) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(30), wait).await;
    assert!(in_time.is_ok(), "not everything is maintained: {:?}", last(app));
}

/// What has begun has ended.
async fn at_rest(app: &TestApp) {
    while app.app.keeper.is_running() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_table_is_maintained_once_a_day() {
    let app = bench().await;
    assert_eq!(last(&app), [0; 10], "not yet");
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    maintained(&app).await;
    at_rest(&app).await;
    let first = app.now();
    assert!(PathBuf::from(table(&app).place()).join("_delta_log/_last_checkpoint").exists());
    let told = schedule(&app).await;
    assert_eq!((&told["every"], &told["paused"]), (&json!("1day"), &json!(false)));
    assert_eq!(told["next_tick_at"], json!(first + TimeDelta::days(1)));

    app.clock.advance(TimeDelta::hours(23));
    heartbeat.beat();
    at_rest(&app).await;
    assert_eq!(last(&app), [first.timestamp(); 10], "not yet again");
    // A restart changes nothing about it.
    drop(heartbeat);
    let app = app.restart().await;
    assert_eq!(last(&app), [first.timestamp(); 10]);
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    at_rest(&app).await;
    assert_eq!(last(&app), [first.timestamp(); 10]);
    app.clock.advance(TimeDelta::hours(1));
    heartbeat.beat();
    maintained(&app).await;
    at_rest(&app).await;
}

#[tokio::test]
async fn while_it_is_held_up_nothing_is_done_unless_somebody_asks() {
    let app = bench().await;
    let folder = PathBuf::from(table(&app).place()).join("date=2024-03-01");
    std::fs::write(folder.join("part-left.parquet"), b"x").unwrap();
    super::age(&app, 8);
    let files = data_files(&app).len();
    tell(&app, "pause").await;
    let heartbeat = Heartbeat::new(&app.app);
    for _ in 0..3 {
        heartbeat.beat();
        at_rest(&app).await;
        app.clock.advance(TimeDelta::days(2));
    }
    assert_eq!(last(&app), [0; 10]);
    assert_eq!(app.app.store.upkeep().await.unwrap(), []);
    assert_eq!(data_files(&app).len(), files);
    assert_eq!(schedule(&app).await["next_tick_at"], Value::Null);
    tell(&app, "trigger").await;
    maintained(&app).await;
    at_rest(&app).await;
    assert!(!folder.join("part-left.parquet").exists());
    app.clock.advance(TimeDelta::days(2));
    heartbeat.beat();
    at_rest(&app).await;
    assert!(last(&app).iter().all(|at| *at < app.now().timestamp()), "it stays held up");
    tell(&app, "resume").await;
    heartbeat.beat();
    maintained(&app).await;
    at_rest(&app).await;
}

/// A table that fails costs the others nothing, and is tried again within the hour.
#[tokio::test]
async fn a_table_that_cannot_be_maintained_is_tried_again_and_the_others_are_done() {
    let app = bench().await;
    let log = PathBuf::from(table(&app).place()).join("_delta_log");
    let obstacle = log.join("_barkeep_clock");
    std::fs::create_dir(&obstacle).unwrap();
    std::fs::write(obstacle.join("in-the-way"), b"x").unwrap();
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    at_rest(&app).await;
    let failed = last(&app).iter().filter(|at| **at == 0).count();
    assert_eq!(failed, 1, "{:?}", last(&app));
    std::fs::remove_dir_all(&obstacle).unwrap();
    app.clock.advance(TimeDelta::hours(1));
    heartbeat.beat();
    at_rest(&app).await;
    assert!(last(&app).iter().all(|at| *at > 0), "{:?}", last(&app));
}
