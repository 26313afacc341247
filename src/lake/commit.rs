//! One commit: rows, one `txn` per series or feed, and the record of what they establish.

use std::time::Duration;

use deltalake::{
    DeltaTableError,
    arrow::array::RecordBatch,
    kernel::{
        Action, Add,
        transaction::{CommitBuilder, CommitProperties},
    },
    protocol::{DeltaOperation, SaveMode},
};

use super::{
    CommitRecord, LakeError, Table, record::METADATA_KEY, shape::Partition, table::Writer,
};
use crate::crash;

const ATTEMPTS: u32 = 8;

impl Table {
    /// Writes `batches` in one commit that says what `record` says; returns its version.
    ///
    /// The caller knows every commit up to `version()`. If somebody else has committed since, the
    /// answer is `MovedOn`, nothing has been written, and the caller must catch up first.
    pub(super) async fn append_batches(
        &self,
        batches: Vec<(Partition, RecordBatch)>,
        record: &CommitRecord,
    ) -> Result<u64, LakeError> {
        let timer = self.metrics.delta_commit_seconds.with_label_values(&[self.name()]);
        let timer = timer.start_timer();
        let mut writer = self.writer.lock().await;
        self.refresh(&mut writer).await?;
        self.agree(&writer)?;
        let adds = self.write_files(&writer.table, batches, self.fresh()).await?;
        crash::point("files_written");
        let version = self.commit_record(&mut writer, record, adds).await?;
        timer.observe_duration();
        self.metrics.delta_commits.with_label_values(&[self.name()]).inc();
        Ok(version)
    }

    async fn commit_record(
        &self,
        writer: &mut Writer,
        record: &CommitRecord,
        adds: Vec<Add>,
    ) -> Result<u64, LakeError> {
        let metadata = [
            (METADATA_KEY.to_owned(), serde_json::to_value(record).unwrap_or_default()),
            ("isBlindAppend".to_owned(), serde_json::Value::Bool(true)),
        ];
        let properties = CommitProperties::default()
            .with_metadata(metadata)
            .with_application_transactions(record.transactions());
        let actions: Vec<Action> = adds.into_iter().map(Action::Add).collect();
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(self.shape.partition_columns()),
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
