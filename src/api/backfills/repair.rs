//! `POST /v1/gaps/repair`: has the gaps of series closed now, before any history.

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        body::Body,
        caller::Caller,
        extract::{Params, find},
        openapi::{Conflicting, NotFound, Refused, Unavailable},
        why::Why,
    },
    create_once,
    view::BackfillView,
};
use crate::{
    app::App,
    backfill::{Kind, Order, Priority, Reprocess, Request},
    market::{InstrumentId, Series, Timeframe},
};

/// Whose gaps; everything that is kept, unless something is said.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Repair {
    /// Only these.
    series: Option<Vec<Series>>,
    /// Only of these.
    assets: Option<Vec<InstrumentId>>,
    /// Only these.
    timeframes: Option<Vec<Timeframe>>,
    /// From here on; from the beginning of each history, unless it is said.
    start: Option<DateTime<Utc>>,
    /// Up to here; up to now, unless it is said.
    end: Option<DateTime<Utc>>,
    /// Refused candles are asked for as well.
    #[serde(default)]
    refused: bool,
    /// Why, for whoever wonders later.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Why,
}

/// Have gaps closed
///
/// Gaps are asked for again by themselves; this does it now, all of them, before any history, and shows
/// how it goes. It is a backfill of the kind `repair`.
#[utoipa::path(
    post,
    path = "/v1/gaps/repair",
    operation_id = "repairGaps",
    tag = "backfills",
    request_body(content = Repair, example = json!({ "assets": ["BTCUSD"] })),
    params(("idempotency-key" = Option<String>, Header,
        description = "1 to 200 printable characters, new for every intent.", min_length = 1,
        max_length = 200, pattern = "^[!-~]+$", example = "4f1c2e9a-repair-1")),
    responses(
        (status = 202, description = "It is under way.", body = BackfillView,
            headers(("location" = String, description = "Where to look after it."))),
        (status = 200, description = "It was created before, with the same key.",
            body = BackfillView),
        Refused,
        NotFound,
        Conflicting,
        Unavailable,
    )
)]
pub(in crate::api) async fn repair(
    State(app): State<Arc<App>>,
    Caller(by): Caller,
    headers: HeaderMap,
    params: Params,
    Body(repair): Body<Repair>,
) -> Result<Response, Problem> {
    params.finish("")?;
    let read = async || request(&app, &repair).map(|request| (request, None));
    create_once(&app, (&headers, &by), (&repair, repair.reason.said()), read).await
}

fn request(app: &App, repair: &Repair) -> Result<Request, Problem> {
    let now = app.clock.now();
    let end = repair.end.unwrap_or(now);
    if end > now {
        let fix = "leave end out for everything up to now";
        return Err(Problem::invalid("end", "end lies in the future", fix));
    }
    let series = series(app, repair)?;
    let origin = |series: &Series| {
        app.books.get(series).map(|book| book.with_ledger(crate::market::Ledger::origin))
    };
    let beginning = series.iter().filter_map(origin).min().unwrap_or(end);
    let start = repair.start.unwrap_or(beginning);
    if start >= end {
        let detail = "end is not after start";
        return Err(Problem::invalid("end", detail, "the window is [start, end)"));
    }
    if start < DateTime::UNIX_EPOCH {
        return Err(Problem::invalid("start", "it begins before 1970", "begin in 1970 or later"));
    }
    let mut assets: Vec<_> = series.iter().map(|one| one.instrument.clone()).collect();
    let mut timeframes: Vec<_> = series.iter().map(|one| one.timeframe).collect();
    assets.sort();
    assets.dedup();
    timeframes.sort();
    timeframes.dedup();
    Ok(Request {
        kind: Kind::Repair,
        assets,
        timeframes,
        provider: None,
        series,
        start,
        end,
        as_of: now,
        priority: Priority::High,
        order: Order::OldestFirst,
        reprocess: if repair.refused { Reprocess::Failed } else { Reprocess::Missing },
    })
}

fn series(app: &App, repair: &Repair) -> Result<Vec<Series>, Problem> {
    let named = repair.series.as_deref();
    let all = match named {
        Some(named) => named.to_vec(),
        None => app.roster().live().cloned().collect(),
    };
    let is_meant = |series: &Series| {
        repair.assets.as_ref().is_none_or(|assets| assets.contains(&series.instrument))
            && repair.timeframes.as_ref().is_none_or(|some| some.contains(&series.timeframe))
    };
    let series: Vec<Series> = all.into_iter().filter(is_meant).collect();
    for one in &series {
        find(app, one)?;
        if app.source(one).is_none() {
            let detail = format!("nobody can be asked for {one}: it was imported");
            return Err(Problem::invalid("series", detail, "import the file that has the rest"));
        }
    }
    if series.is_empty() {
        let fix = "GET /v1/series lists what is kept";
        return Err(Problem::invalid("assets", "no series that is kept is meant", fix));
    }
    Ok(series)
}
