//! Bytes a candle takes in the lake after compaction, on real files.

use std::{path::Path, sync::Arc};

use barkeep::{
    app::App,
    files::{ColumnMap, FileRequest},
    ingest::Importer,
    market::Series,
};

use crate::workload::{Workload, midnight};

/// File, series, and the best float64 encoding of time, prices and volume alone in one file.
const FILES: [(&str, &str, f64); 3] = [
    ("BTC_USD_H1_2020_2023.parquet", "coinbase/BTCUSD/1h", 27.6),
    ("EUR_USD_M15_2020_2023.parquet", "oanda/EURUSD/15m", 16.5),
    ("BTC_USD_M1_4320.parquet", "coinbase/BTCUSD/1m", 9.1),
];

pub(crate) async fn measure() {
    let history = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/history"));
    if !history.exists() {
        println!("layout: skipped, the corpus is not here");
        return;
    }
    println!("layout: bytes a candle after compaction, all columns included");
    println!(
        "{:32} {:>8} {:>6} {:>8} {:>8} {:>8}",
        "", "candles", "files", "landed", "compact", "to beat"
    );
    for (file, series, to_beat) in FILES {
        let workload = Workload::start(1).await;
        let app = workload.app(&[("LAKE__COMMIT_LINGER", "0s")]).await;
        let series: Series = series.parse().expect("a series");
        let candles = import(&app, &history.join(file), &series).await;
        let table = app.lake.candles(series.timeframe);
        let (_, landed) = live_files(&app, &series);
        table.compact_fully().await.expect("a compaction");
        let (files, compact) = live_files(&app, &series);
        let each = |bytes: i64| bytes as f64 / candles as f64;
        let (landed, compact) = (each(landed), each(compact));
        println!("{file:32} {candles:>8} {files:>6} {landed:>8.1} {compact:>8.1} {to_beat:>8.1}");
    }
}

async fn import(app: &Arc<App>, path: &Path, series: &Series) -> usize {
    let importer =
        Importer { lander: app.lander.clone(), books: app.books.clone(), store: app.store.clone() };
    let request = FileRequest {
        path: path.to_path_buf(),
        series: series.clone(),
        map: ColumnMap::default(),
        received_at: midnight() + chrono::TimeDelta::days(365),
    };
    importer.import(&request).await.expect("an import").landed
}

fn live_files(app: &App, series: &Series) -> (usize, i64) {
    let table = app.lake.candles(series.timeframe).snapshot();
    let state = table.snapshot().expect("a loaded table");
    let log = state.log_data();
    log.iter().fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.size()))
}
