//! Which rows have come since a version, whatever became of the files they came in.

use std::sync::Arc;

use deltalake::{
    DeltaTable,
    arrow::{
        array::{ArrayRef, RecordBatch, StringArray},
        compute::cast,
        datatypes::{Schema, SchemaRef},
        error::ArrowError,
    },
    logstore::object_store::path::Path,
};
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use serde::Deserialize;

use super::super::{
    LakeError, Table,
    log::{READ_AT_ONCE, lines},
    shape::PartitionText,
};

/// What has come since a version.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The version that this reaches up to.
    pub version: u64,
    /// The columns that were asked for, of every row that came or took another's place; also of rows
    /// that are gone again. Removed rows are not told of.
    pub rows: Vec<RecordBatch>,
}

impl Table {
    /// What has come after `version` and up to the newest version seen here.
    ///
    /// Fails with `LogExpired` where the log, or a file, no longer reaches back that far.
    pub fn changes<'a>(
        &'a self,
        version: u64,
        columns: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Changes, LakeError>> {
        Box::pin(async move {
            let newest = self.snapshot();
            let last = newest.version().unwrap_or(0);
            let log = newest.log_store();
            let read = |version| {
                let log = log.clone();
                async move {
                    let entry = log.read_commit_entry(version).await;
                    let entry = entry.map_err(|error| self.delta(error))?;
                    let gone = || LakeError::LogExpired { table: self.named(), version };
                    let added = added(&entry.ok_or_else(gone)?);
                    added.map_err(|error| LakeError::LogUnreadable {
                        table: self.named(),
                        version,
                        detail: error.to_string(),
                    })
                }
            };
            let read = stream::iter(version + 1..=last).map(read).buffered(READ_AT_ONCE);
            let added: Vec<Added> =
                read.try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
            let all = self.schema()?;
            let wanted: Vec<_> = columns
                .iter()
                .map(|name| all.field_with_name(name))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|source| self.arrow(source))?;
            let wanted: SchemaRef =
                Arc::new(Schema::new(wanted.into_iter().cloned().collect::<Vec<_>>()));
            let rows =
                stream::iter(added).map(|file| self.rows_added(&newest, file, &wanted, version));
            let rows = rows.buffered(READ_AT_ONCE).try_collect().await?;
            Ok(Changes { version: last, rows })
        })
    }

    async fn rows_added(
        &self,
        table: &DeltaTable,
        file: Added,
        wanted: &SchemaRef,
        version: u64,
    ) -> Result<RecordBatch, LakeError> {
        let path =
            Path::from_url_path(&file.path).unwrap_or_else(|_| Path::from(file.path.as_str()));
        let of_file = self.shape.file_schema(wanted);
        let rows = match self.rows_in(table, &path, &of_file).await {
            Ok(rows) => rows,
            Err(LakeError::Delta { source, .. }) if is_gone(&source) => {
                return Err(LakeError::LogExpired { table: self.named(), version });
            }
            Err(error) => return Err(error),
        };
        with_partition(&rows, &file.partition_values, wanted).map_err(|source| self.arrow(source))
    }
}

fn is_gone(error: &deltalake::DeltaTableError) -> bool {
    use deltalake::{DeltaTableError, logstore::object_store::Error};
    matches!(error, DeltaTableError::ObjectStore { source: Error::NotFound { .. } })
}

/// The rows with the columns that all of them share.
fn with_partition(
    rows: &RecordBatch,
    values: &PartitionText,
    wanted: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    let column = |name: &str, kind| -> Result<ArrayRef, ArrowError> {
        if let Some(column) = rows.column_by_name(name) {
            return Ok(column.clone());
        }
        let value = values.get(name).and_then(Option::as_deref);
        cast(&StringArray::from(vec![value; rows.num_rows()]), kind)
    };
    let columns = wanted.fields().iter().map(|field| column(field.name(), field.data_type()));
    RecordBatch::try_new(wanted.clone(), columns.collect::<Result<_, _>>()?)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    path: String,
    #[serde(default)]
    partition_values: PartitionText,
    data_change: bool,
}

/// The files of an entry whose rows have come with it.
fn added(entry: &[u8]) -> Result<Vec<Added>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Line {
        add: Option<Added>,
    }
    let mut files = Vec::new();
    for line in lines(entry) {
        let Line { add } = serde_json::from_slice(line)?;
        files.extend(add.filter(|add| add.data_change));
    }
    Ok(files)
}
