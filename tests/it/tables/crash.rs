//! The real daemon, killed at each point of a write; the same request again is done exactly once.

use std::{os::unix::process::ExitStatusExt, time::Duration};

use serde_json::{Value, json};

use super::{PRICES, row};
use crate::support::daemon::{Daemon, without_candles};

pub(crate) const POINTS: [&str; 4] =
    ["rows_set_aside", "columns_added", "files_written", "rows_written"];
const PATIENCE: Duration = Duration::from_secs(30);
const SIGABRT: i32 = 6;

async fn rows(daemon: &Daemon) -> Vec<Value> {
    let query = json!({ "query": "select asset from user.prices order by 1" });
    daemon.post("/v1/sql", "-", &query).await.unwrap()["rows"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_point_of_a_write_neither_loses_nor_doubles_a_row() {
    let folder = tempfile::tempdir().unwrap();
    // No candle passes the points on its way.
    let settings = without_candles(folder.path());
    let log = folder.path().join("log");
    let mut daemon = Daemon::spawn(&settings, &log);
    daemon.wait_until("/version", PATIENCE, |_| true).await;
    let wanted = json!({
        "columns": [
            { "name": "month", "type": "text" },
            { "name": "asset", "type": "text" },
            { "name": "at", "type": "timestamp" },
            { "name": "price", "type": "float" },
        ],
        "partition_by": ["month"],
    });
    daemon.put(PRICES, &wanted).await.unwrap();
    daemon.stop().await;
    let path = format!("{PRICES}/rows?mode=append");
    for (round, point) in POINTS.iter().enumerate() {
        let mut more = row(point, 1, 1.0);
        more[format!("column_{round}")] = json!(round);
        let body = json!([more]);
        let mut doomed = settings.clone();
        doomed.insert("BARKEEP_CRASH_AT".to_owned(), format!("{point}:1"));
        let mut daemon = Daemon::spawn(&doomed, &log);
        daemon.wait_until("/version", PATIENCE, |_| true).await;
        assert!(daemon.post(&path, point, &body).await.is_none(), "{point}");
        let status = daemon.ended(PATIENCE).await;
        assert_eq!(status.signal(), Some(SIGABRT), "{point} was not what ended it");

        let mut daemon = Daemon::spawn(&settings, &log);
        daemon.wait_until("/version", PATIENCE, |_| true).await;
        let before = rows(&daemon).await.len();
        assert_eq!(before, round + usize::from(*point == "rows_written"), "{point}");
        for _ in 0..2 {
            let done = daemon.post(&path, point, &body).await.unwrap();
            assert_eq!(done["table"], "user.prices", "{done}");
            assert_eq!(rows(&daemon).await.len(), round + 1, "{point}");
        }
        daemon.stop().await;
    }
}
