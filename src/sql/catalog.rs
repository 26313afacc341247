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
use crate::lake::{Lake, LakeError, Past, Table};

/// What is there of the lake, as it was at one moment.
#[derive(Debug)]
pub(super) struct Bronze {
    lake: Lake,
    known_at: Option<DateTime<Utc>>,
    versions: BTreeMap<String, u64>,
}

/// How the tables' names may begin.
const PREFIX: &str = "bronze.";

impl Bronze {
    /// Fails if a table is to be read as of a version that it does not have.
    pub(super) async fn of(lake: Lake, question: &Question) -> Result<Self, SqlError> {
        let bare = |name: &String| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        let versions = question.versions.iter().map(|(name, version)| (bare(name), *version));
        let bronze = Self { lake, known_at: question.known_at, versions: versions.collect() };
        for name in bronze.versions.keys() {
            let table = bronze.find(name).ok_or_else(|| SqlError::UnknownTable(name.clone()))?;
            bronze.rows(table).await?;
        }
        Ok(bronze)
    }

    fn find(&self, name: &str) -> Option<&Arc<Table>> {
        self.lake.named(name)
    }

    async fn rows(&self, table: &Table) -> Result<Arc<dyn TableProvider>, LakeError> {
        let version = self.versions.get(table.name()).copied();
        table.rows(Past { known_at: self.known_at, version }).await
    }
}

#[async_trait]
impl SchemaProvider for Bronze {
    fn table_names(&self) -> Vec<String> {
        self.lake.all().map(|table| table.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(table) = self.find(name) else { return Ok(None) };
        let rows = self.rows(table).await;
        rows.map(Some).map_err(|error| DataFusionError::External(Box::new(error)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.find(name).map(|_| TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}
