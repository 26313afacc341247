//! What another replica decides is noticed, and a store that fails for a while costs nothing.

use barkeep::{
    jobs::Heartbeat,
    market::By,
    store::{AuditEntry, KeptAsset, Source},
};
use chrono::TimeDelta;
use serde_json::json;
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};

use super::{command, poll, take_queued, until};
use crate::support::test_app::TestApp;

const BTC: &str = "coinbase/BTCUSD/1m";
const ETH: &str = "coinbase/ETHUSD/1m";

fn by() -> By {
    By { actor: "elsewhere".to_owned(), request: String::new() }
}

/// As another replica writes it.
async fn keep(app: &TestApp, enabled: bool) {
    let kept = KeptAsset {
        asset: "ETHUSD".parse().unwrap(),
        timeframes: vec!["1m".parse().unwrap()],
        providers: None,
        enabled,
        removed: false,
        source: Source::Api,
        changed_at: app.now(),
        changed_by: "elsewhere".to_owned(),
        reason: None,
    };
    let audit = AuditEntry::new(app.now(), &by(), "asset.keep", &"ETHUSD", json!({}));
    app.app.store.keep_asset(&kept, &audit).await.unwrap();
}

/// Runs a statement on the control store behind its back.
async fn execute(app: &TestApp, text: &'static str) {
    let file = app.folder.path().join("barkeep.db");
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.unwrap();
    connection.execute(text).await.unwrap();
    connection.close().await.unwrap();
}

/// A beat whose predecessor still looks around leaves that to the next.
fn beats(heart: &Heartbeat, holds: &dyn Fn() -> bool) -> bool {
    heart.beat();
    holds()
}

#[tokio::test]
async fn what_another_replica_decides_is_taken_up_by_every_heartbeat() {
    let app = TestApp::start().await;
    let hearts = [Heartbeat::new(&app.app), Heartbeat::new(&app.app)];
    hearts.iter().for_each(Heartbeat::beat);
    take_queued(&app);
    keep(&app, true).await;
    assert!(!app.app.roster().is_live(&ETH.parse().unwrap()), "nobody has looked yet");
    let is_kept = || app.app.roster().is_live(&ETH.parse().unwrap());
    until("ETHUSD is kept", || beats(&hearts[0], &is_kept)).await;
    take_queued(&app);
    hearts.iter().for_each(Heartbeat::beat);
    let polls = take_queued(&app).into_iter().filter(|job| *job == poll(ETH)).count();
    assert_eq!(polls, 1, "it is asked for at once, and once");
    app.settle().await;
    assert!(app.app.books.get(&ETH.parse().unwrap()).unwrap().landings() > 0);
    keep(&app, false).await;
    until("ETHUSD is not kept", || beats(&hearts[1], &|| !is_kept())).await;
    app.clock.advance(TimeDelta::minutes(3));
    take_queued(&app);
    hearts.iter().for_each(Heartbeat::beat);
    let jobs = take_queued(&app);
    assert!(jobs.contains(&poll(BTC)) && !jobs.contains(&poll(ETH)), "{jobs:?}");
}

#[tokio::test]
async fn a_schedule_that_is_triggered_elsewhere_ticks_here_once() {
    let app = TestApp::start().await;
    let heartbeat = Heartbeat::new(&app.app);
    command(&app, "POST", "/v1/schedules/poll-1m/pause", &json!({})).await;
    heartbeat.beat();
    take_queued(&app);
    let audit = AuditEntry::new(app.now(), &by(), "schedule.trigger", &"poll-1m", json!({}));
    app.app.store.trigger_schedule("poll-1m", &audit).await.unwrap();
    let is_polled = || take_queued(&app).contains(&poll(BTC));
    until("it ticks", || beats(&heartbeat, &is_polled)).await;
    barkeep::jobs::take_up(&app.app).await.unwrap();
    assert!(!is_polled(), "it was asked for once");
    drop(heartbeat);
    let app = app.restart().await;
    barkeep::jobs::take_up(&app.app).await.unwrap();
    assert_eq!(take_queued(&app), [], "what was asked for before the start is over");
}

#[tokio::test]
async fn t66_a_store_that_fails_for_a_while_neither_ends_schedules_nor_loses_what_was_decided() {
    let app = TestApp::start().await;
    app.settle().await;
    let heartbeat = Heartbeat::new(&app.app);
    heartbeat.beat();
    take_queued(&app);
    execute(&app, "alter table roster_revision rename to gone").await;
    for _ in 0..3 {
        app.clock.advance(TimeDelta::minutes(1));
        heartbeat.beat();
        assert!(take_queued(&app).contains(&poll(BTC)), "it goes on as it was");
        barkeep::jobs::take_up(&app.app).await.unwrap_err();
    }
    execute(&app, "alter table gone rename to roster_revision").await;
    // The rows are the truth, whoever has written them.
    execute(
        &app,
        "insert into schedule (schedule, paused, paused_by, paused_at, triggers) \
         values ('poll-1m', 1, 'somebody', 0, 0); \
         update roster_revision set revision = revision + 1",
    )
    .await;
    let schedule = barkeep::ingest::Schedule::named("poll-1m").unwrap();
    until("it is held up", || beats(&heartbeat, &|| app.app.schedules.is_paused(schedule))).await;
    take_queued(&app);
    app.clock.advance(TimeDelta::minutes(2));
    heartbeat.beat();
    assert_eq!(take_queued(&app), []);
}
