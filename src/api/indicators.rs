//! `GET /v1/macro`: macroeconomic indicators, the newest revision of each period.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::Params,
    openapi::{IndicatorFilter, Limit, Refused, Unavailable},
    series::List,
};
use crate::{
    app::App,
    lake::LandedObservation,
    market::{Indicator, Observation},
};

/// Observations in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ObservationView {
    indicator: Indicator,
    /// `monthly`, `quarterly` or `annual`.
    interval: &'static str,
    /// When the period begins.
    period: DateTime<Utc>,
    /// In `unit`.
    value: f64,
    /// As the provider writes it.
    unit: String,
    /// 0 if the provider never changed it after it landed.
    revision: i32,
    /// When this revision was received.
    extracted_at: DateTime<Utc>,
    /// Of a simulated provider.
    is_mock: bool,
}

/// Macroeconomic indicators
///
/// The newest revision of each period, the newest period first.
#[utoipa::path(
    get,
    path = "/v1/macro",
    operation_id = "listIndicators",
    tag = "feeds",
    params(IndicatorFilter, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "Observations.", body = List<ObservationView>, example = json!({
            "items": [{
                "indicator": "CPI",
                "interval": "monthly",
                "period": "2024-02-01T00:00:00Z",
                "value": 310.326,
                "unit": "index 1982-1984=100",
                "revision": 0,
                "extracted_at": "2024-03-06T12:00:30Z",
                "is_mock": false,
            }],
        })),
        Refused,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<ObservationView>>, Problem> {
    let indicator = params.get("indicator")?;
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("indicator, limit")?;
    let mut landed = app.lake.indicators().observations(indicator).await?;
    landed.truncate(limit as usize);
    Ok(Json(List { items: landed.into_iter().map(view).collect() }))
}

fn view(landed: LandedObservation) -> ObservationView {
    let LandedObservation { indicator, observation, revision, extracted_at, is_mock } = landed;
    let Observation { period, value, unit } = observation;
    let interval = indicator.interval();
    ObservationView { indicator, interval, period, value, unit, revision, extracted_at, is_mock }
}
