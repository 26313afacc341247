//! Asking a table for rows, and reading the columns of the answer.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use deltalake::{
    DeltaTable,
    arrow::{
        array::{Array, AsArray, BooleanArray, PrimitiveArray, RecordBatch, StringArray},
        compute::cast,
        datatypes::{ArrowPrimitiveType, DataType, TimestampMicrosecondType},
    },
    datafusion::{
        catalog::TableProvider,
        common::ScalarValue,
        dataframe::DataFrame,
        logical_expr::Expr,
        prelude::{col, lit},
    },
    delta_datafusion::DeltaSessionContext,
};

use super::{LakeError, Table, shape::days_since_epoch};

/// How a table was, or what of it was known; by default as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// Without what was received later.
    pub known_at: Option<DateTime<Utc>>,
    /// Without what was committed after this version.
    pub version: Option<u64>,
}

/// The past of one table, looked up once and read many times.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// `None` for whatever is newest when it is read.
    pub(super) table: Option<DeltaTable>,
    pub(super) known_at: Option<DateTime<Utc>>,
}

impl Pinned {
    /// `None` for whatever is newest.
    pub(super) fn version(&self) -> Option<u64> {
        self.table.as_ref()?.version()
    }
}

impl Table {
    /// Fails if there is no such version.
    pub async fn pin(&self, past: Past) -> Result<Pinned, LakeError> {
        let table = match past.version {
            None => None,
            Some(version) => match self.at(version).await {
                Ok(table) => Some(table),
                Err(error) => return Err(self.gone_or(version, error).await),
            },
        };
        Ok(Pinned { table, known_at: past.known_at })
    }

    /// Every row there was, for whoever asks in SQL.
    pub async fn rows(&self, past: Past) -> Result<Arc<dyn TableProvider>, LakeError> {
        if past == Past::default() {
            return self.rows_now().await;
        }
        Ok(self.scan_past(&self.pin(past).await?).await?.into_view())
    }

    pub(super) async fn rows_now(&self) -> Result<Arc<dyn TableProvider>, LakeError> {
        self.snapshot().table_provider().await.map_err(|error| self.query(error))
    }

    /// Every row as of the newest commit, to be narrowed down.
    pub(super) async fn scan(&self) -> Result<DataFrame, LakeError> {
        self.rows_of(&self.snapshot()).await
    }

    /// Every row there was; only for tables whose rows say when they were received.
    pub(super) async fn scan_past(&self, past: &Pinned) -> Result<DataFrame, LakeError> {
        let rows = match &past.table {
            None => self.scan().await?,
            Some(table) => self.rows_of(table).await?,
        };
        let Some(known_at) = past.known_at else { return Ok(rows) };
        let known = rows.filter(col("_extracted_at").lt_eq(instant(known_at)));
        known.map_err(|error| self.query(error))
    }

    async fn rows_of(&self, table: &DeltaTable) -> Result<DataFrame, LakeError> {
        let provider = table.table_provider().await;
        let provider = provider.map_err(|error| self.query(error))?;
        let context = DeltaSessionContext::default().into_inner();
        context.read_table(provider).map_err(|error| self.query(error))
    }

    /// Has `read` take in every batch of `rows`; it gives up on a column that is not as expected.
    pub(super) async fn read<T>(
        &self,
        rows: DataFrame,
        read: impl Fn(&Cells<'_>, &mut Vec<T>) -> Option<()>,
    ) -> Result<Vec<T>, LakeError> {
        let batches = rows.collect().await.map_err(|error| self.query(error))?;
        let mut found = Vec::new();
        for batch in &batches {
            read(&Cells(batch), &mut found).ok_or_else(|| self.unreadable())?;
        }
        Ok(found)
    }
}

/// An instant, as columns of instants are compared with.
pub(super) fn instant(at: DateTime<Utc>) -> Expr {
    let micros = Some(at.timestamp_micros());
    lit(ScalarValue::TimestampMicrosecond(micros, Some("UTC".into())))
}

/// A day, as a partition column is compared with.
pub(super) fn day(day: NaiveDate) -> Expr {
    lit(ScalarValue::Date32(Some(days_since_epoch(day))))
}

/// The columns of one batch by name; `None` where one is missing or of another type.
pub(super) struct Cells<'a>(pub(super) &'a RecordBatch);

impl Cells<'_> {
    pub(super) fn rows(&self) -> usize {
        self.0.num_rows()
    }

    /// However the engine encodes texts.
    pub(super) fn text(&self, name: &str) -> Option<StringArray> {
        texts_of(self.0.column_by_name(name)?)
    }

    /// The texts of a list, row by row.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<Vec<String>>> {
        let lists = self.0.column_by_name(name)?.as_list_opt::<i32>()?;
        let row = |list: Option<_>| {
            let Some(list) = list else { return Some(Vec::new()) };
            let texts = texts_of(&list)?;
            Some(texts.iter().flatten().map(str::to_owned).collect())
        };
        lists.iter().map(row).collect()
    }

    pub(super) fn numbers<T: ArrowPrimitiveType>(&self, name: &str) -> Option<&PrimitiveArray<T>> {
        self.0.column_by_name(name)?.as_primitive_opt::<T>()
    }

    pub(super) fn flags(&self, name: &str) -> Option<&BooleanArray> {
        self.0.column_by_name(name)?.as_boolean_opt()
    }

    pub(super) fn instants(&self, name: &str) -> Option<impl Fn(usize) -> DateTime<Utc> + use<'_>> {
        let micros = self.numbers::<TimestampMicrosecondType>(name)?;
        Some(|row| DateTime::from_timestamp_micros(micros.value(row)).unwrap_or_default())
    }
}

fn texts_of(column: &dyn Array) -> Option<StringArray> {
    Some(cast(column, &DataType::Utf8).ok()?.as_string_opt::<i32>()?.clone())
}
