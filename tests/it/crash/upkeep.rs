//! A death at each step of a pass over the lake, and a pass by one of two daemons.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    time::{Duration, Instant},
};

use barkeep::{lake::Lake, market::Timeframe};
use serde_json::{Value, json};

use super::{
    replicas::pair,
    stage::{Stage, seconds_since},
};
use crate::support::{files::age, postgres::Cluster};

pub(super) const POINTS: [&str; 4] =
    ["checkpoint_written", "leftover_removed", "leftovers_removed", "log_shortened"];
/// The process dies when it passes for the first and second time: the second table, or file.
const COUNTS: [u32; 2] = [1, 2];
const SIGABRT: i32 = 6;
const PATIENCE: Duration = Duration::from_mins(1);
const TRIGGER: &str = "/v1/schedules/maintain/trigger";

/// As writes leave it that a crash cut short.
fn leave_orphans(lake: &Path) {
    for timeframe in Timeframe::ALL {
        let folder = Lake::folder(lake, timeframe).join("date=2020-01-01");
        fs::create_dir_all(&folder).unwrap();
        for n in 0..3 {
            fs::write(folder.join(format!("part-{n}.parquet")), b"torn").unwrap();
        }
    }
}

fn items(answer: &Value) -> &Vec<Value> {
    answer["items"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t50_a_death_at_every_step_of_a_pass_leaves_a_whole_lake() {
    let began = Instant::now();
    let mut stage = Stage::open(31, "1d").await;
    stage.set("LAKE__COMPACT_AFTER", "2");
    stage.set("MODELS__BUILD", "false");
    let mut daemon = stage.spawn();
    stage.caught_up(&mut daemon).await;
    daemon.stop().await;
    for (round, count) in COUNTS.into_iter().enumerate() {
        for (turn, point) in POINTS.into_iter().enumerate() {
            // A longer history each time, so that it dies beside landings.
            let hours = 24 + 3 * (round * POINTS.len() + turn);
            stage.set("INGEST__HISTORY", &format!("{hours}h"));
            leave_orphans(&stage.lake());
            age(&stage.lake(), 8);
            let mut daemon = stage.spawn_doomed(point, count);
            daemon.wait_until("/v1/tables", PATIENCE, |answer| items(answer).len() >= 10).await;
            // It may die before it has answered.
            let _ = daemon.post(TRIGGER, "-", &json!({})).await;
            let status = daemon.ended(PATIENCE).await;
            assert_eq!(status.signal(), Some(SIGABRT), "{point}:{count} was not what ended it");
        }
    }
    // What was begun is done by the next pass.
    leave_orphans(&stage.lake());
    age(&stage.lake(), 8);
    let mut daemon = stage.spawn();
    daemon.wait_until("/v1/tables", PATIENCE, |answer| items(answer).len() >= 10).await;
    daemon.post(TRIGGER, "-", &json!({})).await.unwrap();
    daemon
        .wait_until("/v1/tables", PATIENCE, |answer| {
            let of_candles = &items(answer)[..Timeframe::ALL.len()];
            of_candles.iter().all(|item| item["maintenance"]["files_removed"].as_i64() >= Some(3))
        })
        .await;
    let told = daemon.get("/v1/tables").await.unwrap();
    assert!(items(&told)[0]["oldest_version"].as_i64() > Some(0), "{told:#}");
    daemon.stop().await;
    let left = Lake::folder(&stage.lake(), Timeframe::M1).join("date=2020-01-01");
    assert_eq!(fs::read_dir(left).unwrap().count(), 0);
    let audit = stage.examine().await;
    let deaths = POINTS.len() * COUNTS.len();
    println!("{deaths} deaths, {audit:?}, {:.0} s", seconds_since(began));
    assert!(audit.agree > 5_000, "{audit:?}");
}

/// Whoever has the duty does it, whomever one asks; the other goes on landing and reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_one_maintains_the_lake_and_both_go_on() {
    let cluster = Cluster::shared().await;
    let mut stage = Stage::open(32, "12h").await;
    stage.set("MODELS__BUILD", "false");
    stage.share(&cluster.database().await);
    let (mut first, mut second) = pair(&stage).await;
    stage.caught_up(&mut first).await;
    let replicas = first.get("/v1/replicas").await.unwrap();
    let keeps = |item: &&Value| {
        item["duties"].as_array().unwrap().iter().any(|duty| duty["name"] == "lake")
    };
    let keeper = items(&replicas).iter().find(keeps).unwrap()["name"].clone();
    for _ in 0..2 {
        age(&stage.lake(), 8);
        leave_orphans(&stage.lake());
        age(&stage.lake(), 8);
        let commits = stage.commits();
        stage.committed(commits + 2).await;
        let asked = stage.now();
        second.post(TRIGGER, "-", &json!({})).await.unwrap();
        let is_done = |answer: &Value| {
            items(answer).iter().all(|item| {
                let at = item["maintenance"]["at"].as_str().unwrap_or_default();
                item["maintenance"]["replica"] == keeper
                    && at.parse().is_ok_and(|at: chrono::DateTime<chrono::Utc>| at > asked)
            })
        };
        first.wait_until("/v1/tables", PATIENCE, is_done).await;
        second.wait_until("/v1/tables", PATIENCE, is_done).await;
        let left = Lake::folder(&stage.lake(), Timeframe::M1).join("date=2020-01-01");
        assert_eq!(fs::read_dir(left).unwrap().count(), 0);
        stage.caught_up(&mut first).await;
        stage.caught_up(&mut second).await;
    }
    for daemon in [&mut first, &mut second] {
        let told = daemon.get("/v1/tables").await.unwrap();
        assert!(items(&told)[0]["oldest_version"].as_i64() > Some(0), "{told:#}");
    }
    first.stop().await;
    second.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 800, "{audit:?}");
}
