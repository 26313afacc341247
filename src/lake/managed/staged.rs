//! A table written anew piece by piece and published at once.

use deltalake::DeltaTable;
use deltalake::{
    arrow::array::RecordBatch,
    kernel::Action,
    protocol::{DeltaOperation, SaveMode},
};
use futures::future::BoxFuture;

use super::{
    super::{CommitRecord, LakeError, Table},
    Written,
    commit::{Wish, Work},
};

/// Rows in files that nothing refers to yet.
#[derive(Debug, Default)]
pub struct Staged {
    files: Vec<Action>,
    rows: u64,
}

impl Table {
    /// Writes rows without showing them to anybody. That no key is there twice, in other pieces or in
    /// this one, is for the caller to see to.
    pub fn stage<'a>(
        &'a self,
        rows: &'a [RecordBatch],
        staged: &'a mut Staged,
    ) -> BoxFuture<'a, Result<(), LakeError>> {
        Box::pin(async move {
            let parts = self.by_partition(rows)?;
            staged.rows += rows.iter().map(|rows| rows.num_rows() as u64).sum::<u64>();
            staged.files.extend(self.added(&self.snapshot(), parts, true).await?);
            Ok(())
        })
    }

    /// Puts what was staged in place of everything that is there.
    pub fn publish_staged<'a>(
        &'a self,
        staged: &'a Staged,
        record: &'a CommitRecord,
    ) -> BoxFuture<'a, Result<Written, LakeError>> {
        Box::pin(self.write(Wish::Publish(staged), record))
    }

    pub(super) fn plan_publish(
        &self,
        read: &DeltaTable,
        staged: &Staged,
    ) -> Result<Work, LakeError> {
        let state = read.snapshot().map_err(|error| self.delta(error))?;
        let (mut actions, mut written) = (Vec::new(), Written::default());
        for file in state.log_data() {
            written.removed += file.num_records().unwrap_or_default() as u64;
            written.files_replaced += 1;
            actions.push(Action::Remove(file.remove_action(true)));
        }
        written.inserted = staged.rows;
        actions.extend(staged.files.iter().cloned());
        let partition_by = Some(self.shape.partition_columns());
        let mode = SaveMode::Overwrite;
        let operation = DeltaOperation::Write { mode, partition_by, predicate: None };
        Ok(Work { actions, operation, written })
    }
}
