//! What tells one table from another: its columns, its partitions and the order of its rows.

use std::{collections::BTreeMap, sync::Arc};

use buoyant_kernel::expressions::Scalar;
use chrono::NaiveDate;
use deltalake::{
    arrow::{
        array::{RecordBatch, new_null_array},
        datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit},
        error::ArrowError,
    },
    kernel::{ArrayType, DataType, PrimitiveType, StructField},
};
use indexmap::IndexMap;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    /// Microseconds since 1970, UTC.
    Instant,
    Day,
    Float,
    Long,
    Int,
    Flag,
}

/// Name, kind, and whether values may be absent.
pub(super) type Column = (&'static str, Kind, bool);

/// The values that the rows of a file share, by partition column.
pub(super) type Partition = IndexMap<String, Scalar>;

/// One table, as it is created.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// The columns of a data file, in this order.
    pub(super) columns: &'static [Column],
    /// Columns with one value per file; they are in the log instead.
    pub(super) partitions: &'static [Column],
    /// Columns whose minimum and maximum are in the log. More of them would make the log larger
    /// than the rows of a tick.
    pub(super) skipping: &'static str,
    /// Compaction puts rows in this order.
    pub(super) sort: &'static [&'static str],
}

impl Shape {
    /// Every column as Delta knows it.
    pub(super) fn fields(&self) -> impl Iterator<Item = StructField> {
        let columns = self.columns.iter().chain(self.partitions);
        columns.map(|(name, kind, nullable)| StructField::new(*name, kind.delta(), *nullable))
    }

    pub(super) fn partition_columns(&self) -> Vec<String> {
        self.partitions.iter().map(|(name, ..)| (*name).to_owned()).collect()
    }

    /// The columns of a data file.
    pub(super) fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter();
        let fields =
            fields.map(|(name, kind, nullable)| Field::new(*name, kind.arrow(), *nullable));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The columns of a data file of the table as it is, which may be more than ours.
    pub(super) fn file_schema(&self, table: &Schema) -> SchemaRef {
        let is_partition = |field: &&Arc<Field>| {
            self.partitions.iter().any(|(name, ..)| *name == field.name().as_str())
        };
        let fields = table.fields().iter().filter(|field| !is_partition(field)).cloned();
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// A partition as the writer wants it, from its values as the log has them.
    pub(super) fn partition(&self, values: &BTreeMap<String, Option<String>>) -> Partition {
        let scalar = |(name, kind, _): &Column| {
            let text = values.get(*name).cloned().flatten().unwrap_or_default();
            let value = match kind {
                Kind::Day => day(text.parse().unwrap_or_default()),
                _ => Scalar::String(text),
            };
            ((*name).to_owned(), value)
        };
        self.partitions.iter().map(scalar).collect()
    }
}

/// The rows of `batch` with the columns of `schema`, in which a stranger may have put further ones:
/// those are null. Nothing of `batch` is left out.
pub(super) fn fit(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema() == *schema {
        return Ok(batch);
    }
    let given = batch.schema();
    if let Some(more) = given.fields().iter().find(|field| schema.index_of(field.name()).is_err()) {
        let detail = format!("the table has no column {}", more.name());
        return Err(ArrowError::SchemaError(detail));
    }
    let column = |field: &Arc<Field>| match batch.column_by_name(field.name()) {
        Some(column) => column.clone(),
        None => new_null_array(field.data_type(), batch.num_rows()),
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect())
}

impl Kind {
    fn delta(self) -> DataType {
        let primitive = match self {
            Self::Texts => return ArrayType::new(DataType::STRING, false).into(),
            Self::Text => PrimitiveType::String,
            Self::Instant => PrimitiveType::Timestamp,
            Self::Day => PrimitiveType::Date,
            Self::Float => PrimitiveType::Double,
            Self::Long => PrimitiveType::Long,
            Self::Int => PrimitiveType::Integer,
            Self::Flag => PrimitiveType::Boolean,
        };
        DataType::Primitive(primitive)
    }

    fn arrow(self) -> ArrowType {
        match self {
            Self::Text => ArrowType::Utf8,
            Self::Texts => ArrowType::List(Arc::new(element())),
            Self::Instant => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Day => ArrowType::Date32,
            Self::Float => ArrowType::Float64,
            Self::Long => ArrowType::Int64,
            Self::Int => ArrowType::Int32,
            Self::Flag => ArrowType::Boolean,
        }
    }
}

/// What a list of texts is made of, by the name that Delta gives it.
pub(super) fn element() -> Field {
    Field::new("element", ArrowType::Utf8, false)
}

pub(super) fn day(day: NaiveDate) -> Scalar {
    Scalar::Date(days_since_epoch(day))
}

pub(super) fn days_since_epoch(day: NaiveDate) -> i32 {
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).unwrap_or(i32::MAX)
}
