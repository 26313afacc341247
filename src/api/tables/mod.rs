//! `/v1/tables`: what the lake is made of, what it takes, and what was done to keep it small.

pub(super) mod commands;
pub(super) mod definition;
pub(super) mod history;
pub(super) mod rows;
pub(super) mod upload;

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, name_in_path, quoted, unreadable},
    openapi::{Refused, Unavailable},
    series::List,
};
use crate::{
    app::App,
    lake::{Layer, Table, TableName},
    store::KeptUpkeep,
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Table)]
pub(super) struct TableView {
    /// As in the lake's folder.
    name: String,
    /// Where the Delta table is; relative to where the daemon was started, if `lake.path` is.
    path: String,
    /// Of the newest commit that is known here.
    #[schema(minimum = 0)]
    version: u64,
    /// The oldest version that `table_version` of `GET /v1/candles` can still ask for.
    #[schema(minimum = 0)]
    oldest_version: u64,
    /// Data files of the newest version.
    #[schema(minimum = 0)]
    files: u64,
    /// What they take.
    #[schema(minimum = 0)]
    bytes: u64,
    /// Rows in them, revisions among them; null if a file of a stranger does not say.
    #[schema(required)]
    rows: Option<u64>,
    /// The last time it was maintained to the end; null if it never was.
    #[schema(required)]
    maintenance: Option<MaintenanceView>,
}

/// What a pass over a table has done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Maintenance)]
struct MaintenanceView {
    /// When it ended.
    at: DateTime<Utc>,
    /// The replica that did it.
    replica: String,
    /// How long it took.
    seconds: f64,
    /// Data files on the disk before, also those of older versions and of nobody.
    #[schema(minimum = 0)]
    files_before: i64,
    /// What they took.
    #[schema(minimum = 0)]
    bytes_before: i64,
    /// Those that nobody needed any more.
    #[schema(minimum = 0)]
    files_removed: i64,
    /// What they took.
    #[schema(minimum = 0)]
    bytes_removed: i64,
    /// Entries removed from the log because of their age.
    #[schema(minimum = 0)]
    entries_removed: i64,
}

/// The table named in a path.
pub(super) struct Named(Arc<Table>);

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Self::find(app, &name_in_path(parts, app, "name", FIX).await?).await
    }
}

impl Named {
    /// Also one that another replica has created.
    pub(super) async fn find(app: &App, name: &str) -> Result<Self, Problem> {
        let unknown = || Problem::not_found(&format!("table {}", quoted(name)), FIX);
        let parsed = name.parse().map_err(|_| unknown())?;
        app.lake.find(&parsed).await?.map(Self).ok_or_else(unknown)
    }
}

/// The name in a path of a table that may not be there yet.
pub(super) struct Name(String);

impl FromRequestParts<Arc<App>> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        name_in_path(parts, app, "name", FIX).await.map(Self)
    }
}

impl Name {
    /// Fails unless it is of a table that is for the users to make and to write to.
    fn own(&self) -> Result<TableName, Problem> {
        let name: TableName = self.0.parse().map_err(|error| unreadable("name", &error))?;
        if name.layer == Layer::User {
            return Ok(name);
        }
        let detail = format!("{name} is Barkeep's own, which nobody else creates or writes to");
        Err(Problem::invalid("name", detail, "write a name like user.prices"))
    }
}

const FIX: &str = "GET /v1/tables lists the tables";

/// The tables of the lake
///
/// How large each is, how far back it can be read, and what its last maintenance did.
#[utoipa::path(
    get,
    path = "/v1/tables",
    operation_id = "listTables",
    tag = "operations",
    responses(
        (status = 200, description = "Tables.", body = List<TableView>, example = json!({
            "items": [{
                "name": "raw_market_data_1m",
                "path": "data/lake/bronze/raw_market_data_1m",
                "version": 20_163,
                "oldest_version": 10_079,
                "files": 27,
                "bytes": 14_680_064,
                "rows": 1_684_800,
                "maintenance": {
                    "at": "2024-03-06T00:00:04.25Z",
                    "replica": "bars-1",
                    "seconds": 3.812,
                    "files_before": 11_204,
                    "bytes_before": 61_865_984,
                    "files_removed": 1437,
                    "bytes_removed": 6_029_312,
                    "entries_removed": 1440,
                },
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<List<TableView>>, Problem> {
    params.finish("")?;
    let maintained = app.store.upkeep().await?;
    let mut items = Vec::new();
    for table in app.lake.all() {
        let last = maintained.iter().find(|done| done.table == table.name());
        items.push(view(&table, last).await?);
    }
    Ok(Json(List { items }))
}

async fn view(table: &Table, last: Option<&KeptUpkeep>) -> Result<TableView, Problem> {
    let size = table.size()?;
    Ok(TableView {
        name: table.name().to_owned(),
        path: table.place(),
        version: size.version,
        oldest_version: table.oldest_version().await?,
        files: size.live.files,
        bytes: size.live.bytes,
        rows: size.rows,
        maintenance: last.map(maintenance),
    })
}

fn maintenance(done: &KeptUpkeep) -> MaintenanceView {
    MaintenanceView {
        at: done.succeeded_at,
        replica: done.replica.clone(),
        seconds: done.millis as f64 / 1_000.0,
        files_before: done.files_before,
        bytes_before: done.bytes_before,
        files_removed: done.files_removed,
        bytes_removed: done.bytes_removed,
        entries_removed: done.entries_removed,
    }
}
