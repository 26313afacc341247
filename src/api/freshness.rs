//! `GET /v1/freshness`: may this be traded upon? Answered from memory.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, find, unreadable},
    openapi::{NotFound, Refused, SeriesList},
    series,
};
use crate::{
    app::App,
    ingest::{Book, Role},
    market::Series,
    query::{Freshness, Verdict},
};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FreshnessList {
    /// The instant all verdicts are about.
    as_of: DateTime<Utc>,
    items: Vec<FreshnessView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FreshnessView {
    series: Series,
    role: Role,
    verdict: Verdict,
    /// Open time of the newest candle in the lake.
    #[schema(required)]
    last_candle: Option<DateTime<Utc>>,
    /// Open time of the newest candle that should be there by now.
    #[schema(required)]
    expected_candle: Option<DateTime<Utc>>,
    /// Candles expected after the newest stretch without a gap and not accounted for.
    lag_candles: i64,
    /// Since the newest candle closed; the true age, whatever the market does.
    #[schema(required)]
    age_seconds: Option<i64>,
    /// How long the oldest of the missing candles has been due; 0 if none is.
    overdue_seconds: i64,
    /// The series is stale when it is overdue by more than this.
    stale_after_seconds: i64,
    /// Every candle that opens before it is accounted for.
    watermark: DateTime<Utc>,
    market_open: bool,
}

/// May this be traded upon?
///
/// One verdict per series, by the candles that should exist, never by when something was written.
/// Answered from memory.
#[utoipa::path(
    get,
    path = "/v1/freshness",
    operation_id = "listFreshness",
    tag = "candles",
    params(SeriesList),
    responses(
        (status = 200, description = "Verdicts.", body = FreshnessList, example = json!({
            "as_of": "2024-03-06T12:00:30Z",
            "items": [{
                "series": "coinbase/BTCUSD/1m",
                "role": "kept",
                "verdict": "fresh",
                "last_candle": "2024-03-06T11:59:00Z",
                "expected_candle": "2024-03-06T11:59:00Z",
                "lag_candles": 0,
                "age_seconds": 30,
                "overdue_seconds": 0,
                "stale_after_seconds": 300,
                "watermark": "2024-03-06T12:00:00Z",
                "market_open": true,
            }],
        })),
        Refused,
        NotFound,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<FreshnessList>, Problem> {
    let mut books = match params.text("series") {
        Some(names) => {
            params.without_parts()?;
            named(&app, &names)?
        }
        None => series::matching(&app, &mut params)?,
    };
    let on_duty = params.flag("on_duty")?;
    params.finish(
        "series (one or several, separated by commas), asset, timeframe, provider, on_duty",
    )?;
    let as_of = app.clock.now();
    if on_duty {
        let is_on_duty = |book: &Arc<Book>| {
            let Series { instrument, timeframe, .. } = book.series();
            app.on_duty(instrument, *timeframe).as_ref() == Some(book.series())
        };
        books.retain(is_on_duty);
    }
    let items = books.iter().map(|book| view(&app, app.freshness(book, as_of))).collect();
    Ok(Json(FreshnessList { as_of, items }))
}

fn named(app: &App, names: &str) -> Result<Vec<Arc<Book>>, Problem> {
    let read = |name: &str| {
        let series: Series = name.parse().map_err(|error| unreadable("series", &error))?;
        find(app, &series)
    };
    names.split(',').map(read).collect()
}

fn view(app: &App, freshness: Freshness) -> FreshnessView {
    FreshnessView {
        role: app.roster().role(&freshness.series),
        series: freshness.series,
        verdict: freshness.verdict,
        last_candle: freshness.last_candle,
        expected_candle: freshness.expected_candle,
        lag_candles: freshness.lag_candles,
        age_seconds: freshness.age.map(|age| age.num_seconds()),
        overdue_seconds: freshness.overdue.num_seconds(),
        stale_after_seconds: freshness.stale_after.num_seconds(),
        watermark: freshness.watermark,
        market_open: freshness.market_open,
    }
}
