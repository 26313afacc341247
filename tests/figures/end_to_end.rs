//! How much the care costs: the whole path against the bare loop, on the same server.

use std::time::Instant;

use barkeep::{
    jobs::JobSpec,
    market::{Timeframe, Window},
};
use chrono::TimeDelta;

use crate::{
    bare,
    workload::{Workload, midnight, run_all},
};

const SERIES: usize = 20;
const CANDLES: i64 = 180_000;
const RUNS: usize = 3;

pub(crate) async fn measure() {
    println!("end_to_end: {SERIES} series × {CANDLES} candles of 1m, exchange on the same machine");
    println!("{:24} {:>10} {:>12} {:>14}", "", "rows", "seconds", "candles/s");
    let (mut bare_best, mut whole_best) = (f64::MAX, f64::MAX);
    for _ in 0..RUNS {
        let workload = Workload::start(SERIES).await;
        let settled = Timeframe::M1.floor(midnight() - TimeDelta::seconds(75));
        let window = Window::new(settled - TimeDelta::minutes(CANDLES), settled);
        let products: Vec<String> = (0..SERIES).map(|n| format!("C{n:03}-USD")).collect();
        let began = Instant::now();
        let folder = workload.folder.path().join("bare");
        let rows = bare::run(workload.address, &products, window, &folder).await;
        bare_best = bare_best.min(line("bare loop, one commit", rows, began));

        let history = format!("{}d", CANDLES / 1_440);
        let app = workload.app(&[("INGEST__HISTORY", &history)]).await;
        let began = Instant::now();
        while app.landed() < rows as u64 {
            run_all(&app, 8, JobSpec::Fill).await;
        }
        whole_best = whole_best.min(line("barkeep, whole path", rows, began));
        assert_eq!(app.landed(), rows as u64, "every candle once");
        let table = app.lake.candles(Timeframe::M1).name();
        let count = |of: &prometheus::IntCounterVec| of.with_label_values(&[table]).get();
        let (commits, compactions) =
            (count(&app.metrics.delta_commits), count(&app.metrics.delta_compactions));
        println!("{:24} {commits} commits, {compactions} compactions", "");
        let due =
            app.live_books().all(|book| book.with_ledger(|l| l.watermark(settled)) == settled);
        assert!(due, "every watermark at the present");
    }
    println!("{:24} {:>36.2}×", "ratio of the best", whole_best / bare_best);
}

fn line(what: &str, rows: usize, began: Instant) -> f64 {
    let seconds = began.elapsed().as_secs_f64();
    println!("{what:24} {rows:>10} {seconds:>12.2} {:>14.0}", rows as f64 / seconds);
    seconds
}
