//! `GET /v1/coverage`: the one state of every candle of a window, as runs.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::Params,
    openapi::{NotFound, OneSeries, Refused, Span, StateCounts},
};
use crate::{
    app::App,
    ingest::Book,
    market::{CandleState, Series, Window},
};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Coverage {
    series: Series,
    window: Window,
    /// Candles of the window by state; together they are all candles of the window.
    #[schema(value_type = StateCounts)]
    candles: BTreeMap<&'static str, i64>,
    /// In order of time, without a hole between them.
    runs: Vec<RunView>,
}

/// Neighbours of one state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunView {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    pub(super) state: CandleState,
    /// How many they are.
    #[schema(minimum = 1)]
    pub(super) candles: i64,
}

/// Runs in one answer.
const MOST_RUNS: usize = 10_000;

/// What became of every candle
///
/// Each candle of the window has exactly one state; without a window it is all since the series
/// begins.
#[utoipa::path(
    get,
    path = "/v1/coverage",
    operation_id = "showCoverage",
    tag = "candles",
    params(OneSeries, Span),
    responses(
        (status = 200, description = "States, as runs.", body = Coverage, example = json!({
            "series": "coinbase/BTCUSD/1m",
            "window": { "start": "2024-03-06T10:00:00Z", "end": "2024-03-06T12:00:00Z" },
            "candles": { "final": 119, "missing": 1 },
            "runs": [
                { "start": "2024-03-06T10:00:00Z", "end": "2024-03-06T11:59:00Z", "state": "final", "candles": 119 },
                { "start": "2024-03-06T11:59:00Z", "end": "2024-03-06T12:00:00Z", "state": "missing", "candles": 1 },
            ],
        })),
        Refused,
        NotFound,
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<Coverage>, Problem> {
    let book = params.book(&app)?;
    let timeframe = book.series().timeframe;
    let window = params.window(timeframe)?;
    params.finish("series (or asset, timeframe, provider), start, end")?;
    let due = app.closed_until(book.series(), app.clock.now());
    let origin = book.with_ledger(crate::market::Ledger::origin);
    let window = window.unwrap_or(Window::new(origin, due));
    let window = Window::new(window.start, window.end.min(due).max(window.start));
    let runs = states(&book, window);
    if runs.len() > MOST_RUNS {
        let detail = format!("the window has {} runs of states", runs.len());
        let fix = format!("ask for less: an answer holds {MOST_RUNS} runs");
        return Err(Problem::invalid("start", detail, &fix));
    }
    let mut candles = BTreeMap::new();
    for run in &runs {
        *candles.entry(run.state.as_str()).or_default() += run.candles;
    }
    Ok(Json(Coverage { series: book.series().clone(), window, candles, runs }))
}

/// The states of an aligned window, as the API shows them.
pub(super) fn states(book: &Book, window: Window) -> Vec<RunView> {
    let timeframe = book.series().timeframe;
    let runs = book.with_ledger(|ledger| ledger.states(window));
    runs.into_iter()
        .map(|run| RunView {
            start: run.window.start,
            end: run.window.end,
            state: run.value,
            candles: run.window.candles(timeframe),
        })
        .collect()
}
