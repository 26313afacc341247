//! Columns without the encodings that only the engine needs: every reader knows what is left.

use std::sync::Arc;

use deltalake::arrow::{
    array::RecordBatch,
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
    error::ArrowError,
};

/// The same columns, with texts as texts.
pub(super) fn plain(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(plain_field).collect::<Vec<_>>()))
}

/// With lists as texts too, for a form that has no lists.
pub(super) fn flat(schema: &SchemaRef) -> SchemaRef {
    let is_list = |kind: &DataType| matches!(kind, DataType::List(_) | DataType::LargeList(_));
    let flat = |field: &FieldRef| {
        let field = plain_field(field);
        if is_list(field.data_type()) { field.with_data_type(DataType::Utf8) } else { field }
    };
    Arc::new(Schema::new(schema.fields().iter().map(flat).collect::<Vec<_>>()))
}

fn plain_field(field: &FieldRef) -> Field {
    Field::new(field.name(), plain_type(field.data_type()), field.is_nullable())
}

fn plain_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => plain_type(value),
        DataType::List(item) | DataType::ListView(item) => {
            DataType::List(Arc::new(plain_field(item)))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        other => other.clone(),
    }
}

/// The batch with the columns of a schema that `plain` or `flat` made.
pub(super) fn plainly(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| {
        if column.data_type() == field.data_type() {
            Ok(column.clone())
        } else {
            cast(column, field.data_type())
        }
    });
    let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
    if columns.is_empty() {
        return Ok(batch.clone());
    }
    RecordBatch::try_new(schema.clone(), columns)
}
