//! `POST /v1/backfills:plan`: what a backfill would do, before anything is done.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    super::{
        Problem,
        body::Body,
        extract::{Params, quoted},
        openapi::{Refused, Unavailable},
    },
    body::{Spec, request},
};
use crate::{
    app::App,
    backfill::{self, Plan, ProviderShare, Request},
    market::{ProviderId, Series, Window},
    store::KeptPlan,
};

/// How long a plan may be applied.
const GOOD_FOR: TimeDelta = TimeDelta::hours(1);

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "plan_id": "pl_018e13f6a1c07f3e8a54b1c2d3e4f506",
    "expires_at": "2024-03-06T13:00:30Z",
    "start": "2024-01-01T00:00:00Z",
    "end": "2024-02-01T00:00:00Z",
    "units": [{
        "series": "coinbase/BTCUSD/1h", "start": "2024-01-01T00:00:00Z",
        "end": "2024-02-01T00:00:00Z", "chunks": 3, "candles_wanted": 744,
        "candles_final_skipped": 0, "requests": 3,
    }],
    "providers": [{
        "provider": "coinbase", "requests": 3, "shares": [{ "limit": "10/s", "share": 0.3 }],
        "eta_seconds": 0,
    }],
    "chunks": 3, "requests": 3, "candles_expected": 744, "candles_skipped": 0, "eta_seconds": 0,
    "conflicts": [],
}))]
pub(in crate::api) struct PlanView {
    /// Give it to `POST /v1/backfills` to have exactly this done.
    plan_id: String,
    /// It cannot be applied later.
    expires_at: DateTime<Utc>,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    /// By series; those that others are derived from are among them.
    units: Vec<UnitView>,
    /// By provider.
    providers: Vec<ShareView>,
    /// Pieces of work.
    #[schema(minimum = 0)]
    chunks: usize,
    /// That have to be sent.
    #[schema(minimum = 0)]
    requests: i64,
    /// At most so many candles land.
    #[schema(minimum = 0)]
    candles_expected: i64,
    /// They have landed before and are left alone.
    #[schema(minimum = 0)]
    candles_skipped: i64,
    /// If nothing else is asked of the providers; null where no limit tells.
    #[schema(required, minimum = 0)]
    eta_seconds: Option<i64>,
    /// History that other backfills have in work: as long as there is any, this plan is refused.
    conflicts: Vec<ConflictView>,
}

/// One series of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct UnitView {
    series: Series,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    /// Pieces of work.
    #[schema(minimum = 0)]
    chunks: usize,
    /// That are asked for.
    #[schema(minimum = 0)]
    candles_wanted: i64,
    /// In the lake already, and left alone.
    #[schema(minimum = 0)]
    candles_final_skipped: i64,
    /// None for candles that are derived.
    #[schema(minimum = 0)]
    requests: i64,
}

/// What a plan takes of a provider's limits.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ShareView {
    provider: ProviderId,
    /// That have to be sent.
    #[schema(minimum = 0)]
    requests: i64,
    /// By limit.
    shares: Vec<LimitShare>,
    /// If nothing else is asked of it; null where no limit tells.
    #[schema(required, minimum = 0)]
    eta_seconds: Option<i64>,
}

/// How much of one limit.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct LimitShare {
    /// Requests per time, as in the settings.
    limit: String,
    /// In so many times the span of the limit are all requests made.
    #[schema(minimum = 0)]
    share: f64,
}

/// Another backfill has the same history in work.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ConflictView {
    /// Its name.
    backfill_id: String,
    series: Series,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

/// See what a backfill would do
///
/// The same planner that creates it, at this moment: what has landed is left out, requests are counted.
/// Nothing is asked of anybody.
#[utoipa::path(
    post,
    path = "/v1/backfills:plan",
    operation_id = "planBackfill",
    tag = "backfills",
    request_body(content = Spec, example = json!({ "assets": ["BTCUSD"], "timeframes": ["1h"], "days": 7 })),
    responses(
        (status = 200, description = "The plan.", body = PlanView),
        Refused,
        Unavailable,
    )
)]
pub(in crate::api) async fn plan(
    State(app): State<Arc<App>>,
    params: Params,
    Body(spec): Body<Spec>,
) -> Result<Json<PlanView>, Problem> {
    params.finish("")?;
    if spec.plan_id.is_some() {
        let fix = "leave it out here, and give it to POST /v1/backfills";
        return Err(Problem::invalid("plan_id", "a plan is not planned again", fix));
    }
    let request = request(&app, &spec)?;
    let plan = backfill::plan(&app, &request).await?;
    let now = app.clock.now();
    let kept = KeptPlan {
        id: format!("pl_{}", Uuid::now_v7().simple()),
        request: serde_json::to_string(&request).unwrap_or_default(),
        hash: plan.hash(&request),
        expires_at: now + GOOD_FOR,
    };
    app.store.keep_plan(&kept, now).await?;
    Ok(Json(view(kept, &request, plan)))
}

/// The request of a plan that was told before, and what it came to then.
pub(super) async fn told(app: &App, spec: &Spec, id: &str) -> Result<(Request, String), Problem> {
    if spec.says_more_than_a_plan() {
        let fix = "give either plan_id, or what is wanted";
        return Err(Problem::invalid("plan_id", "the plan says already what is wanted", fix));
    }
    let kept = app.store.plan(id).await?.filter(|plan| plan.expires_at > app.clock.now());
    let read = kept.and_then(|kept| Some((serde_json::from_str(&kept.request).ok()?, kept.hash)));
    read.ok_or_else(|| {
        let what = format!("plan {} (any more)", quoted(id));
        Problem::not_found(&what, "POST /v1/backfills:plan makes a new one")
    })
}

fn view(kept: KeptPlan, request: &Request, plan: Plan) -> PlanView {
    let Window { start, end } = request.window();
    let units: Vec<UnitView> = plan
        .units
        .iter()
        .filter(|unit| !unit.window.is_empty())
        .map(|unit| UnitView {
            series: unit.series.clone(),
            start: unit.window.start,
            end: unit.window.end,
            chunks: unit.chunks,
            candles_wanted: unit.candles_wanted,
            candles_final_skipped: unit.candles_skipped,
            requests: unit.requests,
        })
        .collect();
    let conflict = |one: backfill::Conflict| ConflictView {
        backfill_id: one.backfill_id,
        series: one.series,
        start: one.window.start,
        end: one.window.end,
    };
    let etas: Option<Vec<TimeDelta>> = plan.providers.iter().map(ProviderShare::eta).collect();
    PlanView {
        plan_id: kept.id,
        expires_at: kept.expires_at,
        start,
        end,
        chunks: plan.chunks.len(),
        requests: plan.requests(),
        candles_expected: units.iter().map(|unit| unit.candles_wanted).sum(),
        candles_skipped: units.iter().map(|unit| unit.candles_final_skipped).sum(),
        eta_seconds: etas.map(|all| all.into_iter().max().unwrap_or_default().num_seconds()),
        units,
        providers: plan.providers.iter().map(share).collect(),
        conflicts: plan.conflicts.into_iter().map(conflict).collect(),
    }
}

fn share(of: &ProviderShare) -> ShareView {
    let limit = |limit: &crate::config::Limit| LimitShare {
        limit: limit.to_string(),
        share: of.requests as f64 / f64::from(limit.requests.get()),
    };
    ShareView {
        provider: of.provider.clone(),
        requests: of.requests,
        shares: of.limits.iter().map(limit).collect(),
        eta_seconds: of.eta().map(|eta| eta.num_seconds()),
    }
}
