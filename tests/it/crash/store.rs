//! The control store is lost, or older than the lake: the lake says what has landed.

use std::{fs, path::Path, time::Instant};

use sqlx::{Connection, Executor, SqliteConnection};

use super::stage::{Stage, seconds_since};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_deleted_is_rebuilt_from_the_lake() {
    let mut stage = Stage::open(2, "2d").await;
    stage.hurry();
    let mut daemon = stage.spawn();
    stage.caught_up(&mut daemon).await;
    daemon.kill();
    delete_database(&stage.database());
    let audit = stage.examine().await;
    assert!(stage.read_log().contains("rebuilt from the rows of the lake"));
    assert!(audit.agree > 7_000, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t35_an_older_copy_of_the_store_catches_up_with_the_log() {
    let began = Instant::now();
    let mut stage = Stage::open(3, "1d").await;
    stage.hurry();
    let mut daemon = stage.spawn();
    stage.caught_up(&mut daemon).await;
    daemon.stop().await;
    let journal = format!("{}-wal", stage.database().display());
    assert!(!Path::new(&journal).exists(), "a store at rest is one file, which a copy may rely on");
    let copy = stage.database().with_extension("copy");
    fs::copy(stage.database(), &copy).unwrap();
    let commits = stage.commits();
    stage.set("INGEST__HISTORY", "3d");
    let mut daemon = stage.spawn();
    stage.caught_up(&mut daemon).await;
    daemon.kill();
    assert!(stage.commits() > commits + 5, "the lake went on");
    delete_database(&stage.database());
    fs::copy(&copy, stage.database()).unwrap();
    let audit = stage.examine().await;
    let log = stage.read_log();
    assert!(log.contains("caught up with the lake"), "{log}");
    assert!(!log.contains("rebuilt from the rows"), "{log}");
    println!("{audit:?}, {:.0} s", seconds_since(began));
    assert!(audit.agree > 10_000, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_beside_a_lake_that_was_deleted_does_not_believe_itself() {
    let mut stage = Stage::open(4, "1d").await;
    stage.hurry();
    let mut daemon = stage.spawn();
    stage.caught_up(&mut daemon).await;
    daemon.stop().await;
    fs::remove_dir_all(stage.lake()).unwrap();
    let audit = stage.examine().await;
    assert!(audit.agree > 3_000, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t35_what_landed_while_the_store_refused_to_write_is_not_landed_again() {
    let mut stage = Stage::open(6, "6h").await;
    stage.hurry();
    let mut daemon = stage.spawn();
    stage.caught_up(&mut daemon).await;
    let mut other =
        SqliteConnection::connect(&stage.database().display().to_string()).await.unwrap();
    other.execute("begin immediate").await.unwrap();
    stage.logged("the control store did not answer").await;
    other.execute("rollback").await.unwrap();
    stage.caught_up(&mut daemon).await;
    daemon.stop().await;
    let audit = stage.examine().await;
    assert!(audit.agree > 800, "{audit:?}");
}

/// The file and what SQLite keeps beside it.
fn delete_database(database: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", database.display());
        if Path::new(&file).exists() {
            fs::remove_file(&file).unwrap();
        }
    }
}
