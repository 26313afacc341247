//! The footers of data files, of which those that were read lately are kept: a data file never changes.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use deltalake::{
    kernel::LogicalFileView,
    logstore::{
        ObjectStoreRef,
        object_store::{self, ObjectStoreExt, path::Path},
    },
    parquet::{
        arrow::{
            arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
            async_reader::AsyncFileReader,
        },
        errors::ParquetError,
        file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
    },
};
use futures::future::BoxFuture;
use indexmap::IndexMap;

/// Bytes of footers that are kept of one table; a month of 20 assets of 1m has about 40 KiB.
const KEPT: usize = 8 * 1024 * 1024;

/// A footer and the page index before it are mostly this close to the end of their file.
const TAIL: usize = 64 * 1024;

/// Footers by the path of their file, oldest first.
#[derive(Default)]
pub(super) struct Footers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    footers: IndexMap<Path, ArrowReaderMetadata>,
    bytes: usize,
}

impl Footers {
    pub(super) async fn of(
        &self,
        file: &mut DataFile,
    ) -> Result<ArrowReaderMetadata, ParquetError> {
        if let Some(kept) = self.lock().footers.get(&file.path) {
            return Ok(kept.clone());
        }
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let footer = ArrowReaderMetadata::load_async(file, options).await?;
        self.lock().keep(file.path.clone(), footer.clone());
        Ok(footer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whatever has been here longest makes room.
    fn keep(&mut self, path: Path, footer: ArrowReaderMetadata) {
        self.bytes += size(&footer);
        if let Some(same) = self.footers.insert(path, footer) {
            self.bytes -= size(&same);
        }
        while self.bytes > KEPT {
            let Some((_, oldest)) = self.footers.shift_remove_index(0) else { break };
            self.bytes -= size(&oldest);
        }
    }
}

fn size(footer: &ArrowReaderMetadata) -> usize {
    footer.metadata().memory_size()
}

impl fmt::Debug for Footers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Footers").field("bytes", &self.lock().bytes).finish_non_exhaustive()
    }
}

/// A data file, of which parts are read.
#[derive(Debug)]
pub(super) struct DataFile {
    store: ObjectStoreRef,
    path: Path,
    bytes: u64,
}

impl DataFile {
    pub(super) fn new(store: ObjectStoreRef, file: &LogicalFileView) -> Self {
        let bytes = u64::try_from(file.size()).unwrap_or(0);
        Self { store, path: file.object_store_path(), bytes }
    }
}

impl AsyncFileReader for DataFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        Box::pin(async { self.store.get_range(&self.path, range).await.map_err(unread) })
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        Box::pin(async move { self.store.get_ranges(&self.path, &ranges).await.map_err(unread) })
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        Box::pin(async move {
            let bytes = self.bytes;
            let reader = ParquetMetaDataReader::new()
                .with_arrow_reader_options(options)
                .with_prefetch_hint(Some(TAIL));
            reader.load_and_finish(self, bytes).await.map(Arc::new)
        })
    }
}

fn unread(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use deltalake::{
        arrow::array::{ArrayRef, Int32Array, RecordBatch},
        parquet::arrow::ArrowWriter,
    };

    use super::*;

    fn footer() -> ArrowReaderMetadata {
        let column: ArrayRef = Arc::new(Int32Array::from_iter_values(0..3));
        let rows = RecordBatch::try_from_iter([("number", column)]).unwrap();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        ArrowReaderMetadata::load(&Bytes::from(file), ArrowReaderOptions::new()).unwrap()
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let (footer, mut kept) = (footer(), Kept::default());
        let most = KEPT / size(&footer);
        let path = |number: usize| Path::from(format!("part-{number}.parquet"));
        for number in 0..most + 10 {
            kept.keep(path(number), footer.clone());
            kept.keep(path(number), footer.clone());
        }
        assert_eq!((kept.footers.len(), kept.bytes), (most, most * size(&footer)));
        assert!(!kept.footers.contains_key(&path(9)) && kept.footers.contains_key(&path(10)));
    }
}
