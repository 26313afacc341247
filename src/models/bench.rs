//! Where a model is worked at: a session in which its inputs have their names.

use std::sync::Arc;

use deltalake::{
    arrow::{
        array::RecordBatch,
        datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    },
    datafusion::{
        catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, TableProvider},
        datasource::MemTable,
        error::DataFusionError,
        physical_plan::common::collect,
        prelude::SessionContext,
    },
};

use super::{Model, ModelError, source::Source};

/// The inputs as they are, by their full names; under these names in a query is what is needed of them.
pub(super) const WHOLE: &str = "whole";
const CATALOG: &str = "barkeep";
const SCHEMAS: [&str; 6] = ["bronze", "silver", "gold", "user", "system", WHOLE];

/// A session for one part of one build.
pub(super) struct Bench<'a> {
    pub(super) model: &'a Model,
    pub(super) context: SessionContext,
}

impl<'a> Bench<'a> {
    /// With every input as a whole.
    pub(super) async fn new(
        model: &'a Model,
        context: SessionContext,
        sources: &[Source<'_>],
    ) -> Result<Self, ModelError> {
        let bench = Self { model, context };
        let catalog = MemoryCatalogProvider::new();
        for schema in SCHEMAS {
            let schema_of = Arc::new(MemorySchemaProvider::new());
            catalog.register_schema(schema, schema_of).map_err(|error| bench.failed(error))?;
        }
        bench.context.register_catalog(CATALOG, Arc::new(catalog));
        for source in sources {
            let mut rows = source.rows(&bench.context).await?;
            if let Some(condition) = model.only.get(&source.name) {
                rows = bench.those(rows, condition)?;
            }
            bench.name(&whole(&source.name), rows)?;
        }
        Ok(bench)
    }

    pub(super) fn failed(&self, because: DataFusionError) -> ModelError {
        ModelError::Query { model: self.model.name.to_string(), because: Box::new(because) }
    }

    /// The rows for which a condition holds.
    fn those(
        &self,
        rows: Arc<dyn TableProvider>,
        condition: &str,
    ) -> Result<Arc<dyn TableProvider>, ModelError> {
        let rows = self.context.read_table(rows).map_err(|error| self.failed(error))?;
        let holds = rows.parse_sql_expr(condition).map_err(|error| self.failed(error))?;
        Ok(rows.filter(holds).map_err(|error| self.failed(error))?.into_view())
    }

    /// Gives rows a name.
    pub(super) fn name(&self, name: &str, rows: Arc<dyn TableProvider>) -> Result<(), ModelError> {
        self.context.deregister_table(name).map_err(|error| self.failed(error))?;
        self.context.register_table(name, rows).map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// Gives rows a name that are in memory.
    pub(super) fn keep(
        &self,
        name: &str,
        schema: &SchemaRef,
        rows: Vec<RecordBatch>,
    ) -> Result<(), ModelError> {
        let rows = MemTable::try_new(schema.clone(), vec![rows]);
        self.name(name, Arc::new(rows.map_err(|error| self.failed(error))?))
    }

    /// Lets an input be in the query what `sql` selects.
    pub(super) async fn select(&self, name: &str, sql: &str) -> Result<(), ModelError> {
        let rows = self.context.sql(sql).await.map_err(|error| self.failed(error))?;
        self.name(name, rows.into_view())
    }

    /// Lets inputs be in the query what they are as a whole.
    pub(super) async fn offer(&self, names: &[String]) -> Result<(), ModelError> {
        for name in names {
            self.select(name, &format!("select * from {}", whole(name))).await?;
        }
        Ok(())
    }

    /// What a query gives, and its columns also where that is nothing.
    pub(super) async fn ask(&self, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>), ModelError> {
        let rows = self.context.sql(sql).await.map_err(|error| self.failed(error))?;
        // Of what is planned, not of what was asked: the types of both may differ.
        let stream = rows.execute_stream().await.map_err(|error| self.failed(error))?;
        let schema = stream.schema();
        let batches = collect(stream).await.map_err(|error| self.failed(error))?;
        Ok((schema, batches))
    }
}

/// What an input is called as a whole.
pub(super) fn whole(name: &str) -> String {
    format!("{WHOLE}.\"{name}\"")
}

/// The columns as a table keeps them: of the types that every reader of Delta knows, and null only where
/// they are not of the key.
pub(super) fn settled(schema: &Schema, key: &[String]) -> SchemaRef {
    let settle = |field: &Arc<Field>| {
        let kind = match field.data_type() {
            DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
            DataType::Dictionary(_, values) => values.as_ref().clone(),
            DataType::Timestamp(..) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
            }
            DataType::UInt64 | DataType::UInt32 => DataType::Int64,
            DataType::UInt16 | DataType::UInt8 | DataType::Int16 | DataType::Int8 => {
                DataType::Int32
            }
            DataType::Float32 => DataType::Float64,
            kind => kind.clone(),
        };
        let kind = if kind == DataType::Utf8View { DataType::Utf8 } else { kind };
        Field::new(field.name(), kind, !key.contains(field.name()))
    };
    Arc::new(Schema::new(schema.fields().iter().map(settle).collect::<Vec<_>>()))
}
