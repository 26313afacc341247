//! What tells one table from another: its columns, its partitions and the order of its rows.

use std::{collections::BTreeMap, sync::Arc};

use buoyant_kernel::{engine::arrow_conversion::TryFromArrow, expressions::Scalar};
use chrono::NaiveDate;
use deltalake::{
    arrow::{
        array::{RecordBatch, new_null_array},
        datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit},
        error::ArrowError,
    },
    kernel::StructField,
};
use indexmap::IndexMap;

use super::{Layer, NewColumns, TableName};
use crate::market::Money;

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
    Money,
}

/// Name, kind, and whether values may be absent.
pub(super) type Column = (&'static str, Kind, bool);

/// Properties of a table: the columns by which rows are known, and by which they are put in order.
pub(super) const KEY: &str = "barkeep.key";
pub(super) const SORT: &str = "barkeep.sort";
/// What becomes of columns that it lacks.
pub(super) const NEW_COLUMNS: &str = "barkeep.new_columns";
/// Of which columns the log has the least and the greatest value of each file.
pub(super) const SKIPPING: &str = "delta.dataSkippingStatsColumns";

/// The values of a partition, as the log has them.
pub(super) type PartitionText = BTreeMap<String, Option<String>>;

/// The values that the rows of a file share, by partition column.
pub(super) type Partition = IndexMap<String, Scalar>;

/// A table of bronze, as the code declares it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declaration {
    pub(super) name: &'static str,
    /// The columns of a data file, in this order.
    pub(super) columns: &'static [Column],
    /// Columns with one value per file; they are in the log instead.
    pub(super) partitions: &'static [Column],
    /// Columns whose minimum and maximum are in the log. More of them would make the log larger
    /// than the rows of a tick.
    pub(super) skipping: &'static [&'static str],
    /// Compaction puts rows in this order.
    pub(super) sort: &'static [&'static str],
}

impl Declaration {
    /// The columns of a data file.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(fields(self.columns)))
    }

    pub(super) fn shape(&self) -> Shape {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Shape {
            name: TableName::bronze(self.name),
            columns: self.schema(),
            partitions: fields(self.partitions),
            skipping: owned(self.skipping),
            sort: owned(self.sort),
            key: Vec::new(),
            new_columns: NewColumns::default(),
        }
    }
}

/// What tells one table from another.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) name: TableName,
    /// The columns of a data file, in this order.
    pub(super) columns: SchemaRef,
    pub(super) partitions: Vec<Field>,
    pub(super) skipping: Vec<String>,
    pub(super) sort: Vec<String>,
    /// By which a row is known and replaced; empty where rows are only added.
    pub(super) key: Vec<String>,
    pub(super) new_columns: NewColumns,
}

impl Shape {
    /// Every column as Delta knows it. Fails on a type that Delta does not have.
    pub(super) fn fields(&self) -> Result<Vec<StructField>, ArrowError> {
        let columns = self.columns.fields().iter().map(AsRef::as_ref).chain(&self.partitions);
        columns.map(StructField::try_from_arrow).collect()
    }

    /// What of it Delta has no words for, so that whoever opens the table knows it.
    pub(super) fn properties(&self) -> Vec<(&'static str, String)> {
        let mut properties = match self.name.layer {
            Layer::Bronze => vec![("delta.appendOnly", "true".to_owned())],
            _ => vec![
                (KEY, self.key.join(",")),
                (SORT, self.sort.join(",")),
                (NEW_COLUMNS, self.new_columns.as_str().to_owned()),
            ],
        };
        if !self.skipping.is_empty() {
            properties.push((SKIPPING, self.skipping.join(",")));
        }
        properties
    }

    pub(super) fn partition_columns(&self) -> Vec<String> {
        self.partitions.iter().map(|field| field.name().clone()).collect()
    }

    fn is_partition(&self, name: &str) -> bool {
        self.partitions.iter().any(|field| field.name() == name)
    }

    /// The columns of a data file of the table as it is, which may be more than ours.
    pub(super) fn file_schema(&self, table: &Schema) -> SchemaRef {
        let fields = table.fields().iter().filter(|field| !self.is_partition(field.name()));
        Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
    }

    /// A partition as the writer wants it, from its values as the log has them.
    pub(super) fn partition(&self, values: &PartitionText) -> Partition {
        let scalar = |field: &Field| {
            let text = values.get(field.name()).cloned().flatten().unwrap_or_default();
            let value = match field.data_type() {
                ArrowType::Date32 => day(text.parse().unwrap_or_default()),
                _ => Scalar::String(text),
            };
            (field.name().clone(), value)
        };
        self.partitions.iter().map(scalar).collect()
    }
}

fn fields(columns: &[Column]) -> Vec<Field> {
    let field = |(name, kind, nullable): &Column| Field::new(*name, kind.arrow(), *nullable);
    columns.iter().map(field).collect()
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
            Self::Money => ArrowType::Decimal128(Money::DIGITS, Money::SCALE),
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
