//! A day of 600 series, each with a new candle every minute.

use std::time::{Duration, Instant};

use barkeep::{jobs::JobSpec, market::Timeframe, simulate::SimulatedProvider};

use chrono::TimeDelta;

use crate::{
    machine::{files, resident_mib},
    workload::{Workload, midnight, run_all},
};

const SERIES: usize = 600;
const MINUTES: i64 = 24 * 60;

pub(crate) async fn measure() {
    let workload = Workload::start(SERIES).await;
    let app = workload.app(&[("INGEST__HISTORY", "10m")]).await;
    println!("ticks: {SERIES} series, a candle a minute, a simulated day");
    println!(
        "{:>6} {:>9} {:>9} {:>12} {:>12} {:>9} {:>9}",
        "hour", "commits", "files", "ms a tick", "ms a commit", "MiB", "log files"
    );
    // The first tick also brings what history there is.
    tick(&workload, &app).await;
    let (mut worst, mut hour_began) = (0, Instant::now());
    let mut memory = Vec::new();
    let table = app.lake.candles(Timeframe::M1);
    let commits = || app.metrics.delta_commits.with_label_values(&[table.name()]).get();
    let mut commit_seconds = 0.0;
    for minute in 1..=MINUTES {
        workload.clock.set(midnight() + TimeDelta::minutes(minute));
        let before = commits();
        tick(&workload, &app).await;
        worst = worst.max(commits() - before);
        if minute % 60 == 0 {
            let live = app.metrics.delta_files.with_label_values(&[table.name()]).get();
            let histogram = app.metrics.delta_commit_seconds.with_label_values(&[table.name()]);
            let total = histogram.get_sample_sum();
            let log = files(&workload.folder.path().join("lake"), ".json").0;
            memory.push(resident_mib());
            println!(
                "{:>6} {:>9} {live:>9} {:>12.0} {:>12.1} {:>9.0} {log:>9}",
                minute / 60,
                commits(),
                hour_began.elapsed().as_secs_f64() * 1e3 / 60.0,
                (total - commit_seconds) * 1e3 / 60.0,
                memory[memory.len() - 1],
            );
            commit_seconds = total;
            hour_began = Instant::now();
        }
    }
    let growth = (memory[23] / memory[1] - 1.0) * 100.0;
    println!("at most {worst} commit a tick; memory from hour 2 to hour 24: {growth:+.1} %");
    println!("{} candles landed", app.landed());
}

/// Polls every series, and lets the group commit go once every answer is in.
async fn tick(workload: &Workload, app: &std::sync::Arc<barkeep::app::App>) {
    let requests = || workload.exchange.counters(SimulatedProvider::Coinbase).requests;
    let asked = requests() + SERIES as u64;
    let release = async {
        while requests() < asked {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            workload.clock.advance(Duration::from_secs(5));
        }
    };
    tokio::select! {
        () = run_all(app, SERIES, JobSpec::Poll) => {}
        () = release => {}
    }
}
