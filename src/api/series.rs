//! `GET /v1/series` and `GET /v1/watermarks`: what is kept, and up to where.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Problem, extract::Params};
use crate::{
    app::App,
    ingest::{Book, Role},
    market::{
        AssetClass, CandleState, InstrumentId, ProviderId, Series, Timeframe, Window, candles_in,
    },
    providers::Origin,
};

#[derive(Debug, Serialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
}

#[derive(Debug, Serialize)]
pub(super) struct SeriesView {
    series: Series,
    asset_class: AssetClass,
    role: Role,
    is_derived: bool,
    origin: DateTime<Utc>,
    watermark: DateTime<Utc>,
    last_candle: Option<DateTime<Utc>>,
    landings: i64,
    /// Closed candles since the origin by state; they add up to the number of candles.
    candles: std::collections::BTreeMap<&'static str, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<TroubleView>,
}

#[derive(Debug, Serialize)]
struct TroubleView {
    outcome: &'static str,
    message: String,
    since: DateTime<Utc>,
    attempts: u32,
    backfill_resumes_at: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
pub(super) struct WatermarkView {
    series: Series,
    /// Every candle that opens before it is accounted for.
    watermark: DateTime<Utc>,
    origin: DateTime<Utc>,
    landings: i64,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<SeriesView>>, Problem> {
    let items = matching(&app, &mut params)?;
    params.finish(FILTERS)?;
    let items = items.iter().map(|book| series_view(&app, book)).collect();
    Ok(Json(List { items }))
}

pub(super) async fn watermarks(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<WatermarkView>>, Problem> {
    let items = matching(&app, &mut params)?;
    params.finish(FILTERS)?;
    let items = items.iter().map(|book| watermark_view(&app, book)).collect();
    Ok(Json(List { items }))
}

const FILTERS: &str = "asset, timeframe, provider";

/// The books that pass the filters.
pub(super) fn matching(app: &App, params: &mut Params) -> Result<Vec<Arc<Book>>, Problem> {
    let asset = params.get::<InstrumentId>("asset")?;
    let timeframe = params.get::<Timeframe>("timeframe")?;
    let provider = params.get::<ProviderId>("provider")?;
    let mut books = app.books.all();
    books.retain(|book| {
        let series = book.series();
        asset.as_ref().is_none_or(|asset| *asset == series.instrument)
            && timeframe.is_none_or(|timeframe| timeframe == series.timeframe)
            && provider.as_ref().is_none_or(|provider| *provider == series.provider)
    });
    Ok(books)
}

fn due(app: &App, book: &Book) -> DateTime<Utc> {
    app.closed_until(book.series(), app.clock.now())
}

fn series_view(app: &App, book: &Book) -> SeriesView {
    let series = book.series().clone();
    let due = due(app, book);
    let (origin, watermark, last_candle, states) = book.with_ledger(|ledger| {
        let origin = ledger.origin();
        let states = ledger.states(Window::new(origin, due.max(origin)));
        (origin, ledger.watermark(due), ledger.last_final(due), states)
    });
    let count = |state| candles_in(state, &states, series.timeframe);
    SeriesView {
        asset_class: series.instrument.asset_class(),
        role: app.roster.role(&series),
        is_derived: matches!(app.providers.offer(&series), Some(Origin::Derived { .. })),
        origin,
        watermark,
        last_candle,
        landings: book.landings(),
        candles: CandleState::ALL.iter().map(|state| (state.as_str(), count(*state))).collect(),
        trouble: book.trouble().map(|trouble| TroubleView {
            outcome: trouble.outcome,
            message: trouble.message,
            since: trouble.since,
            attempts: trouble.attempts,
            backfill_resumes_at: trouble.retry_at,
        }),
        series,
    }
}

fn watermark_view(app: &App, book: &Book) -> WatermarkView {
    let due = due(app, book);
    WatermarkView {
        series: book.series().clone(),
        watermark: book.with_ledger(|ledger| ledger.watermark(due)),
        origin: book.with_ledger(crate::market::Ledger::origin),
        landings: book.landings(),
    }
}
