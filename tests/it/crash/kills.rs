//! SIGKILL at random moments.

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::stage::{Stage, seconds_since};

const SEED: u64 = 20_260_101;
const KILLS: usize = 104;
/// On so many lakes of their own, the first daemon is killed while it creates the tables.
const FIRST_STARTS: usize = 12;
const ENDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_and_doubles_nothing() {
    println!("seed {SEED}");
    let began = Instant::now();
    let mut chance = StdRng::seed_from_u64(SEED);
    let mut stage = Stage::open(SEED, "2d").await;
    for kill in 0..KILLS {
        // A longer history at every start, so that there always is something to fill.
        stage.set("INGEST__HISTORY", &format!("{}h", 48 + kill));
        let mut daemon = stage.spawn();
        // One in four dies while it starts; the others at work.
        let longest = if kill % 4 == 0 {
            150
        } else {
            daemon.wait_until("/v1/series", Duration::from_secs(20), |_| true).await;
            800
        };
        let moment = Duration::from_millis(chance.random_range(0..longest));
        tokio::time::sleep(moment).await;
        daemon.kill();
    }
    let audit = stage.examine().await;
    println!(
        "{KILLS} kills, {} starts came far enough to serve, {} commits, \
         {audit:?}, {:.0} s",
        stage.read_log().matches("barkeep is serving").count() - 1,
        stage.commits(),
        seconds_since(began)
    );
    assert!(stage.commits() > KILLS, "the kills fell into the work");
    assert!(audit.agree > 20_000, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_during_the_very_first_start_leaves_nothing_that_blocks_the_next() {
    let mut chance = StdRng::seed_from_u64(SEED);
    for _ in 0..FIRST_STARTS {
        let stage = Stage::open(SEED, "1h").await;
        for _ in 0..2 {
            let daemon = stage.spawn();
            let moment = Duration::from_millis(chance.random_range(15..130));
            tokio::time::sleep(moment).await;
            daemon.kill();
        }
        let mut daemon = stage.spawn();
        daemon.wait_until("/v1/series", Duration::from_secs(20), |_| true).await;
        daemon.stop().await;
    }
}

/// Asked to end while files are being written: what was fetched by then is landed and told, in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t72_an_end_in_the_middle_of_a_flush_lands_what_was_fetched_and_tells_the_store() {
    let mut stage = Stage::open(SEED + 1, "2d").await;
    // Answers wait for company, so that there always is something that is not yet written.
    stage.set("LAKE__COMMIT_LINGER", "500ms");
    for end in 0..ENDS {
        stage.set("INGEST__HISTORY", &format!("{}h", 48 + 12 * end));
        let files = stage.data_files();
        let daemon = stage.spawn();
        stage.written(files + 1 + end % 3).await;
        daemon.stop().await;
        stage.open_at_rest().await;
    }
    assert!(!stage.read_log().contains("caught up with the lake"), "{}", stage.read_log());
    let audit = stage.examine().await;
    assert!(audit.agree > 10_000, "{audit:?}");
}
