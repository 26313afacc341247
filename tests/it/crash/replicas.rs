//! Several daemons on one store and one lake: killed, stopped in their tracks, cut off.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

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
async fn pair(stage: &Stage) -> (Daemon, Daemon) {
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
