//! How long a restart takes beside a lake of ten million candles.

use std::time::{Duration, Instant};

use barkeep::jobs::JobSpec;

use crate::workload::{Workload, run_all};

const SERIES: usize = 20;
const DAYS: u64 = 348;

pub(crate) async fn measure() {
    let workload = Workload::start(SERIES).await;
    let history = format!("{DAYS}d");
    let settings = [("INGEST__HISTORY", history.as_str()), ("LAKE__COMMIT_LINGER", "0s")];
    let app = workload.app(&settings).await;
    while app.landed() < SERIES as u64 * DAYS * 1_440 {
        run_all(&app, 8, JobSpec::Fill).await;
    }
    println!("restart: a lake of {} candles", app.landed());
    app.lifecycle.stop_and_wait(Duration::from_secs(10)).await;
    drop(app);
    for _ in 0..3 {
        // The committing tasks let go of the lake a moment after their last sender.
        let began = Instant::now();
        let app = workload.app(&settings).await;
        app.store.ping().await.expect("ready");
        let seconds = began.elapsed().as_secs_f64();
        println!("{:24} {seconds:>12.3} s until ready", "");
        drop(app);
    }
}
