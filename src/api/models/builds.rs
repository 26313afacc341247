//! `GET /v1/models/{name}/builds`: how the builds of a model went.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        extract::{Params, page, read_place},
        openapi::{Limit, NotFound, Refused, RunCursor, Unavailable},
    },
    Named,
};
use crate::{app::App, models::Outcome, store::KeptBuild};

/// Builds in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

/// A build of a model.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ModelBuild)]
pub(in crate::api) struct BuildView {
    /// In the commit that it made, too.
    run: String,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it was published, or given up.
    ended_at: DateTime<Utc>,
    /// `built`; `unchanged`, where nothing of what is built was to change; or `failed`.
    outcome: &'static str,
    /// From scratch.
    is_whole: bool,
    /// Rows that were not there before.
    #[schema(minimum = 0)]
    inserted: i64,
    /// Rows that have other values now.
    #[schema(minimum = 0)]
    updated: i64,
    /// Rows that were worked out again and are the same.
    #[schema(minimum = 0)]
    unchanged: i64,
    /// Rows that are no longer there.
    #[schema(minimum = 0)]
    removed: i64,
    /// Of the table, afterwards.
    #[schema(minimum = 0)]
    version: i64,
    /// Which version of each table it has read.
    inputs: BTreeMap<String, u64>,
    /// How its tests went, where it got so far.
    tests: Vec<OutcomeView>,
    /// Why it failed.
    #[schema(required)]
    error: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TestOutcome)]
pub(super) struct OutcomeView {
    /// As the model calls it.
    test: String,
    /// `refuse` or `warn`.
    severity: String,
    /// Rows for which it does not hold.
    #[schema(minimum = 0)]
    failures: u64,
    /// One of them.
    #[schema(required)]
    example: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Builds {
    /// Newest first.
    items: Vec<BuildView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// The builds of a model
///
/// Newest first; the last thousand are remembered.
#[utoipa::path(
    get,
    path = "/v1/models/{name}/builds",
    operation_id = "listModelBuilds",
    tag = "models",
    params(
        ("name" = String, Path, description = "Its table.", example = "silver.market_data"),
        RunCursor,
        Limit<MOST, USUAL>,
    ),
    responses(
        (status = 200, description = "A page of builds.", body = Builds, example = json!({
            "items": [{
                "run": "018e1344-1e70-7d2f-9c2a-3a1d0f6f9b11",
                "started_at": "2024-03-06T12:00:35Z",
                "ended_at": "2024-03-06T12:00:35.4Z",
                "outcome": "built",
                "is_whole": false,
                "inserted": 2,
                "updated": 0,
                "unchanged": 4,
                "removed": 0,
                "version": 812,
                "inputs": { "raw_market_data_1m": 20163 },
                "tests": [
                    { "test": "positive", "severity": "refuse", "failures": 0, "example": null },
                ],
                "error": null,
            }],
            "next": null,
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    named: Named,
    mut params: Params,
) -> Result<Json<Builds>, Problem> {
    let before = params.text("cursor").map(|text| read(&text)).transpose()?;
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("cursor, limit")?;
    let name = named.model(&app)?.name.as_str();
    let builds = app.store.builds(Some(name), before.as_deref(), i64::from(limit) + 1).await?;
    let (builds, next) = page(builds, limit, |build| format!("r.{}", build.run));
    Ok(Json(Builds { items: builds.into_iter().map(view).collect(), next }))
}

/// The run before which it goes on.
fn read(cursor: &str) -> Result<String, Problem> {
    read_place(cursor, |kind, run| {
        let run: uuid::Uuid = run.parse().ok()?;
        (kind == "r").then(|| run.to_string())
    })
}

pub(super) fn view(build: KeptBuild) -> BuildView {
    let tests: Vec<Outcome> = serde_json::from_str(&build.tests).unwrap_or_default();
    BuildView {
        run: build.run,
        started_at: build.started_at,
        ended_at: build.ended_at,
        outcome: build.outcome.as_str(),
        is_whole: build.is_whole,
        inserted: build.inserted,
        updated: build.updated,
        unchanged: build.unchanged,
        removed: build.removed,
        version: build.version,
        inputs: build.inputs,
        tests: tests.into_iter().map(outcome).collect(),
        error: build.error,
    }
}

pub(super) fn outcome(outcome: Outcome) -> OutcomeView {
    let Outcome { test, severity, failures, example } = outcome;
    OutcomeView { test, severity, failures, example }
}
