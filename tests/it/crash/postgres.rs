//! Daemons whose store is a server: they are killed, and so is the server.

use std::{sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::stage::Stage;
use crate::support::postgres::{Cluster, PASSWORD};

const SEED: u64 = 20_260_102;
const KILLS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(20);

async fn stage(history: &str, cluster: &Cluster) -> Stage {
    let mut stage = Stage::open(SEED, history).await;
    // Fifteen seconds of real time; whoever was killed comes back under its name and need not wait.
    stage.set("REPLICA__LEASE", "30m");
    stage.set("REPLICA__NAME", "one");
    stage.set("STORE__URL", &cluster.database().await);
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t35_a_kill_beside_a_server_loses_and_doubles_nothing() {
    let cluster = Cluster::shared().await;
    let mut chance = StdRng::seed_from_u64(SEED);
    let mut stage = stage("1d", &cluster).await;
    for kill in 0..KILLS {
        stage.set("INGEST__HISTORY", &format!("{}h", 24 + kill));
        let mut daemon = stage.spawn();
        daemon.wait_until("/v1/series", PATIENCE, |_| true).await;
        let moment = Duration::from_millis(chance.random_range(0..500));
        tokio::time::sleep(moment).await;
        daemon.kill();
    }
    for point in ["committed", "recorded"] {
        stage.set("INGEST__HISTORY", if point == "committed" { "40h" } else { "44h" });
        stage.spawn_doomed(point, 2).ended(PATIENCE).await;
    }
    let audit = stage.examine().await;
    assert!(audit.agree > 3_000, "{audit:?}");
    assert!(!stage.read_log().contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t35_a_server_that_goes_and_comes_in_the_middle_of_a_backfill_loses_and_doubles_nothing() {
    let cluster = Arc::new(Cluster::start().await);
    let mut stage = stage("1d", &cluster).await;
    let mut daemon = stage.spawn();
    daemon.wait_until("/v1/series", PATIENCE, |_| true).await;
    for _ in 0..3 {
        let commits = stage.commits();
        stage.committed(commits + 3).await;
        cluster.crash();
        cluster.resume().await;
    }
    // For longer, until somebody has noticed.
    cluster.stop();
    stage.logged("the control store").await;
    cluster.resume().await;
    stage.hurry();
    stage.caught_up(&mut daemon).await;
    daemon.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 3_000, "{audit:?}");
    assert!(!stage.read_log().contains(PASSWORD));
}
