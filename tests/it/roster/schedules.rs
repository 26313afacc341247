//! Schedules that are held up, go on, and are asked for out of turn.

use barkeep::{
    jobs::{Heartbeat, JobSpec, start_workers},
    store::AuditFilter,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{ask, command, fill, item, metric, poll, take_queued, until};
use crate::support::test_app::{Setup, TestApp};

const BTC: &str = "coinbase/BTCUSD/1m";

async fn tell(app: &TestApp, name: &str, what: &str) -> Value {
    command(app, "POST", &format!("/v1/schedules/{name}/{what}"), &json!({})).await
}

fn polls(jobs: &[JobSpec]) -> Vec<&JobSpec> {
    jobs.iter().filter(|job| matches!(job, JobSpec::Poll(_))).collect()
}

#[tokio::test]
async fn t68_three_hours_without_a_beat_are_one_job_per_series() {
    let app = TestApp::with(Setup { assets: "BTCUSD,ETHUSD", ..Setup::default() }).await;
    app.settle().await;
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    take_queued(&app);
    app.clock.advance(TimeDelta::hours(3));
    for _ in 0..5 {
        heartbeat.beat();
    }
    let mut jobs = take_queued(&app);
    jobs.sort_by_key(|job| job.subject().to_string());
    assert_eq!(jobs, [poll(BTC), poll("coinbase/ETHUSD/1m")]);
    app.settle().await;
    for book in app.app.live_books() {
        let gaps = book.with_ledger(|ledger| ledger.gaps(app.due(book.series())));
        assert_eq!(gaps, [], "{} has made up for it", book.series());
    }
}

#[tokio::test]
async fn polls_that_are_held_up_stop_at_the_next_tick_and_what_they_missed_is_one_tick() {
    let app = TestApp::with(Setup { timeframes: "1m,1h", ..Setup::default() }).await;
    app.settle().await;
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    assert!(take_queued(&app).contains(&poll(BTC)));
    let told = tell(&app, "poll-1m", "pause").await;
    assert_eq!((&told["paused"], &told["next_tick_at"]), (&json!(true), &Value::Null));
    for _ in 0..90 {
        app.clock.advance(TimeDelta::minutes(1));
        heartbeat.beat();
    }
    let jobs = take_queued(&app);
    assert!(!jobs.contains(&poll(BTC)) && !jobs.contains(&fill(BTC)), "{jobs:?}");
    assert!(jobs.contains(&poll("coinbase/BTCUSD/1h")), "others go on: {jobs:?}");
    tell(&app, "poll-1m", "trigger").await;
    assert_eq!(take_queued(&app), [poll(BTC)], "held up or not");
    let told = tell(&app, "poll-1m", "resume").await;
    assert_eq!((&told["paused"], &told["paused_by"]), (&json!(false), &Value::Null));
    assert!(told["next_tick_at"].is_string());
    heartbeat.beat();
    let jobs = take_queued(&app);
    assert_eq!(polls(&jobs), [&poll(BTC)], "ninety ticks are one");
}

#[tokio::test]
async fn what_is_held_up_stays_so_after_a_restart_and_is_written_down_once() {
    let app = TestApp::start().await;
    let body = json!({ "reason": "the exchange is in maintenance" });
    let told = command(&app, "POST", "/v1/schedules/poll-1m/pause", &body).await;
    app.clock.advance(TimeDelta::minutes(5));
    assert_eq!(tell(&app, "poll-1m", "pause").await["paused_since"], told["paused_since"]);
    let app = app.restart().await;
    let kept = item(&app, "/v1/schedules", "name", "poll-1m").await.unwrap();
    assert_eq!((&kept["paused"], &kept["reason"]), (&json!(true), &body["reason"]));
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    assert_eq!(take_queued(&app), []);
    // The scheduler lives, and says so.
    assert_eq!(metric(&app, "barkeep_schedule_paused").await, 1.0);
    let text = app.get("/metrics").await.text().to_owned();
    assert!(text.contains("barkeep_schedule_paused{schedule=\"poll-1m\"} 1\n"));
    let beat = metric(&app, "barkeep_scheduler_heartbeat_timestamp_seconds").await;
    assert_eq!(beat, app.now().timestamp() as f64);
    tell(&app, "poll-1m", "resume").await;
    tell(&app, "poll-1m", "resume").await;
    let entries = app.app.store.audit(&AuditFilter::default(), 10).await.unwrap();
    let said: Vec<&str> = entries.iter().map(|entry| &*entry.command).collect();
    assert_eq!(said, ["schedule.resume", "schedule.pause"]);
    assert_eq!(entries[1].detail, body);
}

#[tokio::test]
async fn a_schedule_that_there_is_not_is_answered_with_those_that_there_are() {
    let app = TestApp::start().await;
    for what in ["pause", "resume", "trigger"] {
        let path = format!("/v1/schedules/poll-2m/{what}");
        let (status, problem) = ask(&app, "POST", &path, &json!({})).await;
        assert_eq!(status, 404);
        let fix = problem["fix"].as_str().unwrap();
        assert!(fix.contains("poll-1m") && fix.contains("compact"), "{fix}");
    }
    let answer = app.get("/v1/schedules").await.ok();
    let names: Vec<&str> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    let expected = [
        "poll-1m",
        "poll-5m",
        "poll-15m",
        "poll-1h",
        "poll-4h",
        "poll-1d",
        "repair",
        "collect-news",
        "collect-macro",
        "reconcile",
        "build",
        "compact",
        "maintain",
        "verify",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn repairs_and_feeds_are_held_up_and_asked_for_out_of_turn() {
    let settings = &[
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
        ("NEWS__ASSETS", "BTCUSD"),
        ("MACRO__INDICATORS", "CPI"),
    ];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    let names = ["repair", "collect-news", "collect-macro"];
    for name in names {
        tell(&app, name, "pause").await;
    }
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    assert_eq!(take_queued(&app), [poll(BTC)]);
    let news = JobSpec::Collect("alpha_vantage/news/BTCUSD".parse().unwrap());
    let cpi = JobSpec::Collect("alpha_vantage/macro/CPI".parse().unwrap());
    for (name, job) in names.into_iter().zip([fill(BTC), news.clone(), cpi.clone()]) {
        let told = tell(&app, name, "trigger").await;
        assert_eq!(told["paused"], true, "{name} stays held up");
        assert!(told["last_tick_at"].is_string(), "{told}");
        assert_eq!(take_queued(&app), [job], "{name}");
    }
    tell(&app, "collect-macro", "resume").await;
    heartbeat.beat();
    assert_eq!(take_queued(&app), [cpi], "it was due all the time");
}

#[tokio::test]
async fn comparisons_that_were_held_up_are_made_when_they_go_on() {
    let settings = &[
        ("INGEST__PROVIDERS", "alpha_vantage,coinbase"),
        ("INGEST__KEEP", "all"),
        ("PROVIDERS__ALPHA_VANTAGE__API_KEY", "key"),
        ("PROVIDERS__ALPHA_VANTAGE__PLAN", "premium"),
    ];
    let app = TestApp::with(Setup { settings, history: "2h", ..Setup::default() }).await;
    tell(&app, "reconcile", "pause").await;
    let is_reconcile = |job: &JobSpec| matches!(job, JobSpec::Reconcile(_));
    app.poll(BTC).await.unwrap();
    app.poll("alpha_vantage/BTCUSD/1m").await.unwrap();
    assert!(!take_queued(&app).iter().any(is_reconcile));
    tell(&app, "reconcile", "resume").await;
    let jobs = take_queued(&app);
    assert_eq!(jobs.iter().filter(|job| is_reconcile(job)).count(), 2, "{jobs:?}");
}

#[tokio::test]
async fn files_are_not_merged_while_that_is_held_up_unless_somebody_asks() {
    let settings = &[("LAKE__COMPACT_AFTER", "2")];
    let app = TestApp::with(Setup { settings, ..Setup::default() }).await;
    tell(&app, "compact", "pause").await;
    for _ in 0..6 {
        app.clock.advance(TimeDelta::minutes(1));
        app.poll(BTC).await.unwrap();
    }
    let merged =
        || app.app.metrics.delta_compactions.with_label_values(&["raw_market_data_1m"]).get();
    let table = app.app.lake.candles("1m".parse().unwrap());
    assert!(table.as_table().compaction_is_held_up());
    assert_eq!(merged(), 0);
    tell(&app, "compact", "trigger").await;
    until("a compaction", || merged() > 0).await;
    let before = merged();
    tell(&app, "compact", "resume").await;
    for _ in 0..4 {
        app.clock.advance(TimeDelta::minutes(1));
        app.poll(BTC).await.unwrap();
    }
    until("compaction by itself", || merged() > before).await;
}

/// With one request an hour one job runs and the others wait.
#[tokio::test]
async fn t69_jobs_that_wait_for_one_provider_do_not_hold_up_another() {
    let settings = &[
        ("INGEST__PROVIDERS", "coinbase,oanda"),
        ("INGEST__WORKERS", "2"),
        ("PROVIDERS__COINBASE__LIMITS", "1/60m"),
        ("PROVIDERS__OANDA__TOKEN", "token"),
    ];
    let assets = "BTCUSD,ETHUSD,SOLUSD,ADAUSD,DOTUSD,LTCUSD,XRPUSD,DOGEUSD,LINKUSD,EURUSD";
    let app = TestApp::with(Setup { assets, settings, ..Setup::default() }).await;
    let oanda = "oanda/EURUSD/1m".parse().unwrap();
    let others: Vec<_> = app.app.roster().live().filter(|one| **one != oanda).cloned().collect();
    assert_eq!(others.len(), 9);
    for series in others {
        app.app.queue.enqueue(JobSpec::Fill(series));
    }
    app.app.queue.enqueue(JobSpec::Fill(oanda.clone()));
    start_workers(&app.app);
    let book = app.app.books.get(&oanda).unwrap();
    until("EURUSD lands", || book.landings() > 0).await;
    app.app.lifecycle.stop();
}
