//! `GET /v1/findings`: candles on which two accounts differ.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, quoted},
    openapi::{self, Limit, Refused, Unavailable},
    series::List,
};
use crate::{
    app::App,
    market::Series,
    quality::{Check, Finding},
    store::FindingFilter,
};

/// Findings in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingView {
    check: Check,
    /// The account that is preferred.
    series: Series,
    /// The one it was compared with.
    other: Series,
    open_time: DateTime<Utc>,
    /// The price that differs most, or the volume where only that differs.
    field: &'static str,
    /// By so many hundredths of a percent.
    bps: f64,
    found_at: DateTime<Utc>,
}

/// Where two accounts of a candle differ
///
/// By more than `[reconcile]` tolerates; the newest first. Nothing is corrected by itself.
#[utoipa::path(
    get,
    path = "/v1/findings",
    operation_id = "listFindings",
    tag = "quality",
    params(openapi::FindingFilter, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "Findings.", body = List<FindingView>, example = json!({
            "items": [{
                "check": "provider_divergence",
                "series": "coinbase/BTCUSD/1d",
                "other": "alpha_vantage/BTCUSD/1d",
                "open_time": "2024-03-05T00:00:00Z",
                "field": "close",
                "bps": 42.5,
                "found_at": "2024-03-06T00:05:00Z",
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<FindingView>>, Problem> {
    let filter = FindingFilter {
        check: params.text("check").map(|name| check(&name)).transpose()?,
        asset: params.get("asset")?,
    };
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("check, asset, limit")?;
    let items = app.store.findings(&filter, limit).await?.into_iter().map(view).collect();
    Ok(Json(List { items }))
}

fn check(name: &str) -> Result<Check, Problem> {
    let known = Check::ALL.into_iter().find(|check| check.as_str() == name);
    known.ok_or_else(|| {
        let names = Check::ALL.map(Check::as_str).join(" or ");
        let detail = format!("check {} is not known", quoted(name));
        Problem::invalid("check", detail, &format!("write {names}"))
    })
}

fn view(finding: Finding) -> FindingView {
    let Finding { check, series, other, open_time, divergence, found_at } = finding;
    let (field, bps) = (divergence.field, divergence.bps);
    FindingView { check, series, other, open_time, field, bps, found_at }
}
