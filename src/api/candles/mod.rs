//! `GET /v1/candles`: closed candles of a window, and what is known of the holes between them.

mod answer;
mod rows;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header::VARY},
    response::Response,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    answer::{Candles, candles},
    rows::Rows,
};
use super::{
    Problem,
    extract::{Params, find, series_of, unreadable},
    format::wanted,
    openapi::{
        CandleRows, Formats, Gone, InThePast, Limit, NotAcceptable, NotFound, NotModified, Octets,
        OneSeries, Refused, Span, Unavailable,
    },
    tagged,
    tagged::json,
};
use crate::{
    app::App,
    formats::Format,
    ingest::Book,
    lake::Past,
    market::{InstrumentId, Ledger, ParseError, Timeframe, Window},
    query::Answer,
};

/// Candles in one JSON document.
const MOST: u32 = 20_000;
/// Candles where nobody says how many.
const NEWEST: u32 = 500;
/// Assets in one answer.
const MOST_ASSETS: usize = 1_000;

const ROW: &str = r#"{"asset":"BTCUSD","provider":"coinbase","timeframe":"1m","open_time":"2024-03-06T11:58:00Z","close_time":"2024-03-06T11:59:00Z","open":66421.12,"high":66452.13,"low":66350.33,"close":66386.9,"volume":31.98,"revision":0,"extracted_at":"2024-03-06T12:00:30Z","is_derived":false,"is_mock":false,"state":"final"}
"#;
const TABLE: &str = "asset,provider,timeframe,open_time,close_time,open,high,low,close,volume,\
    revision,extracted_at,is_derived,is_mock,state\nBTCUSD,coinbase,1m,2024-03-06T11:58:00Z,\
    2024-03-06T11:59:00Z,66421.12,66452.13,66350.33,66386.9,31.98,0,2024-03-06T12:00:30Z,false,false,\
    final\n";

/// One series, or the list that `assets` asks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = OneOrMoreCandles)]
pub(super) enum OneOrMore {
    One(Candles),
    More(CandleList),
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CandleList {
    /// In the order in which the assets are named.
    items: Vec<Candles>,
}

/// Candles of one series or several
///
/// The newest closed candles, or those of a window; and the state of every place in it, so that a
/// hole is never a riddle. Give either `limit`, or `start` and `end`. A JSON document holds at most
/// 20,000 candles; the other forms are rows as long as the window is, sent while they are read: an
/// answer that cannot be read to its end is broken off.
///
/// With `as_of` or `table_version` it is what was known, or what the lake held, in the past: without
/// what came later, whether candles or revisions, so that nothing is seen in hindsight.
#[utoipa::path(
    get,
    path = "/v1/candles",
    operation_id = "listCandles",
    tag = "candles",
    params(OneSeries, CandleRows, Span, Limit<MOST, NEWEST>, InThePast, Formats),
    responses(
        (
            status = 200,
            description = "Candles, oldest first. Rows of one series come with its verdict as the \
                header `barkeep-verdict`.",
            content(
                (OneOrMore = "application/json", example = json!({
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
                (String = "application/x-ndjson", example = json!(ROW)),
                (String = "text/csv", example = json!(TABLE)),
                (inline(Octets) = "application/vnd.apache.arrow.stream"),
                (inline(Octets) = "application/vnd.apache.parquet"),
            ),
        ),
        NotModified,
        Refused,
        NotFound,
        NotAcceptable,
        Gone,
        Unavailable,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, Problem> {
    let asked = assets(&mut params)?;
    let books = match &asked {
        None => vec![params.book(&app)?],
        Some(assets) => of_assets(&app, &mut params, assets)?,
    };
    let timeframe = books[0].series().timeframe;
    let window = params.window(timeframe)?;
    let limit = params.limit(MOST)?;
    let has_gaps = params.flag("gaps")?;
    let now = app.clock.now();
    let past = params.past(now)?;
    let format = wanted(&mut params, &headers)?.unwrap_or(Format::Json);
    params.finish(
        "series (or asset, timeframe, provider), assets, start, end, limit, gaps, as_of, \
         table_version, format",
    )?;
    if window.is_some() && limit.is_some() {
        let detail = "a window says by itself how many candles it has";
        return Err(Problem::invalid("limit", detail, "give either limit or start and end"));
    }
    if has_gaps && past != Past::default() {
        let detail = "what was thought of holes in the past is not kept";
        return Err(Problem::invalid("gaps", detail, "leave out gaps, or as_of and table_version"));
    }
    let parts = books.into_iter().map(|book| {
        let due = app.closed_until(book.series(), past.known_at.unwrap_or(now));
        let window = window.unwrap_or_else(|| newest(&book, due, limit.unwrap_or(NEWEST)));
        let mut window = Window::new(window.start, window.end.min(due).max(window.start));
        if format != Format::Json && !has_gaps {
            // Years before the first candle have no rows.
            let first = book.with_ledger(Ledger::first_landed).unwrap_or(window.end);
            window.start = window.start.max(first).min(window.end);
        }
        (book, window)
    });
    let parts: Vec<_> = parts.collect();
    if format != Format::Json {
        return Rows { format, timeframe, past, has_gaps, parts }.answer(&app).await;
    }
    bounded(&parts, timeframe)?;
    let mut items = Vec::new();
    for (book, window) in &parts {
        items.push(candles(&app, book, *window, (past, now)).await?);
    }
    let substance = json(&items.iter().map(Candles::substance).collect::<Vec<_>>())?;
    let answer = match (asked, items.pop()) {
        (None, Some(one)) => OneOrMore::One(one),
        (_, last) => {
            items.extend(last);
            OneOrMore::More(CandleList { items })
        }
    };
    let mut response = tagged::respond(Answer::new(json(&answer)?, &substance), &headers);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    Ok(response)
}

/// Those that `assets` names, each once.
fn assets(params: &mut Params) -> Result<Option<Vec<InstrumentId>>, Problem> {
    let Some(text) = params.text("assets") else { return Ok(None) };
    let names: Result<Vec<InstrumentId>, ParseError> = text.split(',').map(str::parse).collect();
    let names = names.map_err(|error| unreadable("assets", &error))?;
    let distinct: BTreeSet<_> = names.iter().collect();
    if distinct.len() < names.len() || names.len() > MOST_ASSETS {
        let detail = format!("{} assets are named, {} of them once", names.len(), distinct.len());
        let fix = format!("name each once, and at most {MOST_ASSETS}, like assets=BTCUSD,ETHUSD");
        return Err(Problem::invalid("assets", detail, &fix));
    }
    Ok(Some(names))
}

/// Of each asset the series of that provider, or else the one that is on duty.
fn of_assets(
    app: &App,
    params: &mut Params,
    assets: &[InstrumentId],
) -> Result<Vec<Arc<Book>>, Problem> {
    for one in ["series", "asset"] {
        if params.text(one).is_some() {
            let detail = format!("assets and {one} are given");
            return Err(Problem::invalid(one, detail, "give one of them"));
        }
    }
    let provider = params.get("provider")?;
    let timeframe = params.timeframe()?;
    let book = |asset: &InstrumentId| {
        let series = series_of(app, provider.clone(), asset.clone(), timeframe)?;
        find(app, &series)
    };
    assets.iter().map(book).collect()
}

fn bounded(parts: &[(Arc<Book>, Window)], timeframe: Timeframe) -> Result<(), Problem> {
    let candles: i64 = parts.iter().map(|(_, window)| window.candles(timeframe)).sum();
    if candles <= i64::from(MOST) {
        return Ok(());
    }
    let detail = format!("{candles} candles are asked for");
    let fix = format!(
        "ask for at most {MOST} candles at a time, or for rows: format=ndjson, csv, arrow or parquet"
    );
    Err(Problem::invalid("end", detail, &fix))
}

/// The `limit` places on the grid that end with the newest candle before `due`.
fn newest(book: &Book, due: DateTime<Utc>, limit: u32) -> Window {
    let timeframe = book.series().timeframe;
    let last = book.with_ledger(|ledger| ledger.last_final(due));
    let end = last.map_or(due, |last| last + timeframe.duration());
    Window::new(end - TimeDelta::seconds(timeframe.seconds() * i64::from(limit)), end)
}
