//! `GET /v1/macro`: macroeconomic indicators, the newest revision of each period.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Problem, extract::Params, series::List};
use crate::{
    app::App,
    lake::LandedObservation,
    market::{Indicator, Observation},
};

#[derive(Debug, Serialize)]
pub(super) struct ObservationView {
    indicator: Indicator,
    interval: &'static str,
    /// When the period begins.
    period: DateTime<Utc>,
    value: f64,
    unit: String,
    /// 0 if the provider never changed it after it landed.
    revision: i32,
    /// When this revision was received.
    extracted_at: DateTime<Utc>,
    is_mock: bool,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<ObservationView>>, Problem> {
    let indicator = params.get("indicator")?;
    let limit = params.limit(1_000)?.unwrap_or(100);
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
