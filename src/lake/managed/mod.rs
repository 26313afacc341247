//! Managed tables: silver, gold and the users' own. Their rows are known by a key and replaced by it.
//!
//! A write reads the newest version, works out which files it concerns, and commits right after that
//! version; if somebody else was faster it is worked out anew. Rows that only moved to another file
//! are in files that say `dataChange: false`, so whoever reads what has changed is not told of them.

mod changes;
mod commit;
mod merge;
mod policy;
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

pub use self::{changes::Changes, merge::Rest, policy::NewColumns, staged::Staged, write::Scope};
use super::{
    Ground, Lake, LakeError, Layer, Table, TableName,
    shape::{KEY, NEW_COLUMNS, SKIPPING, SORT, Shape},
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
    pub new_columns: NewColumns,
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
    /// Nothing was done, as the same record has been committed before.
    pub is_repeated: bool,
}

/// Of one table; every file says something of each.
const MOST_COLUMNS: usize = 500;

impl Definition {
    fn shape(&self) -> Result<Shape, LakeError> {
        let unfit = |detail: String| LakeError::Definition { table: self.name.to_string(), detail };
        check_columns(&self.name, self.columns.fields().iter().map(AsRef::as_ref))?;
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
        let mut skipping = of_file(sort);
        let further = of_file(&self.key).into_iter().filter(|name| !sort.contains(name));
        skipping.extend(further);
        Ok(Shape {
            name: self.name.clone(),
            columns: Arc::new(Schema::new(columns)),
            partitions,
            skipping,
            sort: of_file(sort),
            key: self.key.clone(),
            new_columns: self.new_columns,
        })
    }
}

impl Lake {
    /// The managed table of that name, which is created if there is none. Fails with `Definition` if it
    /// cannot be, and with `Differs` if it is there with other columns, partitions or another key.
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

/// What users call their columns can be written in SQL without quotes, and each is there once.
fn check_columns<'a>(
    table: &TableName,
    columns: impl Iterator<Item = &'a Field>,
) -> Result<(), LakeError> {
    let names: Vec<&String> = columns.map(Field::name).collect();
    let unfit = |detail: String| LakeError::Definition { table: table.to_string(), detail };
    if names.len() > MOST_COLUMNS {
        let detail = format!("{} columns are more than {MOST_COLUMNS}", names.len());
        return Err(unfit(detail));
    }
    let odd = names.iter().enumerate().find(|(at, name)| {
        let is_odd = table.layer == Layer::User && TableName::new(Layer::User, name).is_err();
        is_odd || names[..*at].contains(name)
    });
    let Some((_, odd)) = odd else { return Ok(()) };
    Err(unfit(format!(
        "{odd:?} cannot be a column: each has a name of its own, of lower case letters, digits and \
         underscores, a letter first, 64 at most"
    )))
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
        new_columns: NewColumns::read(metadata.configuration().get(NEW_COLUMNS)),
    })
}

impl Table {
    /// By which its rows are known; empty where they are only added.
    pub fn key(&self) -> &[String] {
        &self.shape.key
    }

    /// In which order its files have the rows.
    pub fn sort(&self) -> &[String] {
        &self.shape.sort
    }

    pub fn partition_by(&self) -> Vec<String> {
        self.shape.partition_columns()
    }

    pub fn new_columns(&self) -> NewColumns {
        self.shape.new_columns
    }

    /// Fails if what is there was made for something else. It may have more columns.
    fn agrees_with(&self, wanted: &Shape) -> Result<(), LakeError> {
        let own = &self.shape;
        let detail = if own.partition_columns() != wanted.partition_columns() {
            format!("is partitioned by {}", listed(&own.partition_columns()))
        } else if own.key != wanted.key {
            format!("has the key {}", listed(&own.key))
        } else if own.name.layer == Layer::User && own.sort != wanted.sort {
            format!("is sorted by {}", listed(&own.sort))
        } else if own.name.layer == Layer::User && own.new_columns != wanted.new_columns {
            format!("has the policy {} for new columns", own.new_columns.as_str())
        } else if let Some(detail) = other_column(self.schema()?.as_ref(), wanted) {
            detail
        } else {
            return Ok(());
        };
        Err(LakeError::Differs { table: self.named(), detail })
    }

    /// Every column as of the newest version seen here, those of the partitions among them.
    pub fn schema(&self) -> Result<SchemaRef, LakeError> {
        let newest = self.snapshot();
        let state = newest.snapshot().map_err(|error| self.delta(error))?;
        Ok(state.snapshot().arrow_schema())
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Which of the columns wanted is not there, or is another.
fn other_column(there: &Schema, wanted: &Shape) -> Option<String> {
    let partitions = wanted.partitions.iter();
    wanted.columns.fields().iter().map(AsRef::as_ref).chain(partitions).find_map(|field| {
        let name = field.name();
        let Ok(own) = there.field_with_name(name) else {
            return Some(format!("has no column {name}"));
        };
        if own.data_type() != field.data_type() {
            return Some(format!("has {name} as {}", own.data_type()));
        }
        // Of what a query gives nobody has said it.
        if wanted.name.layer != Layer::User {
            return None;
        }
        let may = if own.is_nullable() { "may" } else { "may not" };
        (own.is_nullable() != field.is_nullable())
            .then(|| format!("has a {name} that {may} be null"))
    })
}
