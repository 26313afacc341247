//! The real daemon, killed at each point of a document's way into the lake, and asked again.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use serde_json::json;

use super::{DECISIONS, counts, decision};
use crate::support::daemon::{Daemon, without_candles};

/// The last comes after the lake has it and before the answer is sent.
const POINTS: [&str; 3] = ["dead_letters_kept", "files_written", "committed"];
const SIGABRT: i32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t35_t50_a_request_that_was_cut_short_is_sent_again_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // No candle passes the points on its way.
    let settings = without_candles(folder.path());
    let log = folder.path().join("log");
    let mut sent = Vec::new();
    let patience = Duration::from_secs(30);
    for (round, point) in POINTS.iter().enumerate() {
        let mut bad = decision(&format!("bad{round}"), 0);
        bad["action"] = json!("WAIT");
        sent.extend([decision(&format!("d{round}"), 1), bad]);
        let mut doomed = settings.clone();
        doomed.insert("BARKEEP_CRASH_AT".to_owned(), (*point).to_owned());
        let mut daemon = Daemon::spawn(&doomed, &log);
        daemon.wait_until("/v1/decisions", patience, |_| true).await;
        let answer = daemon.post(DECISIONS, point, &json!(sent)).await;
        assert!(answer.is_none(), "{point}: {answer:?}");
        let status = daemon.ended(patience).await;
        assert_eq!(status.signal(), Some(SIGABRT), "{point} was not what ended it");
    }
    let mut daemon = Daemon::spawn(&settings, &log);
    daemon.wait_until("/v1/decisions", patience, |_| true).await;
    let again = daemon.post(DECISIONS, "again", &json!(sent)).await.unwrap();
    // The last death came after the commit.
    assert_eq!(counts(&again), [0, 0, 3, 3], "{again}");
    let listed = daemon.get("/v1/decisions").await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    let report = daemon.get("/v1/verify?series=raw_ai_decisions").await.unwrap();
    assert_eq!((&report["rows"], &report["is_sound"]), (&json!(3), &json!(true)), "{report}");
    let letters = daemon.get("/v1/dead-letters?series=raw_ai_decisions").await.unwrap();
    assert_eq!(letters["items"].as_array().unwrap().len(), 3);
    daemon.stop().await;
}
