//! `GET /v1/coverage` and `GET /v1/series/…/coverage`: the one state of every candle of a window, as
//! runs or day by day.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, quoted},
    of_path::OfPath,
    openapi::{
        NotFound, OneSeries, PathSeries, Refused, Resolution, Span, StateCounts, Unavailable,
    },
};
use crate::{
    app::App,
    ingest::Book,
    market::{CandleState, Series, Timeframe, Window},
    query::{self, Condition},
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

impl RunView {
    pub(super) const fn window(&self) -> Window {
        Window::new(self.start, self.end)
    }
}

/// Either, as `resolution` asks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = SeriesCoverage)]
pub(super) enum RunsOrDays {
    Runs(Coverage),
    Days(Days),
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CoverageByDay)]
#[expect(clippy::struct_field_names, reason = "the name in the answer")]
pub(super) struct Days {
    series: Series,
    window: Window,
    /// In order of time; the first and the last one may be part of their day only.
    days: Vec<DayView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CoverageDay)]
struct DayView {
    /// In UTC.
    date: NaiveDate,
    condition: Condition,
    /// Candles of the day by state; together they are all candles of the day.
    #[schema(value_type = StateCounts)]
    candles: BTreeMap<&'static str, i64>,
    /// Candles of the day that are told differently elsewhere, see `GET /v1/findings`.
    #[schema(minimum = 0)]
    findings: i64,
}

/// Runs in one answer.
const MOST_RUNS: usize = 10_000;
/// Days in one answer.
const MOST_DAYS: i64 = 10_000;

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
    runs_of(&app, &book, window).map(Json)
}

/// What became of every candle of a series
///
/// The same as `GET /v1/coverage`, or with `resolution=day` one row for each UTC day.
#[utoipa::path(
    get,
    path = "/v1/series/{provider}/{asset}/{timeframe}/coverage",
    operation_id = "showSeriesCoverage",
    tag = "candles",
    params(PathSeries, Span, Resolution),
    responses(
        (status = 200, description = "States, as runs or by day.", body = RunsOrDays, example = json!({
            "series": "coinbase/BTCUSD/1m",
            "window": { "start": "2024-03-06T00:00:00Z", "end": "2024-03-07T00:00:00Z" },
            "days": [{
                "date": "2024-03-06",
                "condition": "available",
                "candles": { "final": 1439, "no_trade": 1 },
                "findings": 0,
            }],
        })),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn of_series(
    State(app): State<Arc<App>>,
    of_path: OfPath,
    mut params: Params,
) -> Result<Json<RunsOrDays>, Problem> {
    let book = of_path.book(&app)?;
    let window = params.window(book.series().timeframe)?;
    let is_by_day = by_day(params.text("resolution").as_deref())?;
    params.finish("start, end, resolution")?;
    if !is_by_day {
        return runs_of(&app, &book, window).map(|runs| Json(RunsOrDays::Runs(runs)));
    }
    let window = closed(&app, &book, window);
    if window.align(Timeframe::D1).candles(Timeframe::D1) > MOST_DAYS {
        let detail = "the window has too many days";
        let fix = format!("ask for less: an answer holds {MOST_DAYS} days");
        return Err(Problem::invalid("start", detail, &fix));
    }
    let findings = app.store.finding_days(book.series(), window).await?;
    let states = book.with_ledger(|ledger| ledger.states(window));
    let days = query::days(&states, window, book.series().timeframe, &findings);
    let days = days.into_iter().map(|day| DayView {
        date: day.start.date_naive(),
        condition: day.condition(),
        candles: day.candles.iter().map(|(state, count)| (state.as_str(), *count)).collect(),
        findings: day.findings,
    });
    let series = book.series().clone();
    Ok(Json(RunsOrDays::Days(Days { series, window, days: days.collect() })))
}

fn by_day(resolution: Option<&str>) -> Result<bool, Problem> {
    match resolution {
        None | Some("candle") => Ok(false),
        Some("day") => Ok(true),
        Some(other) => {
            let detail = format!("resolution {} is not valid", quoted(other));
            Err(Problem::invalid("resolution", detail, "write candle or day"))
        }
    }
}

/// The window that is asked about, without what has not closed yet.
fn closed(app: &App, book: &Book, window: Option<Window>) -> Window {
    let due = app.closed_until(book.series(), app.clock.now());
    let origin = book.with_ledger(crate::market::Ledger::origin);
    let window = window.unwrap_or(Window::new(origin, due));
    Window::new(window.start, window.end.min(due).max(window.start))
}

fn runs_of(app: &App, book: &Book, window: Option<Window>) -> Result<Coverage, Problem> {
    let window = closed(app, book, window);
    let runs = states(book, window);
    if runs.len() > MOST_RUNS {
        let detail = format!("the window has {} runs of states", runs.len());
        let fix = format!("ask for less: an answer holds {MOST_RUNS} runs");
        return Err(Problem::invalid("start", detail, &fix));
    }
    let mut candles = BTreeMap::new();
    for run in &runs {
        *candles.entry(run.state.as_str()).or_default() += run.candles;
    }
    Ok(Coverage { series: book.series().clone(), window, candles, runs })
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
