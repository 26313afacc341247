//! How long the ten families of indicators take over a million candles in memory, through SQL, beside
//! Polars with the same arithmetic as expressions.

use std::{path::Path, process::Command, time::Instant};

use barkeep::functions;
use deltalake::{
    arrow::array::RecordBatch,
    datafusion::prelude::{SessionConfig, SessionContext},
};

const ROUNDS: usize = 5;

/// A market that goes up and down on several scales.
const CANDLES: &str = "create table candles as
    select t, close, close + abs(sin(t * 1.7)) * 9 as high, close - abs(cos(t * 2.3)) * 9 as low
    from (select value as t, 60000 + sin(value / 5000.0) * 9000 + sin(value / 37.0) * 300
              + sin(value * 12.9898) * 40 as close
          from generate_series(1, 1000000))";

const FAMILIES: &str = "select sma(close, 20) over w, sma(close, 50) over w, rsi(close, 14) over w,
        macd(close, 12, 26, 9) over w, bollinger(close, 20, 2.0) over w,
        adx(high, low, close, 14) over w, atr(high, low, close, 14) over w,
        stochastic(high, low, close, 14, 3) over w, cci(high, low, close, 20) over w,
        williams_r(high, low, close, 14) over w, ichimoku(high, low, close, 9, 26, 52) over w
    from candles window w as (order by t)";

pub(crate) async fn measure() {
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config(config);
    functions::register(&context);
    run(&context, CANDLES).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        assert_eq!(run(&context, FAMILIES).await, 1_000_000);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    println!("indicators: ten families over 1,000,000 candles in memory, on one thread, median");
    println!("{:28} {:>10.0} ms", "Barkeep, SQL", times[ROUNDS / 2].as_secs_f64() * 1e3);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("candles.parquet");
    run(&context, &format!("copy candles to '{}'", file.display())).await;
    theirs(&file, 1);
}

async fn run(context: &SessionContext, sql: &str) -> usize {
    let rows = context.sql(sql).await.expect("a plan").collect().await.expect("rows");
    rows.iter().map(RecordBatch::num_rows).sum()
}

/// What Polars takes on so many threads, if Python and `PyPI` are there.
pub(crate) fn theirs(file: &Path, threads: usize) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let interop = tests.join("interop");
    let python = Command::new(tests.join("venv")).arg(interop.join("requirements.txt")).output();
    let python = python.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let Some(python) = python.ok().filter(|path| !path.is_empty()) else {
        println!("{:28} skipped: there is no Python", "Polars");
        return;
    };
    let status = Command::new(python)
        .arg(interop.join("indicators_speed.py"))
        .arg(file)
        .arg(ROUNDS.to_string())
        .env("POLARS_MAX_THREADS", threads.to_string())
        .status();
    assert!(status.expect("a run").success(), "Polars cannot compute it");
}
