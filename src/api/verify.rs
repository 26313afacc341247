//! `GET /v1/verify`: whether everything that must hold does.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::{
    Problem,
    extract::{Params, find},
    openapi::{NotFound, Refused, Unavailable, UnderWay, VerifyScope},
};
use crate::{
    app::App,
    market::{Subject, Timeframe},
    verify::{self, Report, Scope, VerifyError},
};

/// Whether everything holds
///
/// Reads rows, coverage, watermarks and the Delta log, and says of every invariant where it does not
/// hold; nothing is changed. It reads whole tables: name a series, a timeframe or a table of
/// records if that takes longer than a request may.
#[utoipa::path(
    get,
    path = "/v1/verify",
    operation_id = "verify",
    tag = "quality",
    params(VerifyScope),
    responses(
        (status = 200, description = "What was found.", body = Report, example = json!({
            "verified_at": "2024-03-06T12:00:30Z",
            "series": 1,
            "rows": 480,
            "is_sound": false,
            "invariants": [{
                "name": "rows_are_there_once",
                "says": "no key and revision is there twice",
                "violations": 1,
                "examples": [{
                    "series": "coinbase/BTCUSD/1m",
                    "start": "2024-03-06T08:49:00Z",
                    "detail": "revision 0 is there 2 times",
                }],
            }],
        })),
        Refused,
        NotFound,
        UnderWay,
        Unavailable,
    )
)]
pub(super) async fn verify(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<Report>, Problem> {
    let scope = match (params.get::<Subject>("series")?, params.get::<Timeframe>("timeframe")?) {
        (None, None) => Scope::All,
        (None, Some(timeframe)) => Scope::Timeframe(timeframe),
        (Some(Subject::Series(series)), None) => {
            find(&app, &series).map(|_| Scope::Series(series))?
        }
        (Some(Subject::Records(kind)), None) => Scope::Records(kind),
        (Some(other), None) => {
            let fix = "name a series, or raw_ai_decisions or raw_trade_executions";
            return Err(Problem::invalid("series", format!("{other} has no invariants"), fix));
        }
        (Some(_), Some(_)) => {
            let detail = "series names the timeframe already";
            return Err(Problem::invalid("timeframe", detail, "give one of them"));
        }
    };
    params.finish("series, timeframe")?;
    Ok(Json(verify::verify(&app, scope).await?))
}

impl From<VerifyError> for Problem {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::UnderWay => {
                Self::conflict("under_way", error.to_string()).fix("ask again in a while")
            }
            VerifyError::Stopped => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "unavailable", error.to_string()).fix("ask again in a while")
            }
            VerifyError::Ingest(error) => error.into(),
        }
    }
}
