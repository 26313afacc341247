//! Managed tables: silver, gold and the users' own. Their rows are known by a key and replaced by it.
//!
//! A write reads the newest version, works out which files it concerns, and commits right after that
//! version; if somebody else was faster it is worked out anew. Rows that only moved to another file
//! are in files that say `dataChange: false`, so whoever reads what has changed is not told of them.

mod changes;
mod commit;
mod merge;
mod read;
mod staged;
mod widen;
mod write;

use std::sync::{Arc, PoisonError};

use deltalake::{
    DeltaTable, DeltaTableError,
    arrow::datatypes::{DataType, Field, Schema, SchemaRef},
};
use futures::future::BoxFuture;

pub use self::{changes::Changes, merge::Rest, staged::Staged, write::Scope};
use super::{
    Ground, Lake, LakeError, Layer, Table, TableName,
    shape::{KEY, SKIPPING, SORT, Shape},
};

/// A table as it is asked for.
#[derive(Debug, Clone)]
pub struct Definition {
    pub name: TableName,
    /// Every column, those it is partitioned by among them.
    pub columns: SchemaRef,
    /// Texts or dates; one data file has one value of each.
    pub partition_by: Vec<String>,
    /// By which a row is known; empty where rows are only added, or replaced as a whole.
    pub key: Vec<String>,
    /// In which order a file has them; the key, if that is empty.
    pub sort: Vec<String>,
}

/// What a write has done to a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// The newest version afterwards; the same as before if nothing was to change.
    pub version: u64,
    pub inserted: u64,
    pub updated: u64,
    /// Rows that were there already, with the same values.
    pub unchanged: u64,
    pub removed: u64,
    /// Data files that gave way to others.
    pub files_replaced: u64,
}

impl Definition {
    fn shape(&self) -> Result<Shape, LakeError> {
        let unfit = |detail: String| LakeError::Definition { table: self.name.to_string(), detail };
        let all = self.partition_by.iter().chain(&self.key).chain(&self.sort);
        for name in all {
            if self.columns.index_of(name).is_err() {
                return Err(unfit(format!("there is no column {name}")));
            }
        }
        let (mut columns, mut partitions) = (Vec::new(), Vec::new());
        for field in self.columns.fields() {
            if !self.partition_by.contains(field.name()) {
                columns.push(field.clone());
                continue;
            }
            if !matches!(field.data_type(), DataType::Utf8 | DataType::Date32) {
                let detail = format!("{} is no text and no date to partition by", field.name());
                return Err(unfit(detail));
            }
            partitions.push(Field::clone(field));
        }
        if columns.is_empty() {
            return Err(unfit("there is no column besides those of the partitions".to_owned()));
        }
        let sort = if self.sort.is_empty() { &self.key } else { &self.sort };
        let of_file = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| !self.partition_by.contains(name)).cloned().collect()
        };
        Ok(Shape {
            name: self.name.clone(),
            columns: Arc::new(Schema::new(columns)),
            partitions,
            skipping: of_file(sort),
            sort: of_file(sort),
            key: self.key.clone(),
        })
    }
}

impl Lake {
    /// The managed table of that name, which is created if there is none. Fails with `Definition` if it
    /// cannot be, or is there with other columns, partitions or another key.
    pub fn managed<'a>(
        &'a self,
        definition: &'a Definition,
    ) -> BoxFuture<'a, Result<Arc<Table>, LakeError>> {
        Box::pin(async move {
            let shape = definition.shape()?;
            if let Some(table) = self.find(&definition.name).await? {
                table.agrees_with(&shape)?;
                return Ok(table);
            }
            let table = Arc::new(Table::open(shape, &self.ground).await?);
            Ok(self.remember(table))
        })
    }

    /// The table of that name, also one that another replica has created meanwhile.
    pub fn find<'a>(
        &'a self,
        name: &'a TableName,
    ) -> BoxFuture<'a, Result<Option<Arc<Table>>, LakeError>> {
        Box::pin(async move {
            if let Some(table) = self.named(name.as_str()) {
                return Ok(Some(table));
            }
            if name.layer == Layer::Bronze {
                return Ok(None);
            }
            let found = open(name, &self.ground).await?;
            Ok(found.map(|table| self.remember(Arc::new(table))))
        })
    }

    /// Opens the managed tables that others have created since this was last asked.
    pub fn discover(&self) -> BoxFuture<'_, Result<(), LakeError>> {
        Box::pin(async move {
            for layer in [Layer::Silver, Layer::Gold, Layer::User] {
                for name in self.ground.storage.tables(layer).await? {
                    self.find(&name).await?;
                }
            }
            Ok(())
        })
    }

    /// Of two that were opened at the same time the first one stays.
    fn remember(&self, table: Arc<Table>) -> Arc<Table> {
        let mut managed = self.managed.write().unwrap_or_else(PoisonError::into_inner);
        managed.entry(table.name().to_owned()).or_insert(table).clone()
    }
}

/// `None` if there is none.
async fn open(name: &TableName, ground: &Ground) -> Result<Option<Table>, LakeError> {
    let failed = |source| LakeError::Delta { table: name.to_string(), source: Box::new(source) };
    let Some(url) = ground.storage.existing(name)? else { return Ok(None) };
    let table = match ground.storage.load(&url, None).await {
        Err(DeltaTableError::NotATable(_)) => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let shape = shape_of(name, &table).map_err(failed)?;
    Ok(Some(Table::of(shape, table, ground)))
}

/// As the log has it.
fn shape_of(name: &TableName, table: &DeltaTable) -> Result<Shape, DeltaTableError> {
    let state = table.snapshot()?;
    let (schema, metadata) = (state.snapshot().arrow_schema(), state.metadata());
    let list = |key: &str| -> Vec<String> {
        let said = metadata.configuration().get(key).map(String::as_str).unwrap_or_default();
        said.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let is_partition = |field: &&Arc<Field>| metadata.partition_columns().contains(field.name());
    let columns: Vec<_> = schema.fields().iter().filter(|field| !is_partition(field)).collect();
    let partitions = schema.fields().iter().filter(is_partition);
    Ok(Shape {
        name: name.clone(),
        columns: Arc::new(Schema::new(columns.into_iter().cloned().collect::<Vec<_>>())),
        partitions: partitions.map(|field| Field::clone(field)).collect(),
        skipping: list(SKIPPING),
        sort: list(SORT),
        key: list(KEY),
    })
}

impl Table {
    /// By which its rows are known; empty where they are only added.
    pub fn key(&self) -> &[String] {
        &self.shape.key
    }

    /// Fails if what is there was made for something else. It may have more columns.
    fn agrees_with(&self, wanted: &Shape) -> Result<(), LakeError> {
        let there = self.schema()?;
        let unfit = |detail: String| LakeError::Definition { table: self.named(), detail };
        let partitions = |shape: &Shape| shape.partition_columns();
        if partitions(&self.shape) != partitions(wanted) {
            let detail = format!("is partitioned by {}", partitions(&self.shape).join(", "));
            return Err(unfit(detail));
        }
        if self.shape.key != wanted.key {
            return Err(unfit(format!("has the key {}", self.shape.key.join(", "))));
        }
        for field in wanted.columns.fields() {
            let Ok(own) = there.field_with_name(field.name()) else {
                return Err(unfit(format!("has no column {}", field.name())));
            };
            if own.data_type() != field.data_type() {
                let detail = format!("has {} as {}", field.name(), own.data_type());
                return Err(unfit(detail));
            }
        }
        Ok(())
    }

    /// Every column as of the newest version seen here, those of the partitions among them.
    pub fn schema(&self) -> Result<SchemaRef, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        Ok(state.snapshot().arrow_schema())
    }
}
