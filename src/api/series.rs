//! `GET /v1/series` and `GET /v1/watermarks`: what is kept, and up to where.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::Params,
    openapi::{Refused, SeriesFilter, StateCounts},
};
use crate::{
    app::App,
    ingest::{Book, Role},
    market::{
        AssetClass, CandleState, InstrumentId, ProviderId, Series, Timeframe, Window, candles_in,
    },
    providers::Origin,
};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesView {
    series: Series,
    asset_class: AssetClass,
    role: Role,
    /// Made of finer candles.
    is_derived: bool,
    /// Where the series begins.
    origin: DateTime<Utc>,
    /// Every candle that opens before it is accounted for.
    watermark: DateTime<Utc>,
    /// Open time of the newest candle in the lake.
    #[schema(required)]
    last_candle: Option<DateTime<Utc>>,
    /// How often candles were added.
    landings: i64,
    /// Closed candles since the origin by state; they add up to the number of candles.
    #[schema(value_type = StateCounts)]
    candles: std::collections::BTreeMap<&'static str, i64>,
    /// Absent if all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    trouble: Option<TroubleView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SeriesTrouble)]
struct TroubleView {
    /// A stable word for what went wrong last.
    outcome: &'static str,
    message: String,
    since: DateTime<Utc>,
    /// In vain, so far.
    attempts: u32,
    /// Until then only the newest candles are asked for.
    backfill_resumes_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WatermarkView {
    series: Series,
    /// Every candle that opens before it is accounted for.
    watermark: DateTime<Utc>,
    /// Where the series begins.
    origin: DateTime<Utc>,
    /// How often candles were added.
    landings: i64,
}

/// What is kept
///
/// Every series, how complete it is, and its trouble if it has any.
#[utoipa::path(
    get,
    path = "/v1/series",
    operation_id = "listSeries",
    tag = "candles",
    params(SeriesFilter),
    responses(
        (status = 200, description = "Series.", body = List<SeriesView>, example = json!({
            "items": [{
                "series": "coinbase/BTCUSD/1m",
                "asset_class": "crypto",
                "role": "kept",
                "is_derived": false,
                "origin": "2024-03-06T04:00:00Z",
                "watermark": "2024-03-06T12:00:00Z",
                "last_candle": "2024-03-06T11:59:00Z",
                "landings": 3,
                "candles": {
                    "final": 477, "no_trade": 3, "quarantined": 0, "before_history": 0, "waived": 0,
                    "market_closed": 0, "missing": 0, "pending": 0,
                },
            }],
        })),
        Refused,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<List<SeriesView>>, Problem> {
    let items = matching(&app, &mut params)?;
    params.finish(FILTERS)?;
    let items = items.iter().map(|book| series_view(&app, book)).collect();
    Ok(Json(List { items }))
}

/// Up to where everything is accounted for
#[utoipa::path(
    get,
    path = "/v1/watermarks",
    operation_id = "listWatermarks",
    tag = "candles",
    params(SeriesFilter),
    responses(
        (status = 200, description = "Watermarks.", body = List<WatermarkView>, example = json!({
            "items": [{
                "series": "coinbase/BTCUSD/1m",
                "watermark": "2024-03-06T12:00:00Z",
                "origin": "2024-03-06T04:00:00Z",
                "landings": 3,
            }],
        })),
        Refused,
    )
)]
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
        role: app.roster().role(&series),
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
