//! What it costs to put one day of every asset into a large managed table, and what it touches.

use std::{collections::HashMap, slice, sync::Arc, time::Instant};

use barkeep::{
    config::Config,
    lake::{CommitRecord, Definition, Lake, NewColumns, Rest, Table},
    telemetry::Metrics,
};
use chrono::{Datelike, Days, NaiveDate, NaiveTime};
use deltalake::arrow::{
    array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema, TimeUnit},
};

use crate::machine::{forget_peak, peak_mib, resident_mib};

const ASSETS: usize = 20;
const MINUTES: i64 = 24 * 60;
const YEAR: i32 = 2023;

pub(crate) async fn measure() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().to_str().expect("a path").to_owned();
    let environment = HashMap::from([("BARKEEP__LAKE__PATH".to_owned(), path)]);
    let config = Config::from_layers(None, environment).expect("settings");
    let lake = Lake::open(&config.lake, &Metrics::new().expect("metrics")).await.expect("a lake");
    let table = lake.managed(&definition()).await.expect("a table");
    for month in 1..=12 {
        put(&table, &rows(&days_of(month), 0.0)).await;
    }
    let size = table.size().expect("a size");
    println!(
        "merge: one day of {ASSETS} assets into {} rows in {} files, {} MiB",
        size.rows.unwrap_or_default(),
        size.live.files,
        size.live.bytes >> 20,
    );
    let day = [NaiveDate::from_ymd_opt(YEAR, 6, 15).expect("a day")];
    let next = [NaiveDate::from_ymd_opt(YEAR + 1, 1, 1).expect("a day")];
    told(&table, "every row revised", &rows(&day, 1.0)).await;
    told(&table, "again, revised anew", &rows(&day, 2.0)).await;
    told(&table, "the same once more", &rows(&day, 2.0)).await;
    told(&table, "a day that is new", &rows(&next, 0.0)).await;
}

async fn told(table: &Table, what: &str, rows: &RecordBatch) {
    let before = resident_mib();
    forget_peak();
    let began = Instant::now();
    let done = put(table, rows).await;
    println!(
        "{what:24} {:>7.0} ms, {:>4.0} MiB more at the peak; {} of {} rows updated, {} new, {} files replaced",
        began.elapsed().as_secs_f64() * 1e3,
        peak_mib() - before,
        done.updated,
        rows.num_rows(),
        done.inserted,
        done.files_replaced,
    );
}

async fn put(table: &Table, rows: &RecordBatch) -> barkeep::lake::Written {
    let record = CommitRecord::of_request(None);
    table.merge(slice::from_ref(rows), Rest::Stays, &record).await.expect("a merge")
}

fn definition() -> Definition {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let key = owned(&["asset_pair", "timestamp"]);
    Definition {
        name: "user.minutes".parse().expect("a name"),
        columns: schema(),
        partition_by: owned(&["month"]),
        sort: key.clone(),
        key,
        new_columns: NewColumns::Evolve,
    }
}

fn schema() -> Arc<Schema> {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let prices = ["open", "high", "low", "close", "volume"];
    let mut fields = vec![
        Field::new("month", DataType::Utf8, false),
        Field::new("asset_pair", DataType::Utf8, false),
        Field::new("timestamp", instant, false),
    ];
    fields.extend(prices.map(|name| Field::new(name, DataType::Float64, true)));
    Arc::new(Schema::new(fields))
}

fn days_of(month: u32) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(YEAR, month, 1).expect("a day");
    let days = (0..31).filter_map(|day| first.checked_add_days(Days::new(day)));
    days.filter(|day| day.month() == month).collect()
}

/// A candle a minute of every asset, whose volume is `volume`, minute by minute.
fn rows(days: &[NaiveDate], volume: f64) -> RecordBatch {
    let names: Vec<String> = (0..ASSETS).map(|asset| format!("ASSET{asset:02}USD")).collect();
    let (mut months, mut assets, mut times, mut prices) = (vec![], vec![], vec![], vec![]);
    for day in days {
        let midnight = day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        for minute in 0..MINUTES {
            for (number, asset) in names.iter().enumerate() {
                months.push(day.format("%Y-%m").to_string());
                assets.push(asset.as_str());
                times.push(midnight + minute * 60_000_000);
                // Ticks of a hundredth that wander, like those of a market.
                let step = (minute * 7919 + i64::from(day.ordinal()) * 104_729) % 997;
                prices.push(100.0 * (number + 1) as f64 + step as f64 / 100.0);
            }
        }
    }
    let price = |more: f64| -> ArrayRef {
        Arc::new(prices.iter().map(|price| Some(price + more)).collect::<Float64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(months)),
        Arc::new(StringArray::from(assets)),
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
        price(0.0),
        price(0.5),
        price(-0.5),
        price(0.25),
        Arc::new(Float64Array::from(vec![volume; prices.len()])),
    ];
    RecordBatch::try_new(schema(), columns).expect("a batch")
}
