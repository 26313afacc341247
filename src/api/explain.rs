//! `GET /v1/series/{provider}/{asset}/{timeframe}/explain`: why a series is as fresh as it is.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::Params,
    of_path::OfPath,
    openapi::{NotFound, PathSeries, Refused, Unavailable},
    situation::causes,
};
use crate::{
    app::App,
    market::Series,
    query::{Cause, Verdict},
};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Explanation {
    series: Series,
    verdict: Verdict,
    /// The instant this is about.
    as_of: DateTime<Utc>,
    /// The first cause first, what follows from it after it; none if the series is fresh.
    causes: Vec<CauseView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cause)]
struct CauseView {
    /// A stable word; what a provider does has the word that metrics have for it.
    code: &'static str,
    /// The same for people.
    text: String,
    #[schema(required)]
    since: Option<DateTime<Utc>>,
    /// When it ends by itself, or is looked at again.
    #[schema(required)]
    until: Option<DateTime<Utc>>,
    /// The route that tells more.
    #[schema(required)]
    see: Option<String>,
}

/// Why is it not fresh?
///
/// What has led to the verdict on the series, first cause first.
#[utoipa::path(
    get,
    path = "/v1/series/{provider}/{asset}/{timeframe}/explain",
    operation_id = "explainSeries",
    tag = "candles",
    params(PathSeries),
    responses(
        (status = 200, description = "The causes.", body = Explanation, example = json!({
            "series": "coinbase/BTCUSD/1m",
            "verdict": "stale",
            "as_of": "2024-03-06T12:08:30Z",
            "causes": [
                {
                    "code": "timed_out",
                    "text": "coinbase: the provider did not answer in time",
                    "since": "2024-03-06T12:01:30Z",
                    "until": null,
                    "see": "/v1/providers",
                },
                {
                    "code": "circuit_open",
                    "text": "coinbase has failed repeatedly and is not asked before 2024-03-06T12:09:00Z",
                    "since": "2024-03-06T12:01:30Z",
                    "until": "2024-03-06T12:09:00Z",
                    "see": "/v1/providers",
                },
            ],
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn of_series(
    State(app): State<Arc<App>>,
    of_path: OfPath,
    params: Params,
) -> Result<Json<Explanation>, Problem> {
    params.finish("")?;
    let book = of_path.book(&app)?;
    let as_of = app.clock.now();
    let (verdict, causes) = causes(&app, &book, as_of).await?;
    let causes = causes.into_iter().map(view).collect();
    Ok(Json(Explanation { series: book.series().clone(), verdict, as_of, causes }))
}

fn view(cause: Cause) -> CauseView {
    let Cause { code, text, since, until, see } = cause;
    CauseView { code, text, since, until, see }
}
