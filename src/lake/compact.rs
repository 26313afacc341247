//! Merging small files into larger ones, sorted, without changing a row.
//!
//! Every tick leaves a small file. Files of one partition are kept in tiers of size, each eight
//! times the one before; when a tier is full its files become one file of a higher tier. So a row
//! is rewritten a handful of times in its life and the number of live files stays small.

use std::collections::{BTreeMap, HashSet};

use deltalake::{
    arrow::array::RecordBatch,
    kernel::{Action, Add, LogicalFileView, Remove, Transaction, transaction::CommitProperties},
    protocol::DeltaOperation,
};
use futures::future::BoxFuture;

use super::{
    LakeError, Table, encoding::Layout, files::Form, order::sorted, shape::PartitionText,
    table::Writer,
};
use crate::crash;

/// What one compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    pub files_before: usize,
    pub bytes_before: i64,
    pub bytes_after: i64,
}

/// Files below this size are the lowest tier.
const LOWEST_TIER_BYTES: i64 = 64 * 1024;
const TIER_FACTOR: i64 = 8;
/// So often a compaction is committed anew because another writer was faster.
const ATTEMPTS: u32 = 8;

impl Table {
    /// Merges one full tier of one partition; `None` when no tier is full.
    pub async fn compact(&self) -> Result<Option<Compaction>, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        let log = state.log_data();
        let target = self.target();
        let files = log.iter().filter(|file| file.size() < target);
        let full = partitions(files)
            .into_values()
            .find_map(|files| full_tier(files, self.config.compact_after, target));
        match full {
            None => Ok(None),
            Some(files) => self.merge_files(&newest, &files).await,
        }
    }

    /// Writes every partition anew as one file, however few or small its files are.
    pub fn compact_fully(&self) -> BoxFuture<'_, Result<Vec<Compaction>, LakeError>> {
        Box::pin(async move {
            let newest = self.snapshot();
            let state = newest.snapshot().map_err(|error| self.delta(error))?;
            let log = state.log_data();
            let mut done = Vec::new();
            for files in partitions(log.iter()).into_values() {
                done.extend(self.merge_files(&newest, &bounded(files, self.target())).await?);
            }
            Ok(done)
        })
    }

    /// Merges the unfinished files of every partition that has several.
    ///
    /// Fails with `UnderWay` if this process is at the table already.
    pub fn optimize(&self) -> BoxFuture<'_, Result<(), LakeError>> {
        Box::pin(async move {
            let _turn = self.turn()?;
            self.look().await?;
            while self.optimize_once().await? {}
            Ok(())
        })
    }

    /// Writes every file anew, so that the rows of a partition are in order over all of its files, each
    /// of about the target size: no two of them overlap in what they are sorted by. Holds one partition
    /// in memory at a time.
    ///
    /// Fails with `UnderWay` if this process is at the table already.
    pub fn rewrite(&self) -> BoxFuture<'_, Result<(), LakeError>> {
        Box::pin(async move {
            let _turn = self.turn()?;
            self.look().await?;
            let newest = self.snapshot();
            let state = newest.snapshot().map_err(|error| self.delta(error))?;
            for files in partitions(state.log_data().iter()).into_values() {
                let bytes: i64 = files.iter().map(LogicalFileView::size).sum();
                let parts = (bytes / self.target().max(1) + 1).try_into().unwrap_or(1);
                self.merge_into(&newest, &files, parts).await?;
            }
            Ok(())
        })
    }

    /// Whether there was something to merge.
    async fn optimize_once(&self) -> Result<bool, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        let (log, target) = (state.log_data(), self.target());
        let mut has_merged = false;
        for mut files in partitions(log.iter().filter(|file| file.size() < target)).into_values() {
            files.sort_by_key(LogicalFileView::size);
            let files = bounded(files, target);
            has_merged |= files.len() > 1 && self.merge_files(&newest, &files).await?.is_some();
        }
        Ok(has_merged)
    }

    fn target(&self) -> i64 {
        i64::try_from(self.config.target_file_bytes).unwrap_or(i64::MAX)
    }

    async fn merge_files(
        &self,
        newest: &deltalake::DeltaTable,
        files: &[LogicalFileView],
    ) -> Result<Option<Compaction>, LakeError> {
        self.merge_into(newest, files, 1).await
    }

    /// Puts the rows of `files` into as many new ones as `parts`, in order. `None` if another compaction
    /// was faster.
    async fn merge_into(
        &self,
        newest: &deltalake::DeltaTable,
        files: &[LogicalFileView],
        parts: usize,
    ) -> Result<Option<Compaction>, LakeError> {
        let batch = self.merged(newest, files).await?;
        let level = self.config.compact_compression;
        let layout = Layout::best(&batch, level).map_err(|source| self.arrow(source.into()))?;
        let partition = self.shape.partition(&partition_of(&files[0]));
        let form = Form { level, layout, threads: 1 };
        let mut adds = Vec::new();
        for part in slices(&batch, parts) {
            let part = vec![(partition.clone(), part)];
            adds.extend(self.write_files(newest, part, form.clone()).await?);
        }
        crash::point("compaction_written");
        let compaction = Compaction {
            files_before: files.len(),
            bytes_before: files.iter().map(LogicalFileView::size).sum(),
            bytes_after: adds.iter().map(|add| add.size).sum(),
        };
        let removes = files.iter().map(|file| file.remove_action(false)).collect();
        if !self.replace(removes, adds).await? {
            return Ok(None);
        }
        crash::point("compaction_committed");
        self.metrics.delta_compactions.with_label_values(&[self.name()]).inc();
        Ok(Some(compaction))
    }

    /// Swaps the files in one commit, if all that are to go are still there: whoever removed one has
    /// its rows in another file. An append removes none, so it is not disturbed.
    async fn replace(&self, removes: Vec<Remove>, adds: Vec<Add>) -> Result<bool, LakeError> {
        let mut writer = self.writer.lock().await;
        for attempt in 1..=ATTEMPTS {
            // Another writer's commit in between only means that this one comes after it.
            self.reopen(&mut writer).await?;
            let state = writer.table.snapshot().map_err(|error| self.delta(error))?;
            let live: HashSet<String> =
                state.log_data().iter().map(|file| file.path().into_owned()).collect();
            if !removes.iter().all(|remove| live.contains(&remove.path)) {
                return Ok(false);
            }
            match self.replace_once(&mut writer, &removes, &adds).await {
                Err(error) if attempt < ATTEMPTS => {
                    tracing::debug!(table = self.name(), attempt, %error, "compacts once more");
                }
                outcome => return outcome.map(|_| true),
            }
        }
        Ok(false)
    }

    async fn replace_once(
        &self,
        writer: &mut Writer,
        removes: &[Remove],
        adds: &[Add],
    ) -> Result<u64, LakeError> {
        let operation = DeltaOperation::Optimize { predicate: None, target_size: self.target() };
        let unchanged = |add: &Add| Action::Add(Add { data_change: false, ..add.clone() });
        let removes = removes.iter().cloned().map(Action::Remove);
        let actions = removes.chain(adds.iter().map(unchanged));
        // delta-rs lets two compactions of the same files both land and double their rows; one
        // transaction id for all of them makes the second one fail instead.
        let number = i64::try_from(self.version()).unwrap_or(i64::MAX);
        let properties = CommitProperties::default()
            .with_application_transaction(Transaction::new("compaction", number));
        self.commit(writer, actions.collect(), properties, operation).await
    }

    /// The rows of `files`, which share a partition, in order.
    async fn merged(
        &self,
        table: &deltalake::DeltaTable,
        files: &[LogicalFileView],
    ) -> Result<RecordBatch, LakeError> {
        let arrow = |source| self.arrow(source);
        let state = table.snapshot().map_err(|error| self.delta(error))?;
        let schema = self.shape.file_schema(&state.snapshot().arrow_schema());
        let mut batches = Vec::new();
        for file in files {
            batches.extend(self.batches_in(table, &file.object_store_path(), &schema).await?);
        }
        sorted(&batches, &schema, &self.shape.sort).map_err(arrow)
    }
}

/// The files of each partition.
pub(super) fn partitions(
    files: impl Iterator<Item = LogicalFileView>,
) -> BTreeMap<PartitionText, Vec<LogicalFileView>> {
    let mut partitions: BTreeMap<PartitionText, Vec<LogicalFileView>> = BTreeMap::new();
    for file in files {
        partitions.entry(partition_of(&file)).or_default().push(file);
    }
    partitions
}

pub(super) fn partition_of(file: &LogicalFileView) -> PartitionText {
    file.partition_values_map().into_iter().collect()
}

/// The files of the highest tier that is full, together with all lower ones of the partition.
fn full_tier(
    mut files: Vec<LogicalFileView>,
    full: usize,
    largest: i64,
) -> Option<Vec<LogicalFileView>> {
    files.sort_by_key(LogicalFileView::size);
    let mut end = files.len();
    while end >= full {
        let highest = tier(files[end - 1].size());
        let start = files[..end].partition_point(|file| tier(file.size()) < highest);
        if end - start >= full {
            files.truncate(end);
            return Some(bounded(files, largest)).filter(|files| files.len() > 1);
        }
        end = start;
    }
    None
}

/// As many of the smallest files as fit into one finished file.
fn bounded(files: Vec<LogicalFileView>, largest: i64) -> Vec<LogicalFileView> {
    let mut total = 0;
    files
        .into_iter()
        .take_while(|file| {
            total += file.size();
            total <= largest.saturating_mul(2)
        })
        .collect()
}

/// The rows in so many runs, one after the other.
fn slices(rows: &RecordBatch, parts: usize) -> impl Iterator<Item = RecordBatch> + '_ {
    let length = rows.num_rows().div_ceil(parts).max(1);
    let starts = (0..rows.num_rows()).step_by(length);
    starts.map(move |start| rows.slice(start, length.min(rows.num_rows() - start)))
}

fn tier(size: i64) -> u32 {
    let mut ceiling = LOWEST_TIER_BYTES;
    let mut tier = 0;
    while size >= ceiling {
        ceiling = ceiling.saturating_mul(TIER_FACTOR);
        tier += 1;
    }
    tier
}
