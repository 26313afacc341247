//! The rows of single data files, and rows by partition.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use deltalake::{
    DeltaTable,
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array},
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
    order::{runs, sorted},
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

    /// The rows of each partition in order, without the columns that they share; as the table has its
    /// columns. Those that are missing are null; further ones are an error.
    pub(super) fn by_partition(
        &self,
        batches: &[RecordBatch],
    ) -> Result<Vec<(PartitionText, RecordBatch)>, LakeError> {
        let arrow = |source| self.arrow(source);
        let schema = self.schema()?;
        let of_file = self.shape.file_schema(&schema);
        let mut parts: BTreeMap<PartitionText, Vec<RecordBatch>> = BTreeMap::new();
        for batch in batches {
            let batch = cast_to(batch, &schema).and_then(|batch| fit(batch, &schema));
            self.divide(&batch.map_err(arrow)?, &of_file, &mut parts)?;
        }
        let whole = |(values, part): (PartitionText, Vec<RecordBatch>)| {
            Ok((values, sorted(&part, &of_file, &self.shape.sort).map_err(arrow)?))
        };
        parts.into_iter().map(whole).collect()
    }

    /// Adds rows to the partitions that they belong to.
    fn divide(
        &self,
        rows: &RecordBatch,
        of_file: &SchemaRef,
        parts: &mut BTreeMap<PartitionText, Vec<RecordBatch>>,
    ) -> Result<(), LakeError> {
        let arrow = |source| self.arrow(source);
        let fields = &self.shape.partitions;
        let columns = project(rows, fields.iter().map(Field::name)).map_err(arrow)?;
        let columns = columns.columns();
        let mut members: BTreeMap<PartitionText, Vec<Range<usize>>> = BTreeMap::new();
        // Rows of a partition are often next to one another: what they share is read once.
        for run in runs(columns, rows.num_rows()).map_err(arrow)? {
            let mut values = PartitionText::new();
            for (field, column) in fields.iter().zip(columns) {
                let text = cast(&column.slice(run.start, 1), &DataType::Utf8).map_err(arrow)?;
                let text = text.as_string::<i32>();
                // Delta takes an empty text for none, and the partition would have no name.
                if text.is_null(0) || text.value(0).is_empty() {
                    let name = field.name();
                    return Err(
                        self.unfit(&format!("{name} is empty in a row, and parts the files"))
                    );
                }
                values.insert(field.name().clone(), Some(text.value(0).to_owned()));
            }
            members.entry(values).or_default().push(run);
        }
        let rows = project(rows, names(of_file)).map_err(arrow)?;
        for (values, members) in members {
            let taken = if let [run] = &*members {
                rows.slice(run.start, run.len())
            } else {
                let places = members.into_iter().flatten();
                let places = places.map(|row| u32::try_from(row).unwrap_or(u32::MAX));
                take_record_batch(&rows, &UInt32Array::from_iter_values(places)).map_err(arrow)?
            };
            parts.entry(values).or_default().push(taken);
        }
        Ok(())
    }
}

/// The columns of those names, in their order.
pub(super) fn project<'a>(
    rows: &RecordBatch,
    names: impl Iterator<Item = &'a String>,
) -> Result<RecordBatch, ArrowError> {
    let schema = rows.schema();
    rows.project(&names.map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>()?)
}

pub(super) fn names(schema: &Schema) -> impl Iterator<Item = &String> {
    schema.fields().iter().map(|field| field.name())
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
