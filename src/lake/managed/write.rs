//! Appending rows, and writing partitions or the whole table anew.

use deltalake::{
    DeltaTable,
    arrow::array::RecordBatch,
    kernel::{Action, Add, LogicalFileView},
    protocol::{DeltaOperation, SaveMode},
};
use futures::future::BoxFuture;

use super::{
    super::{CommitRecord, LakeError, Table, compact::partition_of, shape::PartitionText},
    Written,
    commit::{Wish, Work},
};

/// What gives way to the rows of an overwrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The partitions of which there are rows; the others stay.
    Partitions,
    Table,
}

impl Table {
    /// Adds the rows. Fails with `Definition` if the table has a key: then they are merged.
    pub fn append<'a>(
        &'a self,
        rows: &'a [RecordBatch],
        record: &'a CommitRecord,
    ) -> BoxFuture<'a, Result<Written, LakeError>> {
        Box::pin(self.write(Wish::Append(rows), record))
    }

    /// Writes the rows in place of what is there.
    pub fn overwrite<'a>(
        &'a self,
        rows: &'a [RecordBatch],
        scope: Scope,
        record: &'a CommitRecord,
    ) -> BoxFuture<'a, Result<Written, LakeError>> {
        Box::pin(self.write(Wish::Overwrite(rows, scope), record))
    }

    pub(super) async fn plan_append(
        &self,
        read: &DeltaTable,
        rows: &[RecordBatch],
    ) -> Result<Work, LakeError> {
        if !self.shape.key.is_empty() {
            return Err(self.unfit("has a key, by which rows are merged instead of appended"));
        }
        let parts = self.by_partition(rows)?;
        self.plan_put(read, (parts, SaveMode::Append), Vec::new()).await
    }

    pub(super) async fn plan_overwrite(
        &self,
        read: &DeltaTable,
        rows: &[RecordBatch],
        scope: Scope,
    ) -> Result<Work, LakeError> {
        let parts = self.by_partition(rows)?;
        let state = read.snapshot().map_err(|error| self.delta(error))?;
        let goes = |file: &LogicalFileView| {
            let values = partition_of(file);
            scope == Scope::Table || parts.iter().any(|(own, _)| *own == values)
        };
        let gone: Vec<_> = state.log_data().iter().filter(goes).collect();
        self.plan_put(read, (parts, SaveMode::Overwrite), gone).await
    }

    async fn plan_put(
        &self,
        read: &DeltaTable,
        (parts, mode): (Vec<(PartitionText, RecordBatch)>, SaveMode),
        gone: Vec<LogicalFileView>,
    ) -> Result<Work, LakeError> {
        let count = |file: &LogicalFileView| file.num_records().unwrap_or_default() as u64;
        let written = Written {
            inserted: parts.iter().map(|(_, part)| part.num_rows() as u64).sum(),
            removed: gone.iter().map(count).sum(),
            files_replaced: gone.len() as u64,
            ..Written::default()
        };
        let removes = gone.iter().map(|file| Action::Remove(file.remove_action(true)));
        let mut actions: Vec<Action> = removes.collect();
        actions.extend(self.added(read, parts, true).await?);
        let partition_by = Some(self.shape.partition_columns());
        let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
        Ok(Work { actions, operation, written })
    }

    /// Writes the rows to files, one or some per partition, and says that they come.
    pub(super) async fn added(
        &self,
        read: &DeltaTable,
        parts: Vec<(PartitionText, RecordBatch)>,
        data_change: bool,
    ) -> Result<Vec<Action>, LakeError> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let parts = parts.into_iter().map(|(values, rows)| (self.shape.partition(&values), rows));
        let adds = self.write_files(read, parts.collect(), self.fresh()).await?;
        let add = |add: Add| Action::Add(Add { data_change, ..add });
        Ok(adds.into_iter().map(add).collect())
    }
}
