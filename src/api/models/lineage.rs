//! `GET /v1/lineage/{name}`: what a table was made of, version by version, and what is made of it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::{
    Problem,
    extract::{Params, name_in_path, quoted},
    openapi::{NotFound, Refused, Unavailable},
};
use crate::{app::App, lake::TableName};

/// Where a table comes from, and where it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Lineage {
    /// Whose lineage.
    table: String,
    /// Of the newest commit. Null while it has not been built.
    #[schema(required, minimum = 0)]
    version: Option<u64>,
    /// Everything it is made of, in the order in which that is built; the sources first.
    upstream: Vec<Step>,
    /// Everything that is made of it.
    downstream: Vec<String>,
    /// The versions that were built, newest first, and of what.
    versions: Vec<VersionView>,
    /// How a row is traced to the answer that it came with.
    rows: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LineageStep)]
struct Step {
    /// A table, or `bronze.candles`: all tables of candles as one.
    table: String,
    /// What it reads itself; nothing, if it is a source.
    reads: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LineageVersion)]
struct VersionView {
    /// Of the table.
    #[schema(minimum = 0)]
    version: i64,
    /// The run that made it, also in the metadata of the commit.
    run: String,
    /// When it was published.
    built_at: chrono::DateTime<chrono::Utc>,
    /// Which version of each table it was made of.
    inputs: BTreeMap<String, u64>,
}

/// The table named in a path, whether it is built already or not.
pub(in crate::api) struct Asked(TableName);

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let text = name_in_path(parts, app, "name", FIX).await?;
        let unknown = || Problem::not_found(&format!("table {}", quoted(&text)), FIX);
        let name: TableName = text.parse().map_err(|_| unknown())?;
        let is_known =
            app.lake.named(name.as_str()).is_some() || app.models.named(name.as_str()).is_ok();
        is_known.then_some(Self(name)).ok_or_else(unknown)
    }
}

const FIX: &str = "GET /v1/tables and GET /v1/models list what there is";
/// Versions in one answer.
const VERSIONS: i64 = 100;
const ROWS: &str = "_ingestion_id in bronze names the run that landed a row, in the log and in \
    GET /v1/tables/{name}/history; rows of silver carry their key, source_provider and revision";

/// What a table is made of
///
/// The tables it is built from, back to the sources; what is built from it; and for each version that
/// was built the versions of its inputs.
#[utoipa::path(
    get,
    path = "/v1/lineage/{name}",
    operation_id = "showLineage",
    tag = "models",
    params(("name" = String, Path, description = "A table.", example = "silver.market_regime")),
    responses(
        (status = 200, description = "Its lineage.", body = Lineage, example = json!({
            "table": "silver.market_data",
            "version": 812,
            "upstream": [{ "table": "bronze.candles", "reads": [] }],
            "downstream": ["silver.market_data_enriched", "silver.market_regime"],
            "versions": [{
                "version": 812,
                "run": "018e1344-1e70-7d2f-9c2a-3a1d0f6f9b11",
                "built_at": "2024-03-06T12:00:35Z",
                "inputs": { "raw_market_data_1m": 20163 },
            }],
            "rows": "_ingestion_id in bronze names the run that landed a row",
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
    Asked(name): Asked,
    params: Params,
) -> Result<Json<Lineage>, Problem> {
    params.finish("")?;
    let name = name.as_str();
    let builds = app.store.builds(Some(name), None, VERSIONS).await?;
    let built =
        builds.into_iter().filter(|build| build.outcome == crate::store::BuildOutcome::Built);
    let step = |table: String| {
        let reads = app.models.reads(&table);
        Step { table, reads }
    };
    Ok(Json(Lineage {
        table: name.to_owned(),
        version: app.lake.named(name).map(|table| table.version()),
        upstream: app.models.upstream(name).into_iter().map(step).collect(),
        downstream: app.models.downstream(name),
        versions: built
            .map(|build| VersionView {
                version: build.version,
                run: build.run,
                built_at: build.ended_at,
                inputs: build.inputs,
            })
            .collect(),
        rows: ROWS,
    }))
}
