//! Several daemons on one store and one lake: killed, stopped in their tracks, cut off.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::stage::{Stage, seconds_since};
use crate::support::{daemon::Daemon, postgres::Cluster};

const SEED: u64 = 20_260_103;
const PATIENCE: Duration = Duration::from_mins(1);
const DUTIES: usize = 3;

/// The duties of every replica that lives.
fn duties(answer: &Value) -> BTreeMap<String, Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = answer["items"].as_array().unwrap().iter();
    let live = items.filter(|item| item["alive"].as_bool().unwrap());
    live.map(|item| {
        let duties = item["duties"].as_array().unwrap().iter();
        (text(&item["name"]), duties.map(|duty| text(&duty["name"])).collect())
    })
    .collect()
}

/// Both have something to do, and together everything.
fn is_shared(answer: &Value) -> bool {
    let duties = duties(answer);
    let counts: Vec<usize> = duties.values().map(Vec::len).collect();
    counts.len() == 2 && counts.iter().sum::<usize>() == DUTIES && !counts.contains(&0)
}

/// Two daemons that share; first the one that asks Coinbase.
pub(super) async fn pair(stage: &Stage) -> (Daemon, Daemon) {
    let mut one = stage.spawn_as("one");
    one.wait_until("/v1/replicas", PATIENCE, |answer| {
        duties(answer).get("one").is_some_and(|own| own.len() == DUTIES)
    })
    .await;
    let mut two = stage.spawn_as("two");
    two.wait_until("/v1/replicas", PATIENCE, is_shared).await;
    let answer = two.get("/v1/replicas").await.unwrap();
    let coinbase = "provider/coinbase".to_owned();
    let is_first = duties(&answer).get("one").is_some_and(|own| own.contains(&coinbase));
    if is_first { (one, two) } else { (two, one) }
}

async fn holds_all(daemon: &mut Daemon) {
    daemon
        .wait_until("/v1/replicas", PATIENCE, |answer| {
            duties(answer).values().any(|own| own.len() == DUTIES)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t63_what_a_killed_replica_did_is_done_by_the_other_and_nothing_is_lost_or_doubled() {
    let cluster = Cluster::shared().await;
    let mut stage = Stage::open(SEED, "12h").await;
    stage.share(&cluster.database().await);
    let (first, mut second) = pair(&stage).await;
    let commits = stage.commits();
    stage.committed(commits + 2).await;
    let killed = Instant::now();
    first.kill();
    holds_all(&mut second).await;
    println!("taken over after {:.1} s", seconds_since(killed));
    stage.caught_up(&mut second).await;
    // It comes back under its name and is given its share again.
    let mut third = stage.spawn_as("one");
    third.wait_until("/v1/replicas", PATIENCE, is_shared).await;
    stage.caught_up(&mut third).await;
    third.stop().await;
    // Who leaves keeps nobody waiting.
    holds_all(&mut second).await;
    second.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 800, "{audit:?}");
}

/// What a replica is told that it does not do itself is done by the one that does, or its successor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t63_a_backfill_asked_of_the_other_replica_is_done_once_though_the_first_is_killed() {
    let cluster = Cluster::shared().await;
    let mut stage = Stage::open(SEED + 4, "12h").await;
    stage.share(&cluster.database().await);
    let (mut first, mut second) = pair(&stage).await;
    stage.caught_up(&mut first).await;

    let rewind = "/v1/series/coinbase/BTCUSD/1m/rewind";
    let asked = json!({ "to": stage.now() - chrono::TimeDelta::hours(1), "reason": "a test" });
    let problem = second.post(rewind, "-", &asked).await.unwrap();
    assert_eq!(problem["code"], "not_served", "{problem:#}");

    let spec = json!({ "assets": ["BTCUSD"], "timeframes": ["1m", "1h"], "days": 20 });
    let created = second.post("/v1/backfills", "once", &spec).await.unwrap();
    let id = created["backfill_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/backfills/{id}");
    first
        .wait_until(&path, PATIENCE, |kept| kept["progress"]["chunks_done"].as_i64() > Some(0))
        .await;
    first.kill();
    let left = second.get(&path).await.unwrap();
    assert_eq!(left["state"], "running", "it was done before the kill: {left:#}");

    second.wait_until(&path, PATIENCE, |kept| kept["state"] == "completed").await;
    let done = second.get(&path).await.unwrap();
    assert_eq!(done["progress"]["share"], 1.0, "{done:#}");
    let again = second.post("/v1/backfills", "once", &spec).await.unwrap();
    assert_eq!(again["backfill_id"], created["backfill_id"]);
    let all = second.get("/v1/backfills").await.unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all:#}");
    second.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 20 * 1_440, "{audit:?}");
}

/// It stands still in the middle of its work, and goes on after somebody else has taken it over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t63_a_replica_that_wakes_after_its_lease_overwrites_nothing() {
    let cluster = Cluster::shared().await;
    let mut stage = Stage::open(SEED + 1, "1d").await;
    stage.share(&cluster.database().await);
    let (mut zombie, mut other) = pair(&stage).await;
    for round in 1..=2 {
        let commits = stage.commits();
        stage.committed(commits + 1).await;
        zombie.pause();
        holds_all(&mut other).await;
        let commits = stage.commits();
        stage.committed(commits + 3).await;
        zombie.resume();
        // It is given its share again once it has understood.
        other.wait_until("/v1/replicas", PATIENCE, is_shared).await;
        assert!(stage.read_log().matches("lost a duty to another replica").count() >= round);
        std::mem::swap(&mut zombie, &mut other);
    }
    // Either may be asked about everything.
    stage.caught_up(&mut zombie).await;
    stage.caught_up(&mut other).await;
    zombie.stop().await;
    other.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 1_500, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t66_t70_replicas_come_back_to_a_server_that_was_restarted() {
    let cluster = Arc::new(Cluster::start().await);
    let mut stage = Stage::open(SEED + 2, "12h").await;
    stage.share(&cluster.database().await);
    let (mut first, mut second) = pair(&stage).await;
    for _ in 0..3 {
        let commits = stage.commits();
        stage.committed(commits + 2).await;
        cluster.crash();
        cluster.resume().await;
    }
    stage.caught_up(&mut first).await;
    stage.caught_up(&mut second).await;
    second.wait_until("/v1/replicas", PATIENCE, is_shared).await;
    first.stop().await;
    second.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 800, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_has_one_store_and_a_store_one_lake() {
    let cluster = Cluster::shared().await;
    let mut stage = Stage::open(SEED + 3, "1h").await;
    let store = cluster.database().await;
    stage.share(&store);
    let mut first = stage.spawn_as("one");
    first.wait_until("/v1/series", PATIENCE, |_| true).await;

    stage.set("STORE__URL", &cluster.database().await);
    assert_eq!(stage.spawn_as("two").ended(PATIENCE).await.code(), Some(1));
    assert!(stage.read_log().contains("error: the lake is used with another control store"));

    let file = stage.database().display().to_string();
    stage.set("STORE__URL", &format!("sqlite:{file}"));
    assert_eq!(stage.spawn_as("two").ended(PATIENCE).await.code(), Some(1));
    assert!(stage.read_log().contains("error: another process is using the lake"));

    let elsewhere = tempfile::tempdir().unwrap();
    stage.set("STORE__URL", &store);
    stage.set("LAKE__PATH", &elsewhere.path().display().to_string());
    assert_eq!(stage.spawn_as("two").ended(PATIENCE).await.code(), Some(1));
    assert!(stage.read_log().contains("error: the control store belongs to another lake"));
    first.stop().await;
}
