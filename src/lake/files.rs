//! Data files: written first, and only then said to be there.

use std::panic::resume_unwind;

use deltalake::{
    DeltaTable, DeltaTableError,
    arrow::array::RecordBatch,
    kernel::Add,
    parquet::file::properties::WriterProperties,
    writer::{DeltaWriter, RecordBatchWriter, WriteMode},
};
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    LakeError, Table,
    encoding::{self, Layout},
    order::threads,
    shape::{Partition, fit},
};

/// How rows are put into files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Of zstd.
    pub(super) level: i32,
    pub(super) layout: Layout,
    /// By which many rows are written, each to files of its own.
    pub(super) threads: usize,
}

/// Fewer rows are not worth a thread of their own, nor a file.
const ROWS: usize = 200_000;

impl Table {
    /// Of rows that have just come.
    pub(super) fn fresh(&self) -> Form {
        Form {
            level: self.config.append_compression,
            layout: Layout::default(),
            threads: threads(),
        }
    }

    /// Writes Parquet files that nothing refers to yet: one for each of the batches, which have
    /// different partitions; or some for one of them, each with rows that come after those before.
    pub(super) async fn write_files(
        &self,
        table: &DeltaTable,
        batches: Vec<(Partition, RecordBatch)>,
        form: Form,
    ) -> Result<Vec<Add>, LakeError> {
        let files = RecordBatchWriter::for_table(table).map_err(|error| self.delta(error))?;
        let schema = self.shape.file_schema(&files.arrow_schema());
        let properties = encoding::properties(form.level, &form.layout, &schema);
        let fitted =
            batches.into_iter().map(|(partition, batch)| Ok((partition, fit(batch, &schema)?)));
        let fitted = fitted.collect::<Result<_, _>>().map_err(|error| self.arrow(error))?;
        let mut lots = lots(fitted, form.threads);
        if lots.len() < 2 {
            let lot = lots.pop().unwrap_or_default();
            let adds = written(table.clone(), lot, properties).await;
            return adds.map_err(|error| self.delta(error));
        }
        // Not on the threads that answer requests.
        let (runtime, mut writing, mut adds) = (Handle::current(), JoinSet::new(), Vec::new());
        for lot in lots {
            let (runtime, writes) =
                (runtime.clone(), written(table.clone(), lot, properties.clone()));
            writing.spawn_blocking(move || runtime.block_on(writes));
        }
        while let Some(lot) = writing.join_next().await {
            let lot = lot.or_else(|error| match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(LakeError::Stopped),
            })?;
            adds.extend(lot.map_err(|error| self.delta(error))?);
        }
        Ok(adds)
    }
}

async fn written(
    table: DeltaTable,
    batches: Vec<(Partition, RecordBatch)>,
    properties: WriterProperties,
) -> Result<Vec<Add>, DeltaTableError> {
    let mut files = RecordBatchWriter::for_table(&table)?.with_writer_properties(properties);
    for (partition, batch) in batches {
        files.write_partition(batch, &partition, WriteMode::Default).await?;
    }
    files.flush().await
}

/// What each thread writes, about as much each.
fn lots(
    batches: Vec<(Partition, RecordBatch)>,
    threads: usize,
) -> Vec<Vec<(Partition, RecordBatch)>> {
    let rows: usize = batches.iter().map(|(_, batch)| batch.num_rows()).sum();
    let share = rows.div_ceil((rows / ROWS).clamp(1, threads.max(1)));
    let (mut lots, mut lot, mut free) = (Vec::new(), Vec::new(), share);
    for (partition, batch) in batches {
        let mut from = 0;
        while from < batch.num_rows() {
            let length = free.min(batch.num_rows() - from);
            lot.push((partition.clone(), batch.slice(from, length)));
            (from, free) = (from + length, free - length);
            if free == 0 {
                lots.push(std::mem::take(&mut lot));
                free = share;
            }
        }
    }
    if !lot.is_empty() {
        lots.push(lot);
    }
    lots
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deltalake::arrow::array::{ArrayRef, Int64Array};
    use indexmap::IndexMap;

    use super::*;

    #[test]
    fn much_is_shared_out_and_little_is_not() {
        let batch = |rows: usize| {
            let rows: ArrayRef = Arc::new(Int64Array::from(vec![0; rows]));
            (IndexMap::new(), RecordBatch::try_from_iter([("a", rows)]).unwrap())
        };
        let shares = |rows: &[usize], threads| -> Vec<Vec<usize>> {
            let lots = lots(rows.iter().map(|rows| batch(*rows)).collect(), threads);
            lots.iter().map(|lot| lot.iter().map(|(_, rows)| rows.num_rows()).collect()).collect()
        };
        assert_eq!(shares(&[5, ROWS, 7], 4), [[5, ROWS, 7]]);
        assert_eq!(shares(&[ROWS, 3 * ROWS], 2), [vec![ROWS, ROWS], vec![2 * ROWS]]);
        assert_eq!(shares(&[4 * ROWS], 1), [[4 * ROWS]]);
        assert_eq!(shares(&[4 * ROWS + 1], 8).concat().iter().sum::<usize>(), 4 * ROWS + 1);
        assert!(shares(&[], 2).is_empty());
    }
}
