//! A death at every step of a backfill, and in every state it can be in.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use serde_json::{Value, json};

use super::stage::Stage;
use crate::support::daemon::Daemon;

pub(super) const POINTS: [&str; 4] =
    ["backfill_created", "chunk_claimed", "chunk_landed", "chunk_settled"];
const SIGABRT: i32 = 6;
const PATIENCE: Duration = Duration::from_mins(1);

/// The same request, each time with the same key.
async fn ask(daemon: &Daemon) -> Option<Value> {
    let spec = json!({ "assets": ["BTCUSD", "ETHUSD"], "days": 12, "reason": "a test" });
    daemon.post("/v1/backfills", "once", &spec).await
}

async fn act(daemon: &Daemon, id: &str, action: &str) -> Value {
    daemon.post(&format!("/v1/backfills/{id}/{action}"), "-", &json!({})).await.unwrap()
}

async fn ready(daemon: &mut Daemon) {
    daemon.wait_until("/v1/backfills", PATIENCE, |answer| answer["items"].is_array()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t60_a_backfill_survives_a_death_at_every_step_and_in_every_state() {
    let mut stage = Stage::open(7, "12h").await;
    stage.set("BACKFILL__LEASE", "1h");
    for (point, count) in POINTS.into_iter().zip([1, 2, 3, 4]) {
        let mut daemon = stage.spawn_doomed(point, count);
        ready_or_dead(&mut daemon).await;
        let _ = ask(&daemon).await;
        let status = daemon.ended(PATIENCE).await;
        assert_eq!(status.signal(), Some(SIGABRT), "{point} was not what ended it");
    }
    let mut daemon = stage.spawn();
    ready(&mut daemon).await;
    let asked = ask(&daemon).await.unwrap();
    let id = asked["backfill_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/backfills/{id}");
    let daemon = in_state(&stage, daemon, &id, "pause", "paused").await;
    let landed = daemon.get(&path).await.unwrap()["progress"]["candles_landed"].clone();
    act(&daemon, &id, "resume").await;
    daemon.kill();
    let mut daemon = stage.spawn();
    ready(&mut daemon).await;
    daemon.wait_until(&path, PATIENCE, |kept| kept["state"] == "completed").await;
    let done = daemon.get(&path).await.unwrap();
    assert!(done["progress"]["candles_landed"].as_i64() >= landed.as_i64(), "{done:#}");
    assert_eq!(done["progress"]["share"], 1.0);
    daemon.kill();
    let mut daemon = stage.spawn();
    ready(&mut daemon).await;
    let all = daemon.get("/v1/backfills").await.unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "it was created once: {all:#}");
    daemon.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 2 * 12 * 1_440, "{audit:?}");
}

/// A command, a kill, and the state it was left in.
async fn in_state(stage: &Stage, daemon: Daemon, id: &str, action: &str, left: &str) -> Daemon {
    act(&daemon, id, action).await;
    daemon.kill();
    let mut daemon = stage.spawn();
    ready(&mut daemon).await;
    let path = format!("/v1/backfills/{id}");
    daemon.wait_until(&path, PATIENCE, |kept| kept["state"] == left).await;
    daemon
}

/// A point that is passed at once leaves no time to ask.
async fn ready_or_dead(daemon: &mut Daemon) {
    let began = std::time::Instant::now();
    while daemon.get("/version").await.is_none() && began.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
