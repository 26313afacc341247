//! The tables of the lake as SQL names them.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deltalake::datafusion::{
    catalog::{SchemaProvider, TableProvider},
    error::DataFusionError,
    logical_expr::TableType,
};

use super::{Question, SqlError};
use crate::lake::{Lake, Layer, Past, Table, TableName};

/// What is there of the lake, as it was at one moment.
#[derive(Debug)]
pub(super) struct Moment {
    lake: Lake,
    known_at: Option<DateTime<Utc>>,
    /// By the names of the tables, as they are shown.
    versions: BTreeMap<String, u64>,
}

impl Moment {
    /// Fails if a table is to be read as of a version that it does not have.
    pub(super) async fn of(lake: Lake, question: &Question) -> Result<Arc<Self>, SqlError> {
        let mut versions = BTreeMap::new();
        for (name, version) in &question.versions {
            let table = lake.named(name).ok_or_else(|| SqlError::UnknownTable(name.clone()))?;
            table.rows(Past { known_at: None, version: Some(*version) }).await?;
            versions.insert(table.name().to_owned(), *version);
        }
        Ok(Arc::new(Self { lake, known_at: question.known_at, versions }))
    }

    /// Only rows of bronze say when they were received.
    async fn rows(&self, table: &Table) -> Result<Arc<dyn TableProvider>, SqlError> {
        let version = self.versions.get(table.name()).copied();
        if self.known_at.is_some() && version.is_none() && table.layer() != Layer::Bronze {
            return Err(SqlError::BuiltSince(table.name().to_owned()));
        }
        let known_at = self.known_at.filter(|_| table.layer() == Layer::Bronze);
        Ok(table.rows(Past { known_at, version }).await?)
    }
}

/// The tables of one layer.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) moment: Arc<Moment>,
    pub(super) layer: Layer,
}

impl Tables {
    fn all(&self) -> impl Iterator<Item = Arc<Table>> {
        self.moment.lake.all().into_iter().filter(|table| table.layer() == self.layer)
    }

    fn find(&self, name: &str) -> Option<Arc<Table>> {
        self.moment.lake.named(TableName::new(self.layer, name).ok()?.as_str())
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.all().map(|table| table.bare_name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(table) = self.find(name) else { return Ok(None) };
        let rows = self.moment.rows(&table).await;
        rows.map(Some).map_err(|error| DataFusionError::External(Box::new(error)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.find(name).map(|_| TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}
