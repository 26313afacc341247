//! `GET /v1/candles`: closed candles of a window, and what is known of the holes between them.

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem, coverage,
    coverage::RunView,
    extract::Params,
    openapi::{
        Gone, InThePast, Limit, NotFound, NotModified, OneSeries, Refused, Span, Unavailable,
    },
    tagged,
    tagged::json,
};
use crate::{
    app::App,
    ingest::Book,
    lake::{LandedCandle, Past},
    market::{CandleState, Series, Timeframe, Window},
    query::{Answer, Verdict},
};

#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the name in the answer")]
pub(super) struct Candles {
    series: Series,
    window: Window,
    /// The instant this is about.
    as_of: DateTime<Utc>,
    /// The version of the table that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    table_version: Option<u64>,
    /// Of the series now, whatever the window: look at it before trading upon the last candle. Null
    /// where the past was asked for.
    #[schema(required)]
    verdict: Option<Verdict>,
    /// Every candle that opens before it is accounted for. Null where the past was asked for.
    #[schema(required)]
    watermark: Option<DateTime<Utc>>,
    /// In order of time.
    candles: Vec<CandleView>,
    /// Every candle of the window has a state. Listed above are those that are `final`, and those in
    /// the lake that are asked for again. Null where the past was asked for: what was thought of holes
    /// then is not kept.
    #[schema(required)]
    states: Option<Vec<RunView>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CandleView {
    open_time: DateTime<Utc>,
    /// The open time of the next one.
    close_time: DateTime<Utc>,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    /// Null where the provider has none, as of FX.
    #[schema(required)]
    volume: Option<f64>,
    /// 0 if the provider never changed the candle after it landed.
    revision: i32,
    /// When this revision was received.
    extracted_at: DateTime<Utc>,
    /// Made of finer candles.
    is_derived: bool,
    /// Of a simulated provider.
    is_mock: bool,
}

/// Candles in one answer.
const MOST: u32 = 10_000;
/// Candles where nobody says how many.
const NEWEST: u32 = 500;

/// Candles of a series
///
/// The newest closed candles, or those of a window; and the state of every place in it, so that a
/// hole is never a riddle. Give either `limit`, or `start` and `end` of at most 10,000 candles. With
/// `as_of` or `table_version` it is what was known, or what the lake held, in the past: without what
/// came later, whether candles or revisions, so that nothing is seen in hindsight.
#[utoipa::path(
    get,
    path = "/v1/candles",
    operation_id = "listCandles",
    tag = "candles",
    params(OneSeries, Span, Limit<MOST, NEWEST>, InThePast),
    responses(
        (status = 200, description = "Candles, oldest first.", body = Candles, example = json!({
            "series": "coinbase/BTCUSD/1m",
            "window": { "start": "2024-03-06T11:58:00Z", "end": "2024-03-06T12:00:00Z" },
            "as_of": "2024-03-06T12:00:30Z",
            "verdict": "fresh",
            "watermark": "2024-03-06T12:00:00Z",
            "candles": [{
                "open_time": "2024-03-06T11:58:00Z",
                "close_time": "2024-03-06T11:59:00Z",
                "open": 66421.12,
                "high": 66452.13,
                "low": 66350.33,
                "close": 66386.9,
                "volume": 31.98,
                "revision": 0,
                "extracted_at": "2024-03-06T12:00:30Z",
                "is_derived": false,
                "is_mock": false,
            }],
            "states": [
                { "start": "2024-03-06T11:58:00Z", "end": "2024-03-06T11:59:00Z", "state": "final", "candles": 1 },
                { "start": "2024-03-06T11:59:00Z", "end": "2024-03-06T12:00:00Z", "state": "no_trade", "candles": 1 },
            ],
        })),
        NotModified,
        Refused,
        NotFound,
        Gone,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Problem> {
    let book = params.book(&app)?;
    let timeframe = book.series().timeframe;
    let window = params.window(timeframe)?;
    let limit = params.limit(MOST)?;
    let now = app.clock.now();
    let past = params.past(now)?;
    params.finish(
        "series (or asset, timeframe, provider), start, end, limit, as_of, table_version",
    )?;
    let as_of = past.known_at.unwrap_or(now);
    let due = app.closed_until(book.series(), as_of);
    let window = match window {
        Some(window) => checked(window, timeframe, limit)?,
        None => newest(&book, due, limit.unwrap_or(NEWEST)),
    };
    let window = Window::new(window.start, window.end.min(due).max(window.start));
    let answer = if past == Past::default() {
        present(&app, &book, window, now).await?
    } else {
        let candles = app.lake.candles(timeframe).past_candles(book.series(), window, past).await?;
        Candles {
            table_version: past.version,
            candles: views(candles, timeframe),
            ..Candles::of(&book, window, as_of)
        }
    };
    Ok(tagged::respond(Answer::new(json(&answer)?, &json(&answer.substance())?), &headers))
}

/// The candles as they are, from memory if it has all of them.
async fn present(
    app: &App,
    book: &Book,
    window: Window,
    now: DateTime<Utc>,
) -> Result<Candles, Problem> {
    let timeframe = book.series().timeframe;
    let freshness = app.freshness(book, now);
    // Read before the candles: what it calls final is in the lake by then. Memory may learn of it a
    // moment later, and must not pass off a candle it does not know yet as a hole.
    let states = coverage::states(book, window);
    let is_final = |run: &&RunView| run.state == CandleState::Final;
    let finals: i64 = states.iter().filter(is_final).map(|run| run.candles).sum();
    let recent = book.recent(window).filter(|candles| candles.len() as i64 >= finals);
    let candles = match recent {
        Some(candles) => candles,
        None => app.lake.candles(timeframe).candles(book.series(), window).await?,
    };
    Ok(Candles {
        verdict: Some(freshness.verdict),
        watermark: Some(freshness.watermark),
        candles: views(candles, timeframe),
        states: Some(states),
        ..Candles::of(book, window, now)
    })
}

impl Candles {
    /// None yet, and nothing said of them.
    fn of(book: &Book, window: Window, as_of: DateTime<Utc>) -> Self {
        Self {
            series: book.series().clone(),
            window,
            as_of,
            table_version: None,
            verdict: None,
            watermark: None,
            candles: Vec::new(),
            states: None,
        }
    }

    /// Everything but the instant.
    fn substance(&self) -> impl Serialize + '_ {
        let Self { series, window, verdict, watermark, candles, states, .. } = self;
        (series, window, verdict, watermark, candles, states)
    }
}

fn checked(window: Window, timeframe: Timeframe, limit: Option<u32>) -> Result<Window, Problem> {
    if limit.is_some() {
        let detail = "a window says by itself how many candles it has";
        return Err(Problem::invalid("limit", detail, "give either limit or start and end"));
    }
    let candles = window.candles(timeframe);
    if candles <= i64::from(MOST) {
        return Ok(window);
    }
    let detail = format!("the window holds {candles} candles");
    let fix = format!("ask for at most {MOST} candles of {timeframe} at a time");
    Err(Problem::invalid("end", detail, &fix))
}

/// The `limit` places on the grid that end with the newest candle before `due`.
fn newest(book: &Book, due: DateTime<Utc>, limit: u32) -> Window {
    let timeframe = book.series().timeframe;
    let last = book.with_ledger(|ledger| ledger.last_final(due));
    let end = last.map_or(due, |last| last + timeframe.duration());
    Window::new(end - TimeDelta::seconds(timeframe.seconds() * i64::from(limit)), end)
}

fn views(candles: Vec<LandedCandle>, timeframe: Timeframe) -> Vec<CandleView> {
    candles.into_iter().map(|landed| view(landed, timeframe)).collect()
}

fn view(landed: LandedCandle, timeframe: Timeframe) -> CandleView {
    let LandedCandle { candle, revision, extracted_at, is_derived, is_mock } = landed;
    CandleView {
        open_time: candle.open_time,
        close_time: candle.open_time + timeframe.duration(),
        open: candle.open,
        high: candle.high,
        low: candle.low,
        close: candle.close,
        volume: candle.volume,
        revision,
        extracted_at,
        is_derived,
        is_mock,
    }
}
