//! The candles of one series as JSON, with what is thought of them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::{Problem, coverage, coverage::RunView};
use crate::{
    app::App,
    ingest::Book,
    lake::{LandedCandle, Past},
    market::{CandleState, Series, Timeframe, Window},
    query::Verdict,
};

#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the name in the answer")]
pub(in crate::api) struct Candles {
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

/// The candles of a window as they are, or as they were.
pub(super) async fn candles(
    app: &App,
    book: &Book,
    window: Window,
    (past, now): (Past, DateTime<Utc>),
) -> Result<Candles, Problem> {
    if past == Past::default() {
        return present(app, book, window, now).await;
    }
    let timeframe = book.series().timeframe;
    let table = app.lake.candles(timeframe);
    let candles = table.past_candles(book.series(), window, &table.pin(past).await?).await?;
    Ok(Candles {
        table_version: past.version,
        candles: views(candles, timeframe),
        ..Candles::of(book, window, past.known_at.unwrap_or(now))
    })
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
    pub(super) fn substance(&self) -> impl Serialize + '_ {
        let Self { series, window, verdict, watermark, candles, states, .. } = self;
        (series, window, verdict, watermark, candles, states)
    }
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
