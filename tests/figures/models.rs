//! What the tables that are made of others cost: a million new candles at once, beside Polars computing
//! the same in memory; and one new candle of each of 600 series, after short and after long histories.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use barkeep::{
    app::App,
    formats::Format,
    jobs::JobSpec,
    sql::{Body, Question},
};
use chrono::TimeDelta;
use deltalake::datafusion::catalog::MemorySchemaProvider;

use crate::{
    indicators,
    machine::peak_mib,
    workload::{Workload, midnight, run_all},
};

const ENRICHED: &str = "silver.market_data_enriched";
const SETTINGS: [(&str, &str); 5] = [
    // Nobody moves the clock while candles land: each series is a commit of its own.
    ("LAKE__COMMIT_LINGER", "0s"),
    ("MODELS__LINGER", "0s"),
    ("SQL__MAX_ROWS", "20000000"),
    ("SQL__SPILL", "16GiB"),
    ("SQL__MEMORY", "2GiB"),
];

pub(crate) async fn measure() {
    at_once().await;
    for days in ["5d", "54d"] {
        after(days).await;
    }
}

/// A million candles land, and are built upon tables that were empty.
async fn at_once() {
    let workload = Workload::start(20).await;
    let mut settings = SETTINGS.to_vec();
    settings.push(("INGEST__HISTORY", "835h"));
    let app = workload.app(&settings).await;
    build(&app).await;
    fill(&app).await;
    app.models.build_now("silver.market_data", false).await.expect("a build");
    let began = Instant::now();
    let built = app.models.build_now(ENRICHED, false).await.expect("a build");
    let took = began.elapsed().as_secs_f64() * 1e3;
    assert!(!built.is_whole);
    println!("models: {} new candles, {} rows built of them", app.landed(), built.inserted);
    println!("{:28} {took:>10.0} ms, {:.0} MiB at the peak", "Barkeep, into the lake", peak_mib());
    let file = workload.folder.path().join("candles.parquet");
    let query =
        "select timestamp as t, close, high, low from silver.market_data order by asset_pair, t";
    save(&app, query, &file).await;
    indicators::theirs(&file, 2);
}

/// At midnight every timeframe of a hundred assets has a new candle.
async fn after(history: &'static str) {
    let workload = Workload::start(100).await;
    let mut settings = SETTINGS.to_vec();
    settings.push(("INGEST__HISTORY", history));
    settings.push(("INGEST__TIMEFRAMES", "1m,5m,15m,1h,4h,1d"));
    let app = workload.app(&settings).await;
    fill(&app).await;
    let whole = build(&app).await;
    println!(
        "models: 600 series, {} candles, built from scratch in {:.0} s",
        app.landed(),
        total(&whole)
    );
    for day in 1..=2 {
        // The minutes of the day, and then what the midnight brings.
        workload.clock.set(midnight() + TimeDelta::days(day) - TimeDelta::minutes(1));
        fill(&app).await;
        build(&app).await;
        workload.clock.set(midnight() + TimeDelta::days(day));
        let landed = app.landed();
        run_all(&app, 100, JobSpec::Poll).await;
        let built = build(&app).await;
        println!("{:>6} new candles: fresh after {:.2} s", app.landed() - landed, total(&built));
        if day == 2 {
            for (model, took) in built {
                println!("    {model:36} {:>8.0} ms", took.as_secs_f64() * 1e3);
            }
        }
    }
}

async fn fill(app: &Arc<App>) {
    let mut landed = u64::MAX;
    while landed != app.landed() {
        landed = app.landed();
        run_all(app, 8, JobSpec::Fill).await;
    }
}

/// Builds until nothing is due; how long each model took.
async fn build(app: &Arc<App>) -> BTreeMap<String, Duration> {
    let seconds =
        |model: &str| app.metrics.model_seconds.with_label_values(&[model]).get_sample_sum();
    let names: Vec<String> = app.models.all().iter().map(|model| model.name.to_string()).collect();
    let before: Vec<f64> = names.iter().map(|name| seconds(name)).collect();
    while app.models.build_due().await.expect("builds") > 0 {}
    let took = |(name, before): (&String, &f64)| {
        (name.clone(), Duration::from_secs_f64((seconds(name) - before).max(0.0)))
    };
    names.iter().zip(&before).map(took).collect()
}

fn total(built: &BTreeMap<String, Duration>) -> f64 {
    built.values().sum::<Duration>().as_secs_f64()
}

async fn save(app: &Arc<App>, query: &str, file: &Path) {
    let question = Question {
        query: query.to_owned(),
        format: Format::Parquet,
        known_at: None,
        versions: BTreeMap::new(),
    };
    let system = Arc::new(MemorySchemaProvider::new());
    let answer = app.sql.answer(&app.lake, system, question).await.expect("rows");
    let bytes = match answer.body {
        Body::Memory(bytes) => bytes.to_vec(),
        Body::File(mut file) => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("the answer");
            bytes
        }
    };
    std::fs::File::create(file).and_then(|mut file| file.write_all(&bytes)).expect("a file");
}
