//! The rows of one series straight from the data files: of the files that can have some the pages that
//! can, and of those the rows that are.
//!
//! The query engine would plan every such read anew, which takes longer than the reading itself.

use std::sync::Arc;

use deltalake::{
    DeltaTable,
    arrow::{
        array::{
            Array, ArrayRef, BooleanArray, RecordBatch, Scalar, StringArray,
            TimestampMicrosecondArray, new_null_array,
        },
        compute::{
            cast,
            kernels::{
                boolean::and,
                cmp::{gt, gt_eq, lt, lt_eq},
            },
            or_kleene,
        },
        datatypes::{Field, Schema, SchemaRef},
        error::ArrowError,
    },
    parquet::{
        arrow::{
            ParquetRecordBatchStreamBuilder, ProjectionMask,
            arrow_reader::{
                ArrowPredicateFn, ArrowReaderMetadata, RowFilter, RowSelection, RowSelector,
                statistics::StatisticsConverter,
            },
        },
        errors::ParquetError,
    },
};
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};

use super::{
    super::{LakeError, bounds::Bounds},
    CandleTable,
    footers::DataFile,
};
use crate::market::{Series, Window};

/// Files that are read at the same time.
const READ_AT_ONCE: usize = 8;
/// Rows that are decoded at a time.
const BATCH: usize = 16_384;

/// The least and the greatest value of each column of the key among the rows that are asked for: what
/// lies between them in every column is one of them.
#[derive(Debug, Clone)]
struct Wanted(RecordBatch);

impl CandleTable {
    /// Of the rows of one series that open inside `window`, which is not empty, the columns of `schema`,
    /// in no order.
    pub(super) fn rows_of<'a>(
        &'a self,
        table: &'a DeltaTable,
        series: &Series,
        window: Window,
        schema: &'a SchemaRef,
    ) -> BoxFuture<'a, Result<Vec<RecordBatch>, LakeError>> {
        let wanted = Wanted::of(series, window);
        Box::pin(async move {
            let wanted = wanted.map_err(|source| self.arrow(source))?;
            let state = table.snapshot().map_err(|error| self.delta(error))?;
            let (log, store, bounds) =
                (state.log_data(), table.object_store(), Bounds::of(&wanted.0));
            let files: Vec<DataFile> = log
                .iter()
                .filter(|file| bounds.may_be_in(file))
                .map(|file| DataFile::new(store.clone(), &file))
                .collect();
            let rows = stream::iter(files).map(|file| self.rows_in(file, &wanted, schema));
            let rows: Vec<_> = rows
                .buffered(READ_AT_ONCE)
                .try_collect()
                .await
                .map_err(|error: ParquetError| self.query(error.into()))?;
            Ok(rows.concat())
        })
    }

    async fn rows_in(
        &self,
        mut file: DataFile,
        wanted: &Wanted,
        schema: &SchemaRef,
    ) -> Result<Vec<RecordBatch>, ParquetError> {
        let footer = self.footers.of(&mut file).await?;
        let (groups, rows) = wanted.places(&footer)?;
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let only = |schema: &Schema| {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            ProjectionMask::columns(footer.parquet_schema(), names)
        };
        let (keys, columns, wanted) = (only(&wanted.0.schema()), only(schema), wanted.clone());
        let is_wanted = ArrowPredicateFn::new(keys, move |keys| wanted.are_among(&keys));
        let batches = ParquetRecordBatchStreamBuilder::new_with_metadata(file, footer)
            .with_projection(columns)
            .with_row_groups(groups)
            .with_row_selection(rows)
            .with_row_filter(RowFilter::new(vec![Box::new(is_wanted)]))
            .with_batch_size(BATCH)
            .build()?;
        batches.and_then(async |batch| Ok(fit(&batch, schema)?)).try_collect().await
    }
}

impl Wanted {
    fn of(series: &Series, window: Window) -> Result<Self, ArrowError> {
        let text = |text: &str| Arc::new(StringArray::from(vec![text; 2]));
        let (first, end) = (window.start.timestamp_micros(), window.end.timestamp_micros());
        let times = TimestampMicrosecondArray::from(vec![first, end - 1]).with_timezone("UTC");
        let columns: [(&str, ArrayRef); 3] = [
            ("asset_pair", text(series.instrument.as_str())),
            ("source_provider", text(series.provider.as_str())),
            ("timestamp", Arc::new(times)),
        ];
        RecordBatch::try_from_iter(columns).map(Self)
    }

    /// Each column of the key, with its least and greatest value.
    fn ranges(&self) -> impl Iterator<Item = (Arc<Field>, Scalar<ArrayRef>, Scalar<ArrayRef>)> {
        let fields = self.0.schema().fields().clone();
        let end = |column: &ArrayRef, row| Scalar::new(column.slice(row, 1));
        let ranges: Vec<_> = fields
            .iter()
            .zip(self.0.columns())
            .map(|(field, column)| (field.clone(), end(column, 0), end(column, 1)))
            .collect();
        ranges.into_iter()
    }

    /// Which of some rows are wanted, by their keys.
    fn are_among(&self, keys: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let mut among = BooleanArray::from(vec![true; keys.num_rows()]);
        for (field, least, greatest) in self.ranges() {
            let column = cast(of_name(keys, &field)?, field.data_type())?;
            let is_inside = and(&gt_eq(&column, &least)?, &lt_eq(&column, &greatest)?)?;
            among = and(&among, &is_inside)?;
        }
        Ok(among)
    }

    /// The row groups of a file that may have wanted rows, and where in them.
    fn places(
        &self,
        footer: &ArrowReaderMetadata,
    ) -> Result<(Vec<usize>, RowSelection), ParquetError> {
        let (mut groups, mut places) = (Vec::new(), Vec::new());
        for group in 0..footer.metadata().num_row_groups() {
            let rows = self.places_in(footer, group)?;
            if rows.selects_any() {
                groups.push(group);
                places.extend(Vec::<RowSelector>::from(rows));
            }
        }
        Ok((groups, places.into()))
    }

    /// The pages of a row group that may have wanted rows, or all of it where there is no index.
    fn places_in(
        &self,
        footer: &ArrowReaderMetadata,
        group: usize,
    ) -> Result<RowSelection, ParquetError> {
        let metadata = footer.metadata();
        let rows = usize::try_from(metadata.row_group(group).num_rows()).unwrap_or(0);
        let mut places = RowSelection::from_consecutive_ranges(std::iter::once(0..rows), rows);
        let (Some(values), Some(offsets)) = (metadata.column_index(), metadata.offset_index())
        else {
            return Ok(places);
        };
        for (field, least, greatest) in self.ranges() {
            let schema = (footer.schema(), footer.parquet_schema());
            let pages = StatisticsConverter::try_new(field.name(), schema.0, schema.1)?;
            let counts = pages.data_page_row_counts(offsets, metadata.row_groups(), [&group])?;
            let Some(counts) = counts.filter(|counts| !counts.is_empty()) else { continue };
            let first = pages.data_page_mins(values, offsets, [&group])?;
            let last = pages.data_page_maxes(values, offsets, [&group])?;
            let is_after = gt(&cast(&first, field.data_type())?, &greatest)?;
            let is_before = lt(&cast(&last, field.data_type())?, &least)?;
            let is_none = or_kleene(&is_after, &is_before)?;
            let selectors = counts.values().iter().zip(&is_none).map(|(rows, is_none)| {
                let rows = usize::try_from(*rows).unwrap_or(usize::MAX);
                if is_none == Some(true) {
                    RowSelector::skip(rows)
                } else {
                    RowSelector::select(rows)
                }
            });
            places = places.intersection(&selectors.collect::<Vec<_>>().into());
        }
        Ok(places)
    }
}

fn of_name<'a>(batch: &'a RecordBatch, field: &Field) -> Result<&'a ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError(format!("a file has no column {}", field.name()));
    batch.column_by_name(field.name()).ok_or_else(missing)
}

/// The columns of `schema`, whoever wrote the file: its types may be other ones, and columns that it
/// lacks are null.
fn fit(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(column) => cast(column, field.data_type()),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema.clone(), columns)
}

#[cfg(test)]
mod tests;
