//! What delta-rs does where Barkeep depends on it: an upgrade that changes it fails here first.

mod commits;
mod files;

use std::path::PathBuf;
use std::sync::Arc;

use deltalake::arrow::array::{
    ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use deltalake::arrow::datatypes::{DataType as ArrowType, Field, Schema, TimeUnit};
use deltalake::datafusion::prelude::SessionContext;
use deltalake::kernel::transaction::{
    CommitBuilder, CommitConflictError, CommitProperties, TransactionError,
};
use deltalake::kernel::{Action, Add, DataType, StructField, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaResult, DeltaTable, DeltaTableError};
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

/// 2024-10-04; every bar of these tests is of this day, so of this partition.
const DAY: i32 = 20_000;
const MICROS_PER_MINUTE: i64 = 60_000_000;

/// A Delta table of bars in a directory of its own.
struct Lake {
    directory: TempDir,
}

impl Lake {
    async fn create(properties: &[(&str, &str)]) -> Self {
        let lake = Self { directory: tempfile::tempdir().unwrap() };
        CreateBuilder::new()
            .with_location(lake.url())
            .with_columns([
                StructField::not_null("asset", DataType::STRING),
                StructField::not_null("date", DataType::DATE),
                StructField::not_null("ts", DataType::TIMESTAMP),
                StructField::not_null("close", DataType::DOUBLE),
                StructField::nullable("vwap", DataType::DOUBLE),
            ])
            .with_partition_columns(["date"])
            .with_configuration(properties.iter().map(|(key, value)| (*key, Some(*value))))
            .await
            .unwrap();
        lake
    }

    fn url(&self) -> Url {
        Url::from_directory_path(self.directory.path()).unwrap()
    }

    async fn open(&self) -> DeltaTable {
        DeltaTable::try_from_url(self.url()).await.unwrap()
    }

    /// Opens the latest version and appends `count` bars to it, one file.
    async fn grow(&self, first_minute: i64, count: usize) -> DeltaTable {
        append(&self.open().await, bars("BTC", first_minute, count), quiet()).await.unwrap()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn log_file(&self, version: u64, suffix: &str) -> PathBuf {
        self.file(&format!("_delta_log/{version:020}.{suffix}"))
    }

    async fn rows(&self) -> usize {
        rows(&session(&self.open().await).await).await
    }
}

/// A session that knows the table, as it is now, under the name `bars`.
async fn session(table: &DeltaTable) -> SessionContext {
    let session = SessionContext::new();
    session.register_table("bars", table.table_provider().await.unwrap()).unwrap();
    session
}

/// Counts what a reader gets, not what the statistics promise.
async fn rows(session: &SessionContext) -> usize {
    let batches = session.table("bars").await.unwrap().collect().await.unwrap();
    batches.iter().map(RecordBatch::num_rows).sum()
}

fn fields() -> Vec<Field> {
    let timestamp = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        Field::new("asset", ArrowType::Utf8, false),
        Field::new("date", ArrowType::Date32, false),
        Field::new("ts", timestamp, false),
        Field::new("close", ArrowType::Float64, false),
        Field::new("vwap", ArrowType::Float64, true),
    ]
}

/// `count` bars, one a minute, that close at 100, 101, 102, …
fn bars(asset: &str, first_minute: i64, count: usize) -> RecordBatch {
    let closes = (0..count).map(|step| Some(100.0 + step as f64));
    bars_closing(asset, first_minute, closes.collect(), fields())
}

fn bars_closing(
    asset: &str,
    first_minute: i64,
    closes: Vec<Option<f64>>,
    fields: Vec<Field>,
) -> RecordBatch {
    let count = closes.len();
    let minutes = (first_minute..).take(count);
    let midnight = i64::from(DAY) * 1440 * MICROS_PER_MINUTE;
    let opens = minutes.map(|minute| midnight + minute * MICROS_PER_MINUTE);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![asset; count])),
        Arc::new(Date32Array::from(vec![DAY; count])),
        Arc::new(TimestampMicrosecondArray::from_iter_values(opens).with_timezone("UTC")),
        Arc::new(Float64Array::from(closes)),
        Arc::new(Float64Array::new_null(count)),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// Writers leave the log alone; clearing it away is the work of maintenance.
fn quiet() -> CommitProperties {
    CommitProperties::default().with_cleanup_expired_logs(Some(false))
}

fn bookmarked(app_id: &str, version: i64) -> CommitProperties {
    quiet().with_application_transaction(Transaction::new(app_id, version))
}

async fn bookmark(table: &DeltaTable, app_id: &str) -> Option<i64> {
    table.snapshot().unwrap().transaction_version(&table.log_store(), app_id).await.unwrap()
}

/// Writes the data files and commits nothing.
async fn stage(table: &DeltaTable, batch: RecordBatch) -> DeltaResult<Vec<Add>> {
    let mut writer = RecordBatchWriter::for_table(table)?;
    writer.write(batch).await?;
    writer.flush().await
}

async fn commit(
    table: &DeltaTable,
    actions: Vec<Action>,
    operation: DeltaOperation,
    properties: CommitProperties,
) -> DeltaResult<DeltaTable> {
    let committed = CommitBuilder::from(properties)
        .with_actions(actions)
        .build(Some(table.snapshot()?), table.log_store(), operation)
        .await?;
    let mut next = DeltaTable::new(table.log_store());
    next.state = Some(committed.snapshot);
    Ok(next)
}

async fn append_staged(
    table: &DeltaTable,
    adds: Vec<Add>,
    properties: CommitProperties,
) -> DeltaResult<DeltaTable> {
    let partition_by = Some(vec!["date".to_owned()]);
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by, predicate: None };
    commit(table, adds.into_iter().map(Action::Add).collect(), operation, properties).await
}

/// The writer's path: stage the files, then commit them against the snapshot `table` holds.
async fn append(
    table: &DeltaTable,
    batch: RecordBatch,
    properties: CommitProperties,
) -> DeltaResult<DeltaTable> {
    let adds = stage(table, batch).await?;
    append_staged(table, adds, properties).await
}

/// Replaces every file that `table` knows with one that holds `batch`.
async fn compact(
    table: &DeltaTable,
    batch: RecordBatch,
    properties: CommitProperties,
) -> DeltaResult<DeltaTable> {
    let staged = stage(table, batch).await?.into_iter();
    let adds = staged.map(|add| Action::Add(Add { data_change: false, ..add }));
    let files = table.snapshot()?.log_data();
    let removes = files.iter().map(|file| Action::Remove(file.remove_action(false)));
    let operation = DeltaOperation::Optimize { predicate: None, target_size: 1 << 20 };
    commit(table, removes.chain(adds).collect(), operation, properties).await
}

/// The conflict for which a commit was refused.
fn conflict(outcome: DeltaResult<DeltaTable>) -> CommitConflictError {
    match outcome.unwrap_err() {
        DeltaTableError::Transaction { source: TransactionError::CommitConflict(conflict) } => {
            conflict
        }
        other => panic!("refused, but not for a conflict: {other}"),
    }
}

fn statistics(add: &Add) -> Value {
    serde_json::from_str(add.stats.as_deref().unwrap()).unwrap()
}
