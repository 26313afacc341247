//! Bronze candles as Arrow columns.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use deltalake::arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringBuilder,
        TimestampMicrosecondArray, new_null_array,
    },
    datatypes::DataType as ArrowType,
    error::ArrowError,
};
use indexmap::IndexMap;

use super::{
    super::shape::{self, Column, Declaration, Kind, Partition},
    Append, Rows,
};
use crate::market::{Timeframe, Window};

/// The partition column: the first day of the month or year of the open time.
pub(super) const PARTITION: &str = "date";

const COLUMNS: &[Column] = &[
    ("asset_pair", Kind::Text, false),
    ("timestamp", Kind::Instant, false),
    ("open", Kind::Float, false),
    ("high", Kind::Float, false),
    ("low", Kind::Float, false),
    ("close", Kind::Float, false),
    ("volume", Kind::Float, true),
    ("trade_count", Kind::Long, true),
    ("source_provider", Kind::Text, false),
    ("is_mock", Kind::Flag, false),
    ("is_derived", Kind::Flag, false),
    ("revision", Kind::Int, false),
    ("_extracted_at", Kind::Instant, false),
    ("_ingestion_id", Kind::Text, false),
    ("_source", Kind::Text, false),
];

/// The table of that name.
pub(super) const fn shape(name: &'static str) -> Declaration {
    Declaration {
        name,
        columns: COLUMNS,
        partitions: &[(PARTITION, Kind::Day, false)],
        skipping: &["asset_pair", "timestamp"],
        sort: &["asset_pair", "source_provider", "timestamp", "revision"],
    }
}

/// The first day of the partition that holds `at`: a month of fine candles, a year of coarse ones.
pub(super) fn partition(timeframe: Timeframe, at: DateTime<Utc>) -> NaiveDate {
    let month = match timeframe {
        Timeframe::M1 | Timeframe::M5 => at.month(),
        _ => 1,
    };
    NaiveDate::from_ymd_opt(at.year(), month, 1).unwrap_or_default()
}

fn partition_after(timeframe: Timeframe, day: NaiveDate) -> NaiveDate {
    let months = match timeframe {
        Timeframe::M1 | Timeframe::M5 => 1,
        _ => 12,
    };
    day.checked_add_months(chrono::Months::new(months)).unwrap_or(NaiveDate::MAX)
}

/// One batch per partition, oldest first; rows ordered by asset and time.
pub(super) fn batches(
    timeframe: Timeframe,
    landings: &[Append],
) -> Result<Vec<(Partition, RecordBatch)>, ArrowError> {
    let mut order: Vec<&Append> = landings.iter().collect();
    order.sort_by(|a, b| a.record.series.cmp(&b.record.series));
    let times = || {
        order.iter().flat_map(|landing| landing.rows.iter()).filter_map(|part| {
            let candles = part.batch.candles();
            let last = candles.len().checked_sub(1)?;
            Some((candles.open_time_at(0), candles.open_time_at(last)))
        })
    };
    let Some(first) = times().map(|(first, _)| first).min() else { return Ok(Vec::new()) };
    let last = times().map(|(_, last)| last).max().unwrap_or(first);
    let mut batches = Vec::new();
    let mut day = partition(timeframe, first);
    while day <= partition(timeframe, last) {
        let next = partition_after(timeframe, day);
        let midnight = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
        let slices = slices(&order, Window::new(midnight(day), midnight(next)));
        if !slices.is_empty() {
            batches.push((partition_of(day), batch(&slices)?));
        }
        day = next;
    }
    Ok(batches)
}

/// Rows `from..until` of one part of one landing.
struct Slice<'a> {
    landing: &'a Append,
    part: usize,
    from: usize,
    until: usize,
}

fn slices<'a>(landings: &[&'a Append], window: Window) -> Vec<Slice<'a>> {
    let (start, end) = (window.start.timestamp_micros(), window.end.timestamp_micros());
    let mut slices = Vec::new();
    for landing in landings {
        for (part, rows) in landing.rows.iter().enumerate() {
            let times = &rows.batch.candles().open_time;
            let from = times.partition_point(|at| *at < start);
            let until = times.partition_point(|at| *at < end);
            if from < until {
                slices.push(Slice { landing, part, from, until });
            }
        }
    }
    slices
}

fn batch(slices: &[Slice<'_>]) -> Result<RecordBatch, ArrowError> {
    let rows: usize = slices.iter().map(|slice| slice.until - slice.from).sum();
    let float = |column: fn(&crate::market::Candles) -> &[f64]| -> ArrayRef {
        let parts: Vec<&[f64]> =
            slices.iter().map(|s| &column(s.candles())[s.from..s.until]).collect();
        Arc::new(Float64Array::from(parts.concat()))
    };
    let volume = slices.iter().flat_map(|s| s.candles().volume[s.from..s.until].iter().copied());
    let times: Vec<&[i64]> =
        slices.iter().map(|s| &s.candles().open_time[s.from..s.until]).collect();
    let revisions: Vec<&[i32]> =
        slices.iter().map(|s| &s.rows().revisions[s.from..s.until]).collect();
    let extracted = repeat(slices, |s| s.provenance().extracted_at.timestamp_micros());
    let utc = |times: TimestampMicrosecondArray| Arc::new(times.with_timezone("UTC"));
    RecordBatch::try_new(
        shape("").schema(),
        vec![
            text(slices, rows, |s| s.landing.record.series.instrument.to_string()),
            utc(times.concat().into()),
            float(|c| &c.open),
            float(|c| &c.high),
            float(|c| &c.low),
            float(|c| &c.close),
            Arc::new(volume.collect::<Float64Array>()),
            new_null_array(&ArrowType::Int64, rows),
            text(slices, rows, |s| s.landing.record.series.provider.to_string()),
            Arc::new(BooleanArray::from(repeat(slices, |s| s.provenance().is_mock))),
            Arc::new(BooleanArray::from(repeat(slices, |s| s.provenance().is_derived))),
            Arc::new(Int32Array::from(revisions.concat())),
            utc(extracted.into()),
            text(slices, rows, |s| s.landing.record.ingestion_id.to_string()),
            text(slices, rows, |s| s.provenance().source.clone()),
        ],
    )
}

fn partition_of(day: NaiveDate) -> Partition {
    IndexMap::from([(PARTITION.to_owned(), shape::day(day))])
}

impl Slice<'_> {
    fn rows(&self) -> &Rows {
        &self.landing.rows[self.part]
    }

    fn candles(&self) -> &crate::market::Candles {
        self.rows().batch.candles()
    }

    fn provenance(&self) -> &crate::market::Provenance {
        self.rows().batch.provenance()
    }
}

fn repeat<T: Clone>(slices: &[Slice<'_>], value: impl Fn(&Slice<'_>) -> T) -> Vec<T> {
    slices.iter().flat_map(|s| std::iter::repeat_n(value(s), s.until - s.from)).collect()
}

fn text(slices: &[Slice<'_>], rows: usize, value: impl Fn(&Slice<'_>) -> String) -> ArrayRef {
    let mut column = StringBuilder::with_capacity(rows, rows * 16);
    for slice in slices {
        let value = value(slice);
        for _ in slice.from..slice.until {
            column.append_value(&value);
        }
    }
    Arc::new(column.finish())
}
