//! `/v1/tables/{name}`: what a table is made of, and making one.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use deltalake::arrow::datatypes::{Field, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        body::Body,
        caller::Caller,
        extract::{Params, quoted},
        openapi::{Conflicting, NotFound, Refused, Unavailable},
        why::Why,
    },
    Name, Named,
};
use crate::{
    app::App,
    formats::incoming::Kind,
    lake::{Definition, NewColumns, Table, TableName},
    store::AuditEntry,
};

/// A table that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WantedTable {
    /// Every one, those it is partitioned by among them.
    #[schema(min_items = 1, max_items = 500)]
    columns: Vec<WantedColumn>,
    /// Texts or dates. Rows with the same value of each share files: what a merge or an overwrite does
    /// not concern stays untouched.
    #[serde(default)]
    partition_by: Vec<String>,
    /// By which a row is known: a merge replaces the row of the same key. Without a key rows are appended.
    #[serde(default)]
    key: Vec<String>,
    /// In which order files have the rows, so that a reader passes over what it does not want; the key,
    /// if nothing is said.
    #[serde(default)]
    sort_by: Vec<String>,
    /// What becomes of columns that rows bring and the table lacks: `evolve` unless it is said.
    #[serde(default)]
    on_new_columns: NewColumns,
    /// For whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Why,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WantedColumn {
    /// Lower case letters, digits and underscores, a letter first.
    #[schema(pattern = "^[a-z][a-z0-9_]{0,63}$")]
    name: String,
    /// What it holds.
    #[serde(rename = "type")]
    kind: Kind,
    /// Whether a row may lack it. Columns of the key and of partitions may not be lacking, others may
    /// unless it is said.
    nullable: Option<bool>,
}

/// What a table is made of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
        "name": "user.prices",
        "version": 0,
        "columns": [
            { "name": "month", "type": "text", "nullable": false },
            { "name": "asset_pair", "type": "text", "nullable": false },
            { "name": "timestamp", "type": "timestamp", "nullable": false },
            { "name": "fair_value", "type": "float", "nullable": true },
        ],
        "partition_by": ["month"],
        "key": ["asset_pair", "timestamp"],
        "sort_by": ["asset_pair", "timestamp"],
        "on_new_columns": "evolve",
    }))]
pub(in crate::api) struct TableDefinition {
    /// As it is shown.
    name: String,
    /// Of the newest commit that is known here.
    #[schema(minimum = 0)]
    version: u64,
    /// Every one, in their order.
    columns: Vec<TableColumn>,
    /// Files have one value of each.
    partition_by: Vec<String>,
    /// By which a row is known; empty where rows are only added.
    key: Vec<String>,
    /// In which order files have the rows.
    sort_by: Vec<String>,
    /// What becomes of columns that it lacks.
    on_new_columns: NewColumns,
}

#[derive(Debug, Serialize, ToSchema)]
struct TableColumn {
    /// As it is called in SQL.
    name: String,
    /// `text`, `float`, `long`, `int`, `bool`, `timestamp` or `date`, or else as Arrow calls it.
    #[serde(rename = "type")]
    kind: String,
    /// Whether it may be null.
    nullable: bool,
}

/// What a table is made of
///
/// Its columns, key, partitions and order, and what becomes of columns that it lacks.
#[utoipa::path(
    get,
    path = "/v1/tables/{name}",
    operation_id = "showTable",
    tag = "operations",
    params(("name" = String, Path, description = "Of the table.", example = "user.prices")),
    responses(
        (status = 200, description = "The table.", body = TableDefinition),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn show(
    State(_): State<Arc<App>>,
    Named(table): Named,
    params: Params,
) -> Result<Json<TableDefinition>, Problem> {
    params.finish("")?;
    Ok(Json(told(&table)?))
}

/// Make a table of your own
///
/// A Delta table below `user/`, which any engine can read, and `POST /v1/sql`. Asking for what is there
/// already changes nothing; a table that differs is a conflict. It may have got further columns since.
#[utoipa::path(
    put,
    path = "/v1/tables/{name}",
    operation_id = "createTable",
    tag = "operations",
    params(("name" = String, Path, description = "`user.` and the name.", example = "user.prices")),
    request_body(content = WantedTable, example = json!({
        "columns": [
            { "name": "month", "type": "text" },
            { "name": "asset_pair", "type": "text" },
            { "name": "timestamp", "type": "timestamp" },
            { "name": "fair_value", "type": "float" },
        ],
        "partition_by": ["month"],
        "key": ["asset_pair", "timestamp"],
        "on_new_columns": "evolve",
    })),
    responses(
        (status = 200, description = "It is there already.", body = TableDefinition),
        (status = 201, description = "It was made.", body = TableDefinition),
        Refused,
        Conflicting,
        Unavailable,
    )
)]
pub(in crate::api) async fn create(
    State(app): State<Arc<App>>,
    name: Name,
    Caller(by): Caller,
    params: Params,
    Body(wanted): Body<WantedTable>,
) -> Result<(StatusCode, Json<TableDefinition>), Problem> {
    params.finish("")?;
    let definition = wanted.definition(name.own()?)?;
    let is_new = app.lake.find(&definition.name).await?.is_none();
    if is_new {
        let detail = json!({ "reason": wanted.reason.said() });
        let (at, target) = (app.clock.now(), definition.name.as_str());
        app.store.note(&AuditEntry::new(at, &by, "table.create", &target, detail)).await?;
    }
    let table = app.lake.managed(&definition).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(told(&table)?)))
}

impl WantedTable {
    fn definition(&self, name: TableName) -> Result<Definition, Problem> {
        let fields = self.columns.iter().map(|column| self.field(column));
        let fields = fields.collect::<Result<Vec<Field>, _>>()?;
        Ok(Definition {
            name,
            columns: Arc::new(Schema::new(fields)),
            partition_by: self.partition_by.clone(),
            key: self.key.clone(),
            sort: self.sort_by.clone(),
            new_columns: self.on_new_columns,
        })
    }

    fn field(&self, column: &WantedColumn) -> Result<Field, Problem> {
        let is_needed = self.key.contains(&column.name) || self.partition_by.contains(&column.name);
        if is_needed && column.nullable == Some(true) {
            let detail = format!("{} is needed of every row", quoted(&column.name));
            let fix =
                "leave nullable out: a column of the key or of partitions has a value everywhere";
            return Err(Problem::invalid("columns", detail, fix));
        }
        let is_nullable = column.nullable.unwrap_or(!is_needed);
        Ok(Field::new(&column.name, column.kind.arrow(), is_nullable))
    }
}

fn told(table: &Table) -> Result<TableDefinition, Problem> {
    let schema = table.schema()?;
    let column = |field: &Arc<Field>| TableColumn {
        name: field.name().clone(),
        kind: match Kind::of(field.data_type()) {
            Some(kind) => kind.as_str().to_owned(),
            None => field.data_type().to_string(),
        },
        nullable: field.is_nullable(),
    };
    Ok(TableDefinition {
        name: table.name().to_owned(),
        version: table.version(),
        columns: schema.fields().iter().map(column).collect(),
        partition_by: table.partition_by(),
        key: table.key().to_vec(),
        sort_by: table.sort().to_vec(),
        on_new_columns: table.new_columns(),
    })
}
