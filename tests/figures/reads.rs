//! How fast ten million candles are read, beside `DuckDB` and Polars on the same files: a week of one
//! asset, and a sum over all of them.

use std::{
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::ServiceExt;
use barkeep::{api, app::App, jobs::JobSpec, lake::Lake, market::Timeframe};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    machine,
    workload::{Workload, run_all},
};

const SERIES: usize = 20;
const DAYS: u64 = 348;
const ROUNDS: usize = 50;
const ASSET: &str = "C007USD";
const WEEK: [&str; 2] = ["2025-06-02T00:00:00Z", "2025-06-09T00:00:00Z"];
/// As `tests/interop/speed.py` asks.
const BY_ASSET: &str = "select asset_pair, count(*) as candles, avg(close) as mean, \
    max(high) as high, sum(volume) as volume from bronze.raw_market_data_1m \
    group by asset_pair order by asset_pair";

pub(crate) async fn measure() {
    let workload = Workload::start(SERIES).await;
    let history = format!("{DAYS}d");
    let app = workload
        .app(&[
            ("INGEST__HISTORY", history.as_str()),
            ("LAKE__COMMIT_LINGER", "0s"),
            ("SERVER__REQUESTS_PER_SECOND", "1000000000"),
        ])
        .await;
    while app.landed() < SERIES as u64 * DAYS * 1_440 {
        run_all(&app, 8, JobSpec::Fill).await;
    }
    app.lake.candles(Timeframe::M1).compact_fully().await.expect("a compaction");
    let table = Lake::folder(&app.config.lake.path, Timeframe::M1);
    let (files, bytes) = machine::files(&table, ".parquet");
    println!(
        "reads: {} candles; {files} files and {bytes} bytes with those of before",
        app.landed()
    );
    println!("{:28} {:>10} {:>10}", "", "week ms", "by asset ms");
    ours(&app).await;
    theirs(&table);
}

async fn ours(app: &Arc<App>) {
    let address = serve(app).await;
    let client = reqwest_client(false);
    let url = format!("http://{address}/v1/candles");
    let query = [
        ("series", format!("coinbase/{ASSET}/1m")),
        ("start", WEEK[0].to_owned()),
        ("end", WEEK[1].to_owned()),
    ];
    for (format, is_packed) in [("json", false), ("json", true), ("arrow", false), ("arrow", true)]
    {
        let client = reqwest_client(is_packed);
        let week = median(async || {
            let request = client.get(&url).query(&query).query(&[("format", format)]);
            let answer = request.send().await.expect("an answer").error_for_status();
            answer.expect("candles").bytes().await.expect("all of them").len()
        });
        let packed = if is_packed { ", gzip" } else { "" };
        println!("{:28} {:>10.1}", format!("Barkeep, HTTP, {format}{packed}"), week.await);
    }
    let sql = format!("http://{address}/v1/sql?format=arrow");
    let week = format!(
        "select timestamp, open, high, low, close, volume from bronze.raw_market_data_1m \
         where asset_pair = '{ASSET}' and timestamp >= '{}' and timestamp < '{}' order by timestamp",
        WEEK[0], WEEK[1]
    );
    let ask = async |query: &str| {
        let request = client.post(&sql).header("content-type", "application/json");
        let answer = request.body(json!({ "query": query }).to_string()).send().await;
        let answer = answer.expect("an answer").error_for_status().expect("rows");
        answer.bytes().await.expect("all of them").len()
    };
    let (week, sum) =
        (median(async || ask(&week).await).await, median(async || ask(BY_ASSET).await).await);
    println!("{:28} {week:>10.1} {sum:>10.1}", "Barkeep, SQL over HTTP");
}

/// Milliseconds, once it is warm.
async fn median(ask: impl AsyncFn() -> usize) -> f64 {
    assert!(ask().await > 0);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        ask().await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[ROUNDS / 2].as_secs_f64() * 1e3
}

/// The others are asked within their process; what a network would gain by packing costs time here.
fn reqwest_client(is_packed: bool) -> reqwest::Client {
    #[expect(clippy::disallowed_methods, reason = "asks the daemon, not a provider")]
    let builder = reqwest::Client::builder();
    let builder = builder.no_proxy().gzip(is_packed).timeout(Duration::from_mins(1));
    builder.build().expect("a client")
}

async fn serve(app: &Arc<App>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = api::service(app.clone()).into_make_service();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// What `DuckDB` and Polars take for the same, if Python and `PyPI` are there.
fn theirs(table: &Path) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let interop = tests.join("interop");
    let python = Command::new(tests.join("venv")).arg(interop.join("requirements.txt")).output();
    let python = python.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let Some(python) = python.ok().filter(|path| !path.is_empty()) else {
        println!("{:28} skipped: there is no Python", "DuckDB, Polars");
        return;
    };
    let at =
        |text: &str| text.parse::<DateTime<Utc>>().expect("an instant").timestamp().to_string();
    let status = Command::new(python)
        .arg(interop.join("speed.py"))
        .arg(table)
        .args([ASSET, &at(WEEK[0]), &at(WEEK[1]), &ROUNDS.to_string()])
        .status();
    assert!(status.expect("a run").success(), "the others cannot read it");
}
