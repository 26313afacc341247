//! Committing upon exactly the version that was read.

use deltalake::{
    DeltaTable,
    arrow::array::RecordBatch,
    kernel::{Action, transaction::CommitProperties},
    protocol::DeltaOperation,
};

use super::{
    super::{CommitRecord, LakeError, Table, record::METADATA_KEY},
    Rest, Scope, Staged, Written,
};

use crate::crash;

/// So often a write is worked out anew because somebody else was faster.
const ATTEMPTS: u32 = 8;

/// What is asked of a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish<'a> {
    Merge(&'a [RecordBatch], Rest<'a>),
    Append(&'a [RecordBatch]),
    Overwrite(&'a [RecordBatch], Scope),
    Publish(&'a Staged),
}

/// What a write is to do, worked out from one version.
pub(super) struct Work {
    pub(super) actions: Vec<Action>,
    pub(super) operation: DeltaOperation,
    /// What to say of it once it is done; its version comes then.
    pub(super) written: Written,
}

impl Table {
    /// Works out from the newest version what is to be done and commits it, again and again until nobody
    /// was faster. Nothing is if there is nothing to do, or if `record` has been committed before.
    pub(super) async fn write(
        &self,
        wish: Wish<'_>,
        record: &CommitRecord,
    ) -> Result<Written, LakeError> {
        let timer = self.metrics.delta_commit_seconds.with_label_values(&[self.name()]);
        let timer = timer.start_timer();
        let _turn = self.writing.lock().await;
        for _ in 0..ATTEMPTS {
            self.look().await?;
            let read = self.snapshot();
            let version = read.version().unwrap_or(0);
            if self.has_committed(record, &read).await? {
                return Ok(Written { version, is_repeated: true, ..Written::default() });
            }
            let work = match wish {
                Wish::Merge(rows, rest) => self.plan_merge(&read, rows, rest).await?,
                Wish::Append(rows) => self.plan_append(&read, rows).await?,
                Wish::Overwrite(rows, scope) => self.plan_overwrite(&read, rows, scope).await?,
                Wish::Publish(staged) => self.plan_publish(&read, staged)?,
            };
            let Work { actions, operation, written } = work;
            if actions.is_empty() {
                return Ok(Written { version, ..written });
            }
            crash::point("files_written");
            if let Some(version) = self.commit_upon(&read, actions, record, operation).await? {
                timer.observe_duration();
                self.metrics.delta_commits.with_label_values(&[self.name()]).inc();
                return Ok(Written { version, ..written });
            }
            self.metrics.delta_commit_conflicts.with_label_values(&[self.name()]).inc();
        }
        Err(LakeError::MovedOn { table: self.named(), known: self.version() })
    }

    /// Whether the log has every transaction of the record, or a later one of its kind.
    async fn has_committed(
        &self,
        record: &CommitRecord,
        read: &DeltaTable,
    ) -> Result<bool, LakeError> {
        let state = read.snapshot().map_err(|error| self.delta(error))?;
        let transactions = record.transactions();
        for transaction in &transactions {
            let log = read.log_store();
            let last = state.transaction_version(&log, &transaction.app_id).await;
            let last = last.map_err(|error| self.delta(error))?;
            match (last, &record.request) {
                (Some(last), Some(request))
                    if request.transaction() == transaction.app_id && last != request.content =>
                {
                    let (table, request) = (self.named(), request.key.clone());
                    return Err(LakeError::OtherRequest { table, request });
                }
                (Some(last), _) if last >= transaction.version => {}
                _ => return Ok(false),
            }
        }
        Ok(!transactions.is_empty())
    }

    /// `None` if somebody else has committed since `read`.
    async fn commit_upon(
        &self,
        read: &DeltaTable,
        actions: Vec<Action>,
        record: &CommitRecord,
        operation: DeltaOperation,
    ) -> Result<Option<u64>, LakeError> {
        let base = read.version().unwrap_or(0);
        let mut writer = self.writer.lock().await;
        self.refresh(&mut writer).await?;
        if writer.table.version() != Some(base) {
            self.reopen(&mut writer).await?;
        }
        if writer.table.version() != Some(base) {
            return Ok(None);
        }
        let said = serde_json::to_value(record).unwrap_or_default();
        let properties = CommitProperties::default()
            .with_metadata([(METADATA_KEY.to_owned(), said)])
            .with_application_transactions(record.transactions());
        let committed = self.commit(&mut writer, actions, properties, operation).await;
        let error = match committed {
            Ok(version) => return Ok(Some(version)),
            Err(error) => error,
        };
        // It may be in the log all the same, its answer lost.
        self.reopen(&mut writer).await?;
        if writer.table.version() == Some(base) {
            return Err(error);
        }
        let log = writer.table.log_store();
        let next = self.record(&log, base + 1).await?;
        Ok(next.filter(|next| next.group == record.group).map(|_| base + 1))
    }
}
