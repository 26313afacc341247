//! What a year of ten assets in six timeframes takes on the disk.

use barkeep::jobs::JobSpec;

use crate::{
    machine,
    workload::{Workload, run_all},
};

const ASSETS: usize = 10;
/// What the predecessor claimed to need for the same.
const TO_BEAT_MB: f64 = 150.0;

pub(crate) async fn measure() {
    let workload = Workload::start(ASSETS).await;
    let settings = [
        ("INGEST__HISTORY", "365d"),
        ("INGEST__TIMEFRAMES", "1m,5m,15m,1h,4h,1d"),
        ("LAKE__COMMIT_LINGER", "0s"),
    ];
    let app = workload.app(&settings).await;
    let mut landed = u64::MAX;
    while landed != app.landed() {
        landed = app.landed();
        run_all(&app, 8, JobSpec::Fill).await;
    }
    println!("year: {ASSETS} assets, {landed} candles");
    println!("{:24} {:>10} {:>10} {:>10}", "", "MB", "files", "bytes each");
    let mut total = 0;
    for table in app.lake.all() {
        table.compact_fully().await.expect("a compaction");
        let newest = table.snapshot();
        let state = newest.snapshot().expect("a loaded table");
        let log = state.log_data();
        let (files, bytes) = log.iter().fold((0, 0), |(n, sum), file| (n + 1, sum + file.size()));
        let rows: usize = log.iter().filter_map(|file| file.num_records()).sum();
        total += bytes;
        if rows > 0 {
            let (mb, each) = (bytes as f64 / 1e6, bytes as f64 / rows as f64);
            println!("{:24} {mb:>10.1} {files:>10} {each:>10.1}", table.name());
        }
    }
    let (_, log) = machine::files(&app.config.lake.path, ".json");
    println!("{:24} {:>10.1}", "the logs", log as f64 / 1e6);
    println!("{:24} {:>10.1} of at most {TO_BEAT_MB}", "all rows", total as f64 / 1e6);
}
