//! Two daemons on one lake.

use std::time::Duration;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_the_same_lake_refuses_to_start() {
    let patience = Duration::from_secs(20);
    let mut stage = Stage::open(5, "1h").await;
    let mut first = stage.spawn();
    first.wait_until("/v1/series", patience, |_| true).await;
    // A store of its own does not help: it is the lake that has one writer.
    let other = stage.database().with_extension("other");
    stage.set("STORE__URL", &format!("sqlite:{}", other.display()));
    let status = stage.spawn().ended(patience).await;
    assert_eq!(status.code(), Some(1));
    let log = stage.read_log();
    assert!(log.contains("error: another process is using the lake"), "{log}");
    assert!(log.contains("stop it first"), "{log}");
    assert!(!other.exists(), "it touched nothing");
    first.wait_until("/v1/series", patience, |_| true).await;
    first.stop().await;
}
