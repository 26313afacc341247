//! Records as Arrow columns.

use std::sync::Arc;

use buoyant_kernel::expressions::Scalar;
use chrono::{DateTime, NaiveDate, Utc};
use deltalake::arrow::{
    array::{
        ArrayRef, Decimal128Array, Float64Array, Int32Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    },
    error::ArrowError,
};
use indexmap::IndexMap;
use uuid::Uuid;

use super::{
    super::shape::{self, Column, Declaration, Kind, Partition},
    RevisedRecord,
};
use crate::market::{Decision, Execution, Money, Record, RecordKind};

const DATE: (&str, Kind, bool) = ("date", Kind::Day, false);

const OF_DECISIONS: &[Column] = &[
    ("decision_id", Kind::Text, false),
    ("asset_pair", Kind::Text, false),
    ("timestamp", Kind::Instant, false),
    ("action", Kind::Text, false),
    ("confidence", Kind::Int, false),
    ("reasoning", Kind::Text, true),
    ("provider_name", Kind::Text, true),
    ("decision_mode", Kind::Text, true),
    ("entry_price", Kind::Float, true),
    ("position_size", Kind::Float, true),
    ("ensemble_metadata", Kind::Text, true),
    ("market_context", Kind::Text, true),
    ("raw", Kind::Text, false),
    ("revision", Kind::Int, false),
    ("_extracted_at", Kind::Instant, false),
    ("_ingestion_id", Kind::Text, false),
    ("_source", Kind::Text, false),
];

const OF_EXECUTIONS: &[Column] = &[
    ("trade_id", Kind::Text, false),
    ("decision_id", Kind::Text, true),
    ("asset_pair", Kind::Text, false),
    ("side", Kind::Text, false),
    ("order_type", Kind::Text, true),
    ("quantity", Kind::Money, false),
    ("entry_price", Kind::Money, true),
    ("exit_price", Kind::Money, true),
    ("fees", Kind::Money, true),
    ("realized_pnl", Kind::Money, true),
    ("entry_time", Kind::Instant, false),
    ("exit_time", Kind::Instant, true),
    ("status", Kind::Text, false),
    ("raw", Kind::Text, false),
    ("revision", Kind::Int, false),
    ("_extracted_at", Kind::Instant, false),
    ("_ingestion_id", Kind::Text, false),
    ("_source", Kind::Text, false),
];

const DECISIONS: Declaration = Declaration {
    name: RecordKind::Decision.table(),
    columns: OF_DECISIONS,
    partitions: &[DATE],
    skipping: &["asset_pair", "timestamp"],
    sort: &["asset_pair", "timestamp", "decision_id"],
};

const EXECUTIONS: Declaration = Declaration {
    name: RecordKind::Execution.table(),
    columns: OF_EXECUTIONS,
    partitions: &[DATE, ("platform", Kind::Text, false)],
    skipping: &["asset_pair", "entry_time"],
    sort: &["asset_pair", "entry_time", "trade_id"],
};

pub(super) const fn shape(kind: RecordKind) -> Declaration {
    match kind {
        RecordKind::Decision => DECISIONS,
        RecordKind::Execution => EXECUTIONS,
    }
}

/// By which a record is known, the id first.
pub(super) const fn key(kind: RecordKind) -> &'static [&'static str] {
    match kind {
        RecordKind::Decision => &["decision_id"],
        RecordKind::Execution => &["trade_id", "status"],
    }
}

pub(super) const fn id(kind: RecordKind) -> &'static str {
    key(kind)[0]
}

/// When a record is said to have been.
pub(super) const fn at(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Decision => "timestamp",
        RecordKind::Execution => "entry_time",
    }
}

pub(super) fn partition(kind: RecordKind, (month, platform): (NaiveDate, &str)) -> Partition {
    let mut partition = IndexMap::from([(DATE.0.to_owned(), shape::day(month))]);
    if kind == RecordKind::Execution {
        partition.insert("platform".to_owned(), Scalar::String(platform.to_owned()));
    }
    partition
}

pub(super) fn batch(
    kind: RecordKind,
    rows: &[&RevisedRecord],
    run: Uuid,
) -> Result<RecordBatch, ArrowError> {
    let mut columns = match kind {
        RecordKind::Decision => of_decisions(rows),
        RecordKind::Execution => of_executions(rows)?,
    };
    columns.extend([
        text(rows.iter().map(|row| Some(&*row.raw))),
        int(rows.iter().map(|row| row.revision)),
        utc(rows.iter().map(|row| Some(row.extracted_at))),
        text(rows.iter().map(|_| Some(run.to_string()))),
        text(rows.iter().map(|row| Some(&*row.source))),
    ]);
    RecordBatch::try_new(shape(kind).schema(), columns)
}

fn of_decisions(rows: &[&RevisedRecord]) -> Vec<ArrayRef> {
    let is_one = |row: &&RevisedRecord| match &row.record {
        Record::Decision(decision) => Some(decision.clone()),
        Record::Execution(_) => None,
    };
    let all: Vec<Decision> = rows.iter().filter_map(is_one).collect();
    vec![
        text(all.iter().map(|one| Some(&*one.id))),
        text(all.iter().map(|one| Some(one.asset.as_str()))),
        utc(all.iter().map(|one| Some(one.at))),
        text(all.iter().map(|one| Some(one.action.as_str()))),
        int(all.iter().map(|one| one.confidence)),
        text(all.iter().map(|one| one.reasoning.as_deref())),
        text(all.iter().map(|one| one.provider.as_deref())),
        text(all.iter().map(|one| one.mode.as_deref())),
        Arc::new(all.iter().map(|one| one.entry_price).collect::<Float64Array>()),
        Arc::new(all.iter().map(|one| one.position_size).collect::<Float64Array>()),
        text(all.iter().map(|one| one.ensemble.as_deref())),
        text(all.iter().map(|one| one.market.as_deref())),
    ]
}

fn of_executions(rows: &[&RevisedRecord]) -> Result<Vec<ArrayRef>, ArrowError> {
    let is_one = |row: &&RevisedRecord| match &row.record {
        Record::Execution(trade) => Some(trade.clone()),
        Record::Decision(_) => None,
    };
    let all: Vec<Execution> = rows.iter().filter_map(is_one).collect();
    Ok(vec![
        text(all.iter().map(|one| Some(&*one.trade_id))),
        text(all.iter().map(|one| one.decision_id.as_deref())),
        text(all.iter().map(|one| Some(one.asset.as_str()))),
        text(all.iter().map(|one| Some(one.side.as_str()))),
        text(all.iter().map(|one| one.order_type.as_deref())),
        money(all.iter().map(|one| Some(one.quantity)))?,
        money(all.iter().map(|one| one.entry_price))?,
        money(all.iter().map(|one| one.exit_price))?,
        money(all.iter().map(|one| one.fees))?,
        money(all.iter().map(|one| one.realized_pnl))?,
        utc(all.iter().map(|one| Some(one.entry_time))),
        utc(all.iter().map(|one| one.exit_time)),
        text(all.iter().map(|one| Some(one.status.as_str()))),
    ])
}

fn text<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn int(values: impl Iterator<Item = i32>) -> ArrayRef {
    Arc::new(values.collect::<Int32Array>())
}

fn utc(values: impl Iterator<Item = Option<DateTime<Utc>>>) -> ArrayRef {
    let micros = values.map(|at| at.map(|at| at.timestamp_micros()));
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn money(values: impl Iterator<Item = Option<Money>>) -> Result<ArrayRef, ArrowError> {
    let amounts: Decimal128Array = values.map(|amount| amount.map(Money::mantissa)).collect();
    Ok(Arc::new(amounts.with_precision_and_scale(Money::DIGITS, Money::SCALE)?))
}
