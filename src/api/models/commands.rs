//! `POST /v1/models/{name}/build` and `/test`: what happens by itself, done now.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        body::Body,
        caller::Caller,
        extract::Params,
        failed,
        openapi::{NotFound, Refused, Unavailable},
        why::{Stated, Why},
    },
    Named,
    builds::{self, BuildView, OutcomeView},
};
use crate::{app::App, store::AuditEntry};

/// How much to build, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Build {
    /// All of it, from nothing but what it reads; it is published at once.
    #[serde(default)]
    from_scratch: bool,
    /// For whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Why,
}

/// How the tests of a model go on its table as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Tested {
    /// Whose tests.
    model: String,
    /// None that refuses fails.
    is_sound: bool,
    /// In the order of the model.
    tests: Vec<OutcomeView>,
}

/// Build a model now
///
/// What has changed since its last build, or everything. Models are built by themselves a few seconds
/// after something they read has changed. It goes on if the answer is not waited for.
#[utoipa::path(
    post,
    path = "/v1/models/{name}/build",
    operation_id = "buildModel",
    tag = "models",
    params(("name" = String, Path, description = "Its table.", example = "silver.market_data")),
    request_body(content = Build, example = json!({ "from_scratch": true, "reason": "to be sure" })),
    responses(
        (status = 200, description = "It is built.", body = BuildView, example = json!({
            "run": "018e1344-1e70-7d2f-9c2a-3a1d0f6f9b11",
            "started_at": "2024-03-06T12:00:35Z",
            "ended_at": "2024-03-06T12:00:38.1Z",
            "outcome": "built",
            "is_whole": true,
            "inserted": 86_400,
            "updated": 0,
            "unchanged": 0,
            "removed": 86_398,
            "version": 813,
            "inputs": { "raw_market_data_1m": 20163 },
            "tests": [],
            "error": null,
        })),
        (
            status = 409,
            description = "Models are being built already, or a test refuses what was built.",
            body = Problem,
            content_type = Problem::MEDIA_TYPE,
            example = json!({
                "type": "about:blank",
                "title": "Conflict",
                "status": 409,
                "code": "not_built",
                "detail": "silver.market_data: 1 of the rows built fail the test positive: low=0",
                "fix": "nothing was published; see to the rows it names, or to the model's text",
            })
        ),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn build(
    State(app): State<Arc<App>>,
    named: Named,
    Caller(by): Caller,
    params: Params,
    Body(asked): Body<Build>,
) -> Result<Json<BuildView>, Problem> {
    params.finish("")?;
    let name = named.model(&app)?.name.to_string();
    let Build { from_scratch, reason } = asked;
    let detail = json!({ "from_scratch": from_scratch, "reason": reason });
    let entry = AuditEntry::new(app.clock.now(), &by, "model.build", &name, detail);
    app.store.note(&entry).await?;
    let models = app.models.clone();
    let built = async move { models.build_now(&name, from_scratch).await };
    let built = app.lifecycle.see_through(tokio::spawn(built)).await;
    let built = built.and_then(Result::ok).ok_or_else(failed)??;
    Ok(Json(builds::view(built)))
}

/// Test a model
///
/// Runs its tests on every row of its table as it is, also those that were built before a test was
/// written.
#[utoipa::path(
    post,
    path = "/v1/models/{name}/test",
    operation_id = "testModel",
    tag = "models",
    params(("name" = String, Path, description = "Its table.", example = "silver.market_data")),
    request_body(content = Stated, example = json!({ "reason": "a test was added" })),
    responses(
        (status = 200, description = "How they went.", body = Tested, example = json!({
            "model": "silver.market_data",
            "is_sound": true,
            "tests": [
                { "test": "positive", "severity": "refuse", "failures": 0, "example": null },
            ],
        })),
        (
            status = 409,
            description = "A test cannot be run on what the table is made of by now.",
            body = Problem,
            content_type = Problem::MEDIA_TYPE,
            example = json!({
                "type": "about:blank",
                "title": "Conflict",
                "status": 409,
                "code": "not_built",
                "detail": "silver.tops: No field named highest",
                "fix": "nothing was published; see to the rows it names, or to the model's text",
            })
        ),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn test(
    State(app): State<Arc<App>>,
    named: Named,
    Caller(by): Caller,
    params: Params,
    Body(asked): Body<Stated>,
) -> Result<Json<Tested>, Problem> {
    params.finish("")?;
    let model = named.model(&app)?;
    let detail = json!({ "reason": asked.reason });
    let entry = AuditEntry::new(app.clock.now(), &by, "model.test", &model.name, detail);
    app.store.note(&entry).await?;
    let outcomes = app.models.test_now(model.name.as_str()).await?;
    let is_refused = |one: &crate::models::Outcome| one.failures > 0 && one.severity == "refuse";
    Ok(Json(Tested {
        model: model.name.to_string(),
        is_sound: !outcomes.iter().any(is_refused),
        tests: outcomes.into_iter().map(builds::outcome).collect(),
    }))
}
