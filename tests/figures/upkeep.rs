//! What a pass over a table costs and brings: eight hours of a candle a minute that have become old,
//! and one that is young.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use barkeep::{app::App, jobs::JobSpec, lake::Upkeep, market::Timeframe};
use chrono::TimeDelta;

use crate::{
    machine::files,
    support::files::age,
    workload::{Workload, midnight, run_all},
};

const SERIES: usize = 2;
const OLD_MINUTES: i64 = 8 * 60;
const YOUNG_MINUTES: i64 = 60;

pub(crate) async fn measure() {
    let workload = Workload::start(SERIES).await;
    let app = workload.app(&[("INGEST__HISTORY", "10m"), ("LAKE__COMMIT_LINGER", "0s")]).await;
    println!("upkeep: {SERIES} series, a candle a minute, {OLD_MINUTES} minutes old");
    let alone = ticks(&workload, &app, 0..OLD_MINUTES).await;
    age(&workload.folder.path().join("lake"), 8);
    let end = OLD_MINUTES + YOUNG_MINUTES;
    ticks(&workload, &app, OLD_MINUTES..end).await;
    let mut minute = end;
    for pass in 1..=3 {
        let (done, seconds, slowest) = pass_beside_ticks(&workload, &app, &mut minute).await;
        println!(
            "{:24} {seconds:>9.2} s, {} of {} files and {} of {} KiB removed, {} entries",
            format!("pass {pass}"),
            done.removed.files,
            done.before.files,
            done.removed.bytes / 1024,
            done.before.bytes / 1024,
            done.entries_removed,
        );
        println!(
            "{:24} slowest {:.0} ms beside it, {:.0} ms without",
            "a tick",
            slowest.as_secs_f64() * 1e3,
            alone.as_secs_f64() * 1e3
        );
    }
    let (count, bytes) = files(&workload.folder.path().join("lake"), "");
    println!("{:24} {count} files, {} KiB on the disk", "left", bytes / 1024);
}

async fn pass_beside_ticks(
    workload: &Workload,
    app: &Arc<App>,
    minute: &mut i64,
) -> (Upkeep, f64, Duration) {
    let keeping = {
        let app = app.clone();
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let keep = app.keeper.keep(app.lake.candles(Timeframe::M1));
            let done = runtime.block_on(keep).expect("a pass");
            (done, began.elapsed().as_secs_f64())
        })
    };
    let mut slowest = Duration::ZERO;
    while !keeping.is_finished() {
        slowest = slowest.max(ticks(workload, app, *minute..*minute + 1).await);
        *minute += 1;
    }
    let (done, seconds) = keeping.await.expect("no panic");
    (done, seconds, slowest)
}

/// The slowest of them; the first bring what history there is.
async fn ticks(workload: &Workload, app: &Arc<App>, minutes: std::ops::Range<i64>) -> Duration {
    let mut slowest = Duration::ZERO;
    for minute in minutes {
        workload.clock.set(midnight() + TimeDelta::minutes(minute));
        let began = Instant::now();
        run_all(app, SERIES, JobSpec::Poll).await;
        slowest = slowest.max(began.elapsed());
    }
    slowest
}
