//! `GET /v1/gaps`: every candle that is owed, and why it is not there.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem,
    extract::{Params, page, quoted, read_place},
    openapi::{GapFilter, Limit, Refused, SeriesFilter},
    series::matching,
    situation::obstacle,
};
use crate::{
    app::App,
    ingest::Book,
    market::Series,
    query::{self, Asked, Gap, Reason},
};

/// Gaps in one answer, and where nobody says how many.
const MOST: u32 = 1_000;
const USUAL: u32 = 100;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gaps)]
pub(super) struct Page {
    /// How many there are in all, on this and all other pages.
    #[schema(minimum = 0)]
    total: usize,
    /// Those that begin last come first.
    items: Vec<GapView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Gap)]
struct GapView {
    series: Series,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    /// How many are owed.
    #[schema(minimum = 1)]
    candles: i64,
    reason: Reason,
    /// When the first of them was due.
    since: DateTime<Utc>,
    /// Null where the clock does not decide: see the series it is made of, or who asks at all.
    #[schema(required)]
    next_question_at: Option<DateTime<Utc>>,
}

/// What is owed
///
/// Every gap of every series that passes the filters, and why it is one. Candles that have not closed
/// and settled are not owed yet.
#[utoipa::path(
    get,
    path = "/v1/gaps",
    operation_id = "listGaps",
    tag = "candles",
    params(SeriesFilter, GapFilter, Limit<MOST, USUAL>),
    responses(
        (status = 200, description = "A page of gaps.", body = Page, example = json!({
            "total": 1,
            "items": [{
                "series": "coinbase/BTCUSD/1m",
                "start": "2024-03-06T11:57:00Z",
                "end": "2024-03-06T11:58:00Z",
                "candles": 1,
                "reason": "awaiting_confirmation",
                "since": "2024-03-06T11:59:15Z",
                "next_question_at": "2024-03-06T12:01:15Z",
            }],
            "next": null,
        })),
        Refused,
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    mut params: Params,
) -> Result<Json<Page>, Problem> {
    let books = matching(&app, &mut params)?;
    let reason = params.text("reason").map(|name| reason(&name)).transpose()?;
    let after = params.text("cursor").map(|text| read_cursor(&text)).transpose()?;
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("asset, timeframe, provider, reason, cursor, limit")?;
    let now = app.clock.now();
    let of_book = |book: &Arc<Book>| {
        let series = book.series().clone();
        let gaps = gaps(&app, book, now).into_iter();
        gaps.map(move |gap| (gap, series.clone())).collect::<Vec<_>>()
    };
    let mut all: Vec<(Gap, Series)> = books.iter().flat_map(of_book).collect();
    all.retain(|(gap, _)| reason.is_none_or(|reason| gap.reason == reason));
    all.sort_by(|(one, of_one), (two, of_two)| {
        two.window.start.cmp(&one.window.start).then_with(|| of_one.cmp(of_two))
    });
    let total = all.len();
    if let Some((start, series)) = after {
        all.retain(|(gap, of)| {
            gap.window.start < start || gap.window.start == start && *of > series
        });
    }
    let (gaps, next) = page(all, limit, cursor);
    let items = gaps.into_iter().map(|(gap, series)| view(&app, gap, series)).collect();
    Ok(Json(Page { total, items, next }))
}

/// What the series owes at `now`, oldest first.
fn gaps(app: &App, book: &Book, now: DateTime<Utc>) -> Vec<Gap> {
    let due = app.closed_until(book.series(), now);
    let asked =
        Asked { now, reask_after: app.config.ingest.reask_after, obstacle: obstacle(app, book) };
    book.with_taken(|ledger, taken| {
        query::left_to_backfills(query::gaps(ledger, due, asked), taken)
    })
}

fn view(app: &App, gap: Gap, series: Series) -> GapView {
    let timeframe = series.timeframe;
    GapView {
        start: gap.window.start,
        end: gap.window.end,
        candles: gap.window.candles(timeframe),
        reason: gap.reason,
        since: gap.window.start + timeframe.duration() + app.settle(&series),
        next_question_at: gap.next_question_at,
        series,
    }
}

fn reason(name: &str) -> Result<Reason, Problem> {
    Reason::ALL.into_iter().find(|reason| reason.as_str() == name).ok_or_else(|| {
        let names = Reason::ALL.map(Reason::as_str).join(", ");
        let detail = format!("reason {} is not valid", quoted(name));
        Problem::invalid("reason", detail, &format!("use one of {names}"))
    })
}

fn cursor((gap, series): &(Gap, Series)) -> String {
    format!("{}.{series}", gap.window.start.timestamp())
}

fn read_cursor(text: &str) -> Result<(DateTime<Utc>, Series), Problem> {
    read_place(text, |seconds, series| {
        let start = DateTime::from_timestamp(seconds.parse().ok()?, 0)?;
        Some((start, series.parse().ok()?))
    })
}
