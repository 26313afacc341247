//! One commit: rows of many series, one `txn` each, and the record to redo the store by.

use std::time::Duration;

use chrono::NaiveDate;
use deltalake::{
    DeltaTable, DeltaTableError,
    arrow::array::RecordBatch,
    kernel::{
        Action, Add, Transaction,
        transaction::{CommitBuilder, CommitProperties},
    },
    parquet::file::properties::WriterProperties,
    protocol::{DeltaOperation, SaveMode},
    writer::{DeltaWriter, RecordBatchWriter, WriteMode},
};
use uuid::Uuid;

use super::{
    CommitRecord, LakeError, LandingRecord, Table, columns,
    encoding::{self, Layout},
    record::METADATA_KEY,
    table::Writer,
};
use crate::{crash, quality::ValidBatch};

/// Rows of one answer, and which revision of its candle each is; 0 is the first.
#[derive(Debug)]
pub struct Rows {
    pub batch: ValidBatch,
    pub revisions: Vec<i32>,
}

/// What one series adds to a commit. The rows are in order of time.
#[derive(Debug)]
pub struct Append {
    pub record: LandingRecord,
    pub rows: Vec<Rows>,
}

const ATTEMPTS: u32 = 8;

impl Table {
    /// Writes the rows of all `landings`, at most one per series, in one commit; returns its
    /// version.
    ///
    /// The caller knows every commit up to `version()`. If somebody else has committed since, the
    /// answer is `MovedOn`, nothing has been written, and the caller must catch up first.
    pub async fn append(&self, landings: Vec<Append>) -> Result<u64, LakeError> {
        let timer = self.metrics.delta_commit_seconds.with_label_values(&[self.name()]);
        let timer = timer.start_timer();
        let batches = columns::batches(self.timeframe, &landings)
            .map_err(|source| LakeError::Arrow { table: self.name(), source })?;
        let landings = landings.into_iter().map(|landing| landing.record).collect();
        let record = CommitRecord { group: Uuid::now_v7(), landings };
        let mut writer = self.writer.lock().await;
        self.refresh(&mut writer).await?;
        self.agree(&writer)?;
        let properties = encoding::properties(self.config.append_compression, &Layout::default());
        let adds = self.write_files(&writer.table, batches, properties).await?;
        crash::point("files_written");
        let version = self.commit_record(&mut writer, &record, adds).await?;
        timer.observe_duration();
        self.metrics.delta_commits.with_label_values(&[self.name()]).inc();
        Ok(version)
    }

    /// Writes Parquet files that nothing refers to yet.
    pub(super) async fn write_files(
        &self,
        table: &DeltaTable,
        batches: Vec<(NaiveDate, RecordBatch)>,
        properties: WriterProperties,
    ) -> Result<Vec<Add>, LakeError> {
        let mut files = RecordBatchWriter::for_table(table)
            .map_err(|error| self.delta(error))?
            .with_writer_properties(properties);
        for (day, batch) in batches {
            let partition = columns::partition_values(day);
            let written = files.write_partition(batch, &partition, WriteMode::Default).await;
            written.map_err(|error| self.delta(error))?;
        }
        files.flush().await.map_err(|error| self.delta(error))
    }

    async fn commit_record(
        &self,
        writer: &mut Writer,
        record: &CommitRecord,
        adds: Vec<Add>,
    ) -> Result<u64, LakeError> {
        let transactions = record
            .landings
            .iter()
            .map(|landing| Transaction::new(landing.series.to_string(), landing.landing))
            .collect();
        let metadata = [
            (METADATA_KEY.to_owned(), serde_json::to_value(record).unwrap_or_default()),
            ("isBlindAppend".to_owned(), serde_json::Value::Bool(true)),
        ];
        let properties = CommitProperties::default()
            .with_metadata(metadata)
            .with_application_transactions(transactions);
        let actions: Vec<Action> = adds.into_iter().map(Action::Add).collect();
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![columns::PARTITION.to_owned()]),
            predicate: None,
        };
        for attempt in 1..=ATTEMPTS {
            let outcome =
                self.commit(writer, actions.clone(), properties.clone(), operation.clone()).await;
            let Err(error) = outcome else { return outcome };
            if let Some(version) = self.find(writer, record).await? {
                return Ok(version);
            }
            if attempt == ATTEMPTS {
                return Err(error);
            }
            tracing::warn!(table = self.name(), attempt, %error, "a commit is tried again");
            self.metrics.delta_commit_conflicts.with_label_values(&[self.name()]).inc();
            tokio::time::sleep(Duration::from_millis(20 << attempt)).await;
        }
        Err(LakeError::Stopped)
    }

    /// One try, from exactly the version the handle stands at.
    pub(super) async fn commit(
        &self,
        writer: &mut Writer,
        actions: Vec<Action>,
        properties: CommitProperties,
        operation: DeltaOperation,
    ) -> Result<u64, LakeError> {
        let log = writer.table.log_store();
        let state = writer.table.snapshot().map_err(|error| self.delta(error))?;
        // Expired log files are removed by maintenance: the hook would list the log every time.
        let properties = properties.with_max_retries(0).with_cleanup_expired_logs(Some(false));
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(state), log, operation)
            .await
            .map_err(|error: DeltaTableError| self.delta(error))?;
        // Our own commit needs no catching up, unless there was something before it.
        if writer.known + 1 == committed.version() {
            writer.known = committed.version();
        }
        writer.table.state = Some(committed.snapshot());
        writer.commits += 1;
        self.publish(&writer.table);
        Ok(committed.version())
    }

    /// After a failure: whether the commit is in the log all the same, its answer lost.
    ///
    /// Fails with `MovedOn` if somebody else's commits are there instead.
    async fn find(
        &self,
        writer: &mut Writer,
        record: &CommitRecord,
    ) -> Result<Option<u64>, LakeError> {
        self.reopen(writer).await?;
        let log = writer.table.log_store();
        let newest = writer.table.version().unwrap_or(0);
        if newest == writer.known + 1 {
            let found = self.record(&log, newest).await?;
            if found.is_some_and(|found| found.group == record.group) {
                writer.known = newest;
                return Ok(Some(newest));
            }
        }
        self.agree(writer).map(|()| None)
    }
}
