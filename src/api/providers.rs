//! `GET /v1/providers`: who is asked, how well they are, and what is left of each quota.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, extract::Params, openapi::Refused, series::List};
use crate::{
    app::App,
    config::Limit,
    market::ProviderId,
    providers::{BudgetState, Circuit, Provider},
};

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum ProviderView {
    /// One that is asked.
    Asked {
        provider: ProviderId,
        circuit: Circuit,
        /// All of them hold.
        limits: Vec<LimitView>,
        /// 1 when the full rate is used; less after the provider asked to slow down.
        pace: f64,
        /// No request is sent before.
        #[schema(required)]
        paused_until: Option<DateTime<Utc>>,
        /// How far its clock is ahead of ours; null before any answer.
        #[schema(required)]
        clock_skew_seconds: Option<f64>,
        /// Series that are always kept from here.
        series: usize,
    },
    /// Passed over, because a setting is missing.
    Lacking {
        provider: ProviderId,
        /// The setting.
        needs: String,
    },
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LimitView {
    /// Requests per time, as in the settings.
    limit: String,
    /// How many of them are used at present.
    used: u32,
}

/// Who is asked
///
/// How well each provider is, and what is left of its quotas.
#[utoipa::path(
    get,
    path = "/v1/providers",
    operation_id = "listProviders",
    tag = "providers",
    responses(
        (status = 200, description = "Every provider.", body = List<ProviderView>, example = json!({
            "items": [
                {
                    "provider": "coinbase",
                    "circuit": "closed",
                    "limits": [{ "limit": "10/s", "used": 2 }],
                    "pace": 1.0,
                    "paused_until": null,
                    "clock_skew_seconds": 0.12,
                    "series": 12,
                },
                { "provider": "oanda", "needs": "providers.oanda.token" },
            ],
        })),
        Refused,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<List<ProviderView>>, Problem> {
    params.finish("")?;
    let asked = app.providers.iter().map(|provider| asked(&app, provider.as_ref()));
    let lacking = app.providers.lacking().map(|(provider, setting)| ProviderView::Lacking {
        provider: provider.clone(),
        needs: format!("providers.{provider}.{setting}"),
    });
    Ok(Json(List { items: asked.chain(lacking).collect() }))
}

fn asked(app: &App, provider: &dyn Provider) -> ProviderView {
    let client = provider.client();
    let BudgetState { limits, pace, paused_until } = client.budget();
    let skew = client.skew();
    ProviderView::Asked {
        provider: provider.id().clone(),
        circuit: client.circuit(),
        limits: limits.into_iter().map(limit_view).collect(),
        pace,
        paused_until,
        clock_skew_seconds: skew.map(|skew| skew.num_milliseconds() as f64 / 1_000.0),
        series: app.roster().live().filter(|series| series.provider == *provider.id()).count(),
    }
}

fn limit_view((limit, used): (Limit, u32)) -> LimitView {
    LimitView { limit: limit.to_string(), used }
}
