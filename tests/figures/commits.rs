//! A table after ten thousand small commits and a pass of maintenance, beside the same rows written at
//! once: how long it takes to open, and how long the first questions take. Right after the pass its log
//! still names the ten thousand files that have gone, as it does for a week.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use barkeep::{
    config::{Config, LakeConfig},
    lake::{Append, CandleTable, Lake, LandingRecord, Past, Rows},
    market::{
        Calendar, Candle, Candles, Fact, Provenance, RawBatch, RawText, Run, Series, Timeframe,
        Window,
    },
    quality::validate,
    telemetry::Metrics,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use deltalake::{arrow::array::RecordBatch, delta_datafusion::DeltaSessionContext};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

use crate::{
    machine::{files, resident_mib},
    support::files::age,
    workload::midnight,
};

const SERIES: usize = 20;
const COMMITS: i64 = 10_000;
const ROUNDS: usize = 9;

pub(crate) async fn measure() {
    let (many, once) = (Place::new("many"), Place::new("once"));
    println!("commits: {COMMITS} of {SERIES} series, one candle each");
    let table = many.open().await;
    let mut memory = Vec::new();
    println!("{:>8} {:>9} {:>12} {:>10}", "commits", "memory MB", "ms a commit", "live files");
    let mut began = Instant::now();
    for minute in 0..COMMITS {
        append(&table, minute, 1).await;
        table.compact().await.expect("a compaction");
        if (minute + 1) % 1_000 == 0 {
            memory.push(resident_mib());
            let each = began.elapsed().as_secs_f64();
            let live = table.size().expect("a size").live.files;
            println!("{:>8} {:>9.0} {each:>12.1} {live:>10}", minute + 1, resident_mib());
            began = Instant::now();
        }
    }
    let growth = (memory[memory.len() - 1] / memory[0] - 1.0) * 100.0;
    println!("memory from commit 1,000 to {COMMITS}: {growth:+.1} %");
    many.print("as it is");
    for pass in ["first", "second"] {
        age(many.0.path(), 8);
        let began = Instant::now();
        table.optimize().await.expect("a compaction");
        table.maintain(Some(table.version())).await.expect("a pass");
        println!("{pass} pass: {:.2} s", began.elapsed().as_secs_f64());
    }
    many.print("maintained");
    let whole = once.open().await;
    append(&whole, 0, COMMITS).await;
    whole.compact_fully().await.expect("a compaction");
    once.print("at once");
    drop(whole);
    compare("with a week's tombstones", &many, &once).await;
    many.forget().await;
    table.look().await.expect("a look");
    table.maintain(Some(table.version())).await.expect("a pass");
    drop(table);
    compare("a week later", &many, &once).await;
}

/// A folder for a lake.
struct Place(TempDir);

impl Place {
    fn new(name: &str) -> Self {
        Self(tempfile::Builder::new().prefix(name).tempdir().expect("a folder"))
    }

    async fn open(&self) -> std::sync::Arc<CandleTable> {
        let metrics = Metrics::new().expect("metrics");
        let lake = Lake::open(&config(self.0.path()), &metrics).await.expect("a lake");
        lake.candles(Timeframe::M1).clone()
    }

    /// The log names files that are gone for a week, and cannot be made older here; so no time is long
    /// enough from now on.
    async fn forget(&self) {
        let folder = Lake::folder(self.0.path(), Timeframe::M1);
        let url = Url::from_directory_path(folder).expect("a whole path");
        let table = deltalake::open_table(url).await.expect("a table");
        let soon = ("delta.deletedFileRetentionDuration", "interval 0 seconds");
        let soon = HashMap::from([(soon.0.to_owned(), soon.1.to_owned())]);
        table.set_tbl_properties().with_properties(soon).await.expect("a commit");
    }

    fn print(&self, when: &str) {
        let table = Lake::folder(self.0.path(), Timeframe::M1);
        let ((data, bytes), (log, _)) = (files(&table, ".parquet"), files(&table, ".json"));
        println!("{when:24} {data:>6} files of {bytes:>10} bytes, {log:>6} entries of the log");
    }
}

fn config(folder: &Path) -> LakeConfig {
    let path = [("BARKEEP__LAKE__PATH".to_owned(), folder.display().to_string())];
    Config::from_layers(None, HashMap::from(path)).expect("valid settings").lake
}

/// Candles of every series from that minute on.
async fn append(table: &CandleTable, minute: i64, count: i64) {
    let start = midnight() - TimeDelta::seconds(75) + TimeDelta::minutes(minute);
    let window = Window::of_candles(start, Timeframe::M1, count);
    let appends: Vec<Append> = (0..SERIES)
        .map(|number| {
            let series: Series = format!("coinbase/C{number:03}USD/1m").parse().expect("a series");
            let id = Uuid::now_v7();
            let facts = [Run { window, value: Fact::Final }];
            let record = LandingRecord::new(series.clone(), minute + 1, id, &facts);
            Append { record, rows: vec![rows(series, window, number)] }
        })
        .collect();
    table.append(&appends).await.expect("a commit");
}

fn rows(series: Series, window: Window, number: usize) -> Rows {
    let mut candles = Candles::default();
    for open_time in window.open_times(Timeframe::M1) {
        candles.push(candle(open_time, number));
    }
    let received = window.end + TimeDelta::minutes(1);
    let provenance = Provenance {
        extracted_at: received,
        made_at: received,
        source: "figure".to_owned(),
        is_mock: true,
        is_derived: false,
    };
    let (count, calendar) = (candles.len(), Calendar::Always);
    let raw = RawText::new(|_| Bytes::new());
    let (rows, unfinished, unreadable) = ((0..count).collect(), 0, Vec::new());
    let raw = RawBatch { series, window, provenance, candles, raw, rows, unfinished, unreadable };
    let batch = validate(raw, calendar, TimeDelta::zero()).valid;
    assert_eq!(batch.candles().len(), count, "all of them are good");
    Rows { batch, revisions: vec![0; count] }
}

/// The same whenever it is asked for.
fn candle(open_time: DateTime<Utc>, number: usize) -> Candle {
    let step = (open_time.timestamp() / 60 * 7 + number as i64 * 13) % 101;
    let open = 100.0 + step as f64 / 4.0;
    Candle {
        open_time,
        open,
        high: open + 2.0,
        low: open - 2.0,
        close: open + 1.0,
        volume: Some(1.5),
    }
}

async fn compare(when: &str, many: &Place, once: &Place) {
    println!("{when:24} {:>10} {:>10} {:>10}", "10,000 ms", "at once ms", "ratio");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(first_questions(many).await);
        theirs.push(first_questions(once).await);
    }
    for (part, name) in ["open", "newest 100", "sum by asset", "all three"].iter().enumerate() {
        let (ours, theirs) = (median(&ours, part), median(&theirs, part));
        println!("{name:24} {ours:>10.2} {theirs:>10.2} {:>10.2}", ours / theirs);
    }
}

fn median(times: &[[Duration; 4]], part: usize) -> f64 {
    let mut times: Vec<Duration> = times.iter().map(|times| times[part]).collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

/// Opening the lake, the newest candles of a series, a sum by asset, and all of it.
async fn first_questions(place: &Place) -> [Duration; 4] {
    let began = Instant::now();
    let table = place.open().await;
    let opened = began.elapsed();
    let asked = Instant::now();
    let end = midnight() - TimeDelta::seconds(75) + TimeDelta::minutes(COMMITS);
    let newest = Window::new(end - TimeDelta::minutes(100), end);
    let series = "coinbase/C007USD/1m".parse().expect("a series");
    let candles = table.candles(&series, newest).await.expect("candles");
    assert_eq!(candles.len(), 100);
    let read = asked.elapsed();
    let asked = Instant::now();
    let context = DeltaSessionContext::default().into_inner();
    let rows = table.rows(Past::default()).await.expect("rows");
    context.register_table("candles", rows).expect("a table");
    let sum =
        "select asset_pair, count(*), sum(volume), max(high) from candles group by asset_pair";
    let sum = context.sql(sum).await.expect("a plan").collect().await.expect("an answer");
    assert_eq!(sum.iter().map(RecordBatch::num_rows).sum::<usize>(), SERIES);
    let summed = asked.elapsed();
    [opened, read, summed, began.elapsed()]
}
