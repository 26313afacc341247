//! The chunks of one backfill, and of all: what is being done, what waits, what failed and why.

use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        extract::{self, Params, cursor},
        openapi::{Cursor, Limit, NotFound, Refused, Unavailable},
    },
    BackfillId, ID, MOST, USUAL,
};
use crate::{
    app::App,
    backfill::CommandError,
    market::Series,
    store::{ChunkFilter, ChunkState, KeptChunk},
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "chunk_id": "bf_018e13f6a1c07f3e8a54b1c2d3e4f506.2",
        "backfill_id": "bf_018e13f6a1c07f3e8a54b1c2d3e4f506",
        "series": "coinbase/BTCUSD/1h",
        "start": "2024-01-26T00:00:00Z",
        "end": "2024-02-01T00:00:00Z",
        "state": "failed",
        "attempts": 5,
        "error": "coinbase answers 503: upstream unavailable",
        "not_before": null,
        "replica": null,
        "candles_landed": 0,
        "requests": 1,
        "changed_at": "2024-03-06T12:14:30Z",
    }],
    "next": null,
}))]
pub(in crate::api) struct ChunkPage {
    /// Whichever changed last first.
    items: Vec<ChunkView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// A piece of work.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ChunkView {
    /// Its name.
    chunk_id: String,
    /// What it is a part of.
    backfill_id: String,
    series: Series,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    state: ChunkState,
    /// That failed, or whose worker went away.
    #[schema(minimum = 0)]
    attempts: i64,
    /// Why the last attempt failed, or what it waits for.
    #[schema(required)]
    error: Option<String>,
    /// It is not begun before.
    #[schema(required)]
    not_before: Option<DateTime<Utc>>,
    /// Who is at it.
    #[schema(required)]
    replica: Option<String>,
    /// Rows that were new.
    #[schema(minimum = 0)]
    candles_landed: i64,
    /// As planned.
    #[schema(minimum = 0)]
    requests: i64,
    changed_at: DateTime<Utc>,
}

/// The chunks of a backfill
#[utoipa::path(
    get,
    path = "/v1/backfills/{id}/chunks",
    operation_id = "listChunks",
    tag = "backfills",
    params(
        ("id" = String, Path, description = ID, example = "bf_018e13f6a1c07f3e8a54b1c2d3e4f506"),
        ("state" = inline(Option<ChunkState>), Query, description = "Only those."),
        Cursor, Limit<MOST, USUAL>,
    ),
    responses(
        (status = 200, description = "A page of chunks.", body = ChunkPage),
        Refused,
        NotFound,
        Unavailable,
    )
)]
pub(in crate::api) async fn chunks(
    State(app): State<Arc<App>>,
    BackfillId(id): BackfillId,
    params: Params,
) -> Result<Json<ChunkPage>, Problem> {
    let page = page(&app, Some(&id), params).await?;
    if page.items.is_empty() && app.store.backfill(&id).await?.is_none() {
        return Err(CommandError::Unknown(id).into());
    }
    Ok(Json(page))
}

/// The chunks of every backfill
///
/// What replicas are at, and what waits for them.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    operation_id = "listJobs",
    tag = "backfills",
    params(
        ("state" = inline(Option<ChunkState>), Query, description = "Only those."),
        Cursor, Limit<MOST, USUAL>,
    ),
    responses(
        (status = 200, description = "A page of chunks.", body = ChunkPage),
        Refused,
        Unavailable,
    )
)]
pub(in crate::api) async fn jobs(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<ChunkPage>, Problem> {
    Ok(Json(page(&app, None, params).await?))
}

async fn page(app: &App, of: Option<&str>, mut params: Params) -> Result<ChunkPage, Problem> {
    let state = params.one_of("state", &ChunkState::ALL, ChunkState::as_str)?;
    let after = params.cursor()?;
    let limit = params.limit(MOST)?.unwrap_or(USUAL);
    params.finish("state, cursor, limit")?;
    let kept = app.store.chunks(of, &ChunkFilter { state, after }, limit + 1).await?;
    let (kept, next) = extract::page(kept, limit, |last| cursor(last.changed_at, &last.id));
    Ok(ChunkPage { items: kept.into_iter().map(view).collect(), next })
}

fn view(kept: KeptChunk) -> ChunkView {
    ChunkView {
        chunk_id: kept.id,
        backfill_id: kept.backfill_id,
        series: kept.series,
        start: kept.window.start,
        end: kept.window.end,
        state: kept.state,
        attempts: kept.attempts,
        error: kept.error,
        not_before: kept.not_before,
        replica: kept.holder,
        candles_landed: kept.rows_landed,
        requests: kept.requests,
        changed_at: kept.changed_at,
    }
}
