//! The rows of single data files, and rows by partition.

use std::{collections::BTreeMap, sync::Arc};

use deltalake::{
    DeltaTable,
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array},
        compute::{CastOptions, cast, cast_with_options, concat_batches, take_record_batch},
        datatypes::{DataType, Field, Schema, SchemaRef},
        error::ArrowError,
        row::{RowConverter, Rows, SortField},
    },
    logstore::object_store::{ObjectStoreExt, path::Path},
    parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder},
};

use super::super::{
    LakeError, Table,
    shape::{PartitionText, fit},
};

impl Table {
    /// The rows of a data file: of its columns those of `schema`, null where it lacks one.
    pub(super) async fn rows_in(
        &self,
        table: &DeltaTable,
        file: &Path,
        schema: &SchemaRef,
    ) -> Result<RecordBatch, LakeError> {
        let batches = self.batches_in(table, file, schema).await?;
        concat_batches(schema, &batches).map_err(|source| self.arrow(source))
    }

    /// Like `rows_in`, batch by batch.
    pub(in crate::lake) async fn batches_in(
        &self,
        table: &DeltaTable,
        file: &Path,
        schema: &SchemaRef,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let store = table.object_store();
        let answer = store.get(file).await.map_err(|error| self.delta(error.into()))?;
        let bytes = answer.bytes().await.map_err(|error| self.delta(error.into()))?;
        let read = || -> Result<Vec<RecordBatch>, ArrowError> {
            let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
            let wanted = schema.fields().iter().map(|field| field.name().as_str());
            let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
            let reader = builder.with_projection(mask).with_batch_size(65_536).build()?;
            reader.map(|batch| fit(batch?, schema)).collect()
        };
        read().map_err(|source| self.arrow(source))
    }

    /// The rows of each partition, without the columns that they share; in the order of the table's
    /// columns. Columns that are missing are null; further ones are an error.
    pub(super) fn by_partition(
        &self,
        rows: &RecordBatch,
    ) -> Result<Vec<(PartitionText, RecordBatch)>, LakeError> {
        let arrow = |source| self.arrow(source);
        let schema = self.schema()?;
        let rows = cast_to(rows, &schema).and_then(|rows| fit(rows, &schema)).map_err(arrow)?;
        let of_file = self.shape.file_schema(&rows.schema());
        let texts = self.shape.partitions.iter().map(|field| {
            let column = rows.column_by_name(field.name()).cloned();
            let column = column.ok_or_else(|| ArrowError::SchemaError(field.name().clone()));
            Ok((field.name(), as_text(&column?)?))
        });
        let texts: Vec<_> = texts.collect::<Result<_, ArrowError>>().map_err(arrow)?;
        for (name, text) in &texts {
            // Delta takes an empty text for none, and the partition would have no name.
            if text.iter().any(|text| text.is_none_or(str::is_empty)) {
                return Err(self.unfit(&format!("{name} is empty in a row, and parts the files")));
            }
        }
        let mut members: BTreeMap<PartitionText, Vec<u32>> = BTreeMap::new();
        for row in 0..rows.num_rows() {
            let value = |text: &StringArray| text.is_valid(row).then(|| text.value(row).to_owned());
            let values = texts.iter().map(|(name, text)| ((*name).clone(), value(text)));
            members.entry(values.collect()).or_default().push(u32::try_from(row).unwrap_or(0));
        }
        let columns = of_file.fields().iter().map(|field| rows.schema().index_of(field.name()));
        let columns: Vec<_> = columns.collect::<Result<_, _>>().map_err(arrow)?;
        let rows = rows.project(&columns).map_err(arrow)?;
        let part = |(values, members): (PartitionText, Vec<u32>)| {
            let taken = if members.len() == rows.num_rows() {
                rows.clone()
            } else {
                take_record_batch(&rows, &UInt32Array::from(members)).map_err(arrow)?
            };
            Ok((values, taken))
        };
        members.into_iter().map(part).collect()
    }
}

/// The columns that `schema` has as well, of its types. What does not fit into one is an error.
fn cast_to(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let (given, columns) = (rows.schema(), rows.columns().iter());
    let cast = |(field, column): (&Arc<Field>, &ArrayRef)| {
        let Ok(wanted) = schema.field_with_name(field.name()) else {
            return Ok((field.clone(), column.clone()));
        };
        let field = field.as_ref().clone().with_data_type(wanted.data_type().clone());
        Ok((Arc::new(field), cast_with_options(column, wanted.data_type(), &strict)?))
    };
    let (fields, columns): (Vec<_>, Vec<_>) =
        given.fields().iter().zip(columns).map(cast).collect::<Result<_, ArrowError>>()?;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn as_text(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// The columns of that name, of those that a file has.
pub(super) fn part_of(schema: &SchemaRef, names: &[String]) -> SchemaRef {
    let is_wanted = |field: &&Arc<Field>| names.contains(field.name());
    Arc::new(Schema::new(schema.fields().iter().filter(is_wanted).cloned().collect::<Vec<_>>()))
}

/// Whole rows as bytes that can be compared; of batches of one schema.
pub(super) struct Comparer(RowConverter);

impl Comparer {
    pub(super) fn new(schema: &Schema) -> Result<Self, ArrowError> {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(Self(RowConverter::new(fields)?))
    }

    pub(super) fn rows(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        self.0.convert_columns(batch.columns())
    }
}
