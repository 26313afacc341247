//! `POST /v1/series/{provider}/{asset}/{timeframe}/rewind`: ask for everything since then again.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Problem,
    body::Body,
    caller::Caller,
    extract::Params,
    of_path::OfPath,
    openapi::{NotFound, PathSeries, Refused, Unavailable},
    replicas::not_served,
    why::Why,
};
use crate::{
    app::App,
    ingest::{Book, Role, rewind},
    jobs::JobSpec,
    market::{By, Ledger, Series, Window},
    providers::Origin,
    query::Verdict,
    store::AuditEntry,
};

/// Where to go back to, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rewind {
    /// The open time of the first candle that is asked for again.
    to: DateTime<Utc>,
    /// Goes into the audit log.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    reason: Why,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rewound {
    series: Series,
    /// As asked for.
    to: DateTime<Utc>,
    /// Closed candles from there on that the calendar expects.
    candles: i64,
    /// Of the series from now on.
    verdict: Verdict,
    /// Every candle that opens before it is accounted for.
    watermark: DateTime<Utc>,
}

/// Ask for candles again
///
/// What is known of every candle from `to` on is forgotten, so that all of them are asked for again.
/// Nothing is deleted: what comes again unchanged is dropped, what has changed becomes a revision. The
/// series is as stale meanwhile as if the candles had never come. Candles of a series that is made of
/// finer ones are made anew.
#[utoipa::path(
    post,
    path = "/v1/series/{provider}/{asset}/{timeframe}/rewind",
    operation_id = "rewindSeries",
    tag = "candles",
    params(PathSeries),
    request_body(content = Rewind, example = json!({
        "to": "2024-03-06T08:00:00Z",
        "reason": "the exchange has corrected the morning",
    })),
    responses(
        (status = 200, description = "It is forgotten.", body = Rewound, example = json!({
            "series": "coinbase/BTCUSD/1m",
            "to": "2024-03-06T08:00:00Z",
            "candles": 240,
            "verdict": "stale",
            "watermark": "2024-03-06T08:00:00Z",
        })),
        (
            status = 409,
            description = "`not_kept`: nobody asks for the series, so it would never come back. \
                           `not_served`: another replica asks for it; the detail says where it is.",
            body = Problem,
            content_type = "application/problem+json",
            example = json!({
                "type": "about:blank",
                "title": "Conflict",
                "status": 409,
                "code": "not_kept",
                "detail": "archive/BTCUSD/1m is not among the series that are kept: nobody would ask again",
                "fix": "GET /v1/series tells the role of every series",
            })
        ),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(super) async fn rewind_series(
    State(app): State<Arc<App>>,
    of_path: OfPath,
    Caller(by): Caller,
    params: Params,
    Body(asked): Body<Rewind>,
) -> Result<Json<Rewound>, Problem> {
    params.finish("")?;
    let book = of_path.book(&app)?;
    let provider = &book.series().provider;
    if !app.fleet.serves(provider) {
        return Err(not_served(&app, provider).await);
    }
    let due = app.closed_until(book.series(), app.clock.now());
    check(&app, &book, asked.to, due)?;
    let reason = asked.reason.into_said().ok_or_else(|| {
        Problem::invalid("reason", "nobody says why", "say in a few words why; it is kept")
    })?;
    // Whoever asked may hang up between the store and the book; both must know it or neither.
    let forgotten = forget(app.clone(), book.clone(), asked.to, reason, by);
    app.lifecycle.see_through(forgotten).await.ok_or_else(super::failed)??;
    let freshness = app.freshness(&book, app.clock.now());
    let timeframe = book.series().timeframe;
    let expected = book.calendar().expected(Window::new(asked.to, due), timeframe);
    Ok(Json(Rewound {
        series: book.series().clone(),
        to: asked.to,
        candles: expected.iter().map(|run| run.candles(timeframe)).sum(),
        verdict: freshness.verdict,
        watermark: freshness.watermark,
    }))
}

async fn forget(
    app: Arc<App>,
    book: Arc<Book>,
    to: DateTime<Utc>,
    reason: String,
    by: By,
) -> Result<(), Problem> {
    let (series, now) = (book.series().clone(), app.clock.now());
    let detail = json!({ "to": text(to), "reason": reason });
    let entry = AuditEntry::new(now, &by, "series.rewind", &series, detail);
    match rewind(&app.store, &book, to, &entry).await {
        Err(error) if error.is_not_served() => {
            return Err(not_served(&app, &series.provider).await);
        }
        rewound => rewound?,
    }
    tracing::info!(%series, %to, by = by.actor, reason, "is asked for again");
    if let Some(Origin::Derived { .. }) = app.providers.offer(&series) {
        book.recheck(Window::new(to, app.closed_until(&series, now)));
    }
    app.queue.enqueue(JobSpec::Fill(series));
    Ok(())
}

fn check(app: &App, book: &Book, to: DateTime<Utc>, due: DateTime<Utc>) -> Result<(), Problem> {
    let series = book.series();
    if app.roster().role(series) != Role::Kept {
        return Err(not_kept(series));
    }
    let refused = |detail: String, fix: String| Err(Problem::invalid("to", detail, &fix));
    if !series.timeframe.is_open_time(to) {
        let fix = format!("write {}", text(series.timeframe.floor(to)));
        return refused(format!("no candle of {} opens at {}", series.timeframe, text(to)), fix);
    }
    let origin = book.with_ledger(Ledger::origin);
    if to < origin {
        let fix = format!("write {} or later; a backfill goes further back", text(origin));
        return refused(format!("the series begins at {}", text(origin)), fix);
    }
    if to >= due {
        let fix = format!("write an open time before {}", text(due));
        return refused("no candle that opens then has closed and settled".to_owned(), fix);
    }
    Ok(())
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn not_kept(series: &Series) -> Problem {
    let detail = format!("{series} is not among the series that are kept: nobody would ask again");
    Problem::new(StatusCode::CONFLICT, "not_kept", detail)
        .fix("GET /v1/series tells the role of every series")
}
