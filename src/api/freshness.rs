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
    ingest::Book,
    market::Series,
    query::{Freshness, Verdict, freshness},
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
    let books = match params.text("series") {
        Some(names) => {
            params.without_parts()?;
            named(&app, &names)?
        }
        None => series::matching(&app, &mut params)?,
    };
    params.finish("series (one or several, separated by commas), asset, timeframe, provider")?;
    let as_of = app.clock.now();
    let items = books.iter().map(|book| view(of(&app, book, as_of))).collect();
    Ok(Json(FreshnessList { as_of, items }))
}

/// The verdict on one series.
pub(super) fn of(app: &App, book: &Book, now: DateTime<Utc>) -> Freshness {
    let stale_after = app.config.stale_after(book.series().timeframe);
    freshness(book, now, app.settle(book.series()), stale_after)
}

fn named(app: &App, names: &str) -> Result<Vec<Arc<Book>>, Problem> {
    let read = |name: &str| {
        let series: Series = name.parse().map_err(|error| unreadable("series", &error))?;
        find(app, &series)
    };
    names.split(',').map(read).collect()
}

fn view(freshness: Freshness) -> FreshnessView {
    FreshnessView {
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
