//! `GET /v1/freshness`: may this be traded upon? Answered from memory.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    Problem,
    extract::{Params, find, unreadable},
    series,
};
use crate::{
    app::App,
    ingest::{Book, Role},
    market::Series,
    query::{Freshness, Verdict},
};

#[derive(Debug, Serialize)]
pub(super) struct FreshnessList {
    /// The instant all verdicts are about.
    as_of: DateTime<Utc>,
    items: Vec<FreshnessView>,
}

#[derive(Debug, Serialize)]
struct FreshnessView {
    series: Series,
    role: Role,
    verdict: Verdict,
    last_candle: Option<DateTime<Utc>>,
    expected_candle: Option<DateTime<Utc>>,
    lag_candles: i64,
    age_seconds: Option<i64>,
    overdue_seconds: i64,
    stale_after_seconds: i64,
    watermark: DateTime<Utc>,
    market_open: bool,
}

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
        role: app.roster.role(&freshness.series),
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
