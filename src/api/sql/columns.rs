//! Lists of the API as columns.

use std::sync::Arc;

use chrono::DateTime;
use deltalake::arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
};
use serde_json::Value;

/// A member of an item: its column, where it is, and what it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column(pub(super) &'static str, pub(super) &'static str, pub(super) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lists and objects are texts of JSON.
    Text,
    Instant,
    Count,
    Number,
    Flag,
    /// Of the name of a series: 0 is the provider, 1 the asset, 2 the timeframe.
    Part(usize),
}

impl Kind {
    fn arrow(self) -> DataType {
        match self {
            Self::Text | Self::Part(_) => DataType::Utf8,
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Count => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Flag => DataType::Boolean,
        }
    }
}

pub(super) fn schema(columns: &[Column]) -> SchemaRef {
    let field = |Column(name, _, kind): &Column| Field::new(*name, kind.arrow(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// What is absent or of another kind is null.
pub(super) fn batch(
    schema: &SchemaRef,
    columns: &[Column],
    items: &[Value],
) -> Result<RecordBatch, ArrowError> {
    let columns = columns.iter().map(|column| values(*column, items)).collect();
    RecordBatch::try_new(schema.clone(), columns)
}

fn values(Column(_, at, kind): Column, items: &[Value]) -> ArrayRef {
    let cells = items.iter().map(|item| item.pointer(at).filter(|value| !value.is_null()));
    match kind {
        Kind::Text => Arc::new(cells.map(|cell| cell.map(text)).collect::<StringArray>()),
        Kind::Part(part) => {
            let part = |cell: &Value| Some(cell.as_str()?.split('/').nth(part)?.to_owned());
            Arc::new(cells.map(|cell| cell.and_then(part)).collect::<StringArray>())
        }
        Kind::Instant => {
            let cells = cells.map(|cell| cell.and_then(micros));
            Arc::new(cells.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        Kind::Count => {
            Arc::new(cells.map(|cell| cell.and_then(Value::as_i64)).collect::<Int64Array>())
        }
        Kind::Number => {
            Arc::new(cells.map(|cell| cell.and_then(Value::as_f64)).collect::<Float64Array>())
        }
        Kind::Flag => {
            Arc::new(cells.map(|cell| cell.and_then(Value::as_bool)).collect::<BooleanArray>())
        }
    }
}

fn text(cell: &Value) -> String {
    cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)
}

fn micros(cell: &Value) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(cell.as_str()?).ok()?.timestamp_micros())
}
