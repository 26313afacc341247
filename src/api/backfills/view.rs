//! A backfill as the API shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Problem;
use crate::{
    backfill::{self, Kind, Order, Priority, Reprocess, Request, Status},
    market::{InstrumentId, ProviderId, Timeframe},
    store::{KeptBackfill, StoreError},
};

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [], "next": null }))]
pub(in crate::api) struct BackfillPage {
    /// Newest first.
    pub(super) items: Vec<BackfillView>,
    /// Give it as `cursor` to read on; null on the last page.
    #[schema(required)]
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "backfill_id": "bf_018e13f6a1c07f3e8a54b1c2d3e4f506",
    "kind": "backfill",
    "state": "running",
    "created_at": "2024-03-06T12:00:30Z",
    "created_by": "local",
    "started_at": "2024-03-06T12:00:31Z",
    "ended_at": null,
    "assets": ["BTCUSD"],
    "timeframes": ["1h"],
    "provider": null,
    "start": "2024-01-01T00:00:00Z",
    "end": "2024-02-01T00:00:00Z",
    "priority": "normal",
    "order": "oldest_first",
    "reprocess": "missing",
    "reason": null,
    "progress": {
        "chunks_total": 4, "chunks_done": 1, "chunks_failed": 0, "chunks_running": 1,
        "chunks_waiting": 2, "chunks_cancelled": 0, "candles_landed": 300,
        "requests_planned": 3, "requests_made": 1, "share": 0.25, "eta_seconds": 2,
    },
}))]
pub(in crate::api) struct BackfillView {
    /// Its name.
    pub(super) backfill_id: String,
    kind: Kind,
    pub(super) state: Status,
    created_at: DateTime<Utc>,
    /// The name of the API key, or `local`.
    created_by: String,
    /// When its first chunk was begun.
    #[schema(required)]
    started_at: Option<DateTime<Utc>>,
    #[schema(required)]
    ended_at: Option<DateTime<Utc>>,
    /// What is traded.
    assets: Vec<InstrumentId>,
    /// How long its candles last.
    timeframes: Vec<Timeframe>,
    /// Whoever was named; null if nobody was.
    #[schema(required)]
    provider: Option<ProviderId>,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    priority: Priority,
    order: Order,
    reprocess: Reprocess,
    /// Why it is in its state, if somebody said so.
    #[schema(required)]
    reason: Option<String>,
    progress: ProgressView,
}

/// How far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ProgressView {
    /// Pieces of work.
    #[schema(minimum = 0)]
    chunks_total: i64,
    /// Asked for and landed.
    #[schema(minimum = 0)]
    chunks_done: i64,
    /// Given up; `retry-failed` has them tried again.
    #[schema(minimum = 0)]
    chunks_failed: i64,
    /// Being done.
    #[schema(minimum = 0)]
    chunks_running: i64,
    /// Not begun, or to be tried again.
    #[schema(minimum = 0)]
    chunks_waiting: i64,
    /// Given up with the backfill.
    #[schema(minimum = 0)]
    chunks_cancelled: i64,
    /// Rows that were new.
    #[schema(minimum = 0)]
    candles_landed: i64,
    /// As counted when it was created.
    #[schema(minimum = 0)]
    requests_planned: i64,
    /// Answered or failed; retries inside of a request do not count.
    #[schema(minimum = 0)]
    requests_made: i64,
    /// Of the chunks, from 0 to 1. It never goes back.
    #[schema(minimum = 0, maximum = 1)]
    share: f64,
    /// If it goes on as it did; null while nothing tells.
    #[schema(required, minimum = 0)]
    eta_seconds: Option<i64>,
}

pub(super) fn view(kept: KeptBackfill, now: DateTime<Utc>) -> Result<BackfillView, Problem> {
    let request: Request = serde_json::from_str(&kept.request)
        .map_err(|_| StoreError::Unreadable { what: "a request", value: kept.request.clone() })?;
    let progress = backfill::progress(&kept, now);
    let chunks = kept.chunks;
    Ok(BackfillView {
        state: backfill::status(kept.state, &chunks),
        kind: request.kind,
        backfill_id: kept.id,
        created_at: kept.created_at,
        created_by: kept.created_by,
        started_at: kept.started_at,
        ended_at: kept.ended_at,
        assets: request.assets,
        timeframes: request.timeframes,
        provider: request.provider,
        start: request.start,
        end: request.end,
        priority: request.priority,
        order: request.order,
        reprocess: request.reprocess,
        reason: kept.reason,
        progress: ProgressView {
            chunks_total: chunks.total,
            chunks_done: chunks.done,
            chunks_failed: chunks.failed,
            chunks_running: chunks.running,
            chunks_waiting: chunks.waiting().max(0),
            chunks_cancelled: chunks.cancelled,
            candles_landed: kept.candles_landed,
            requests_planned: kept.requests_planned,
            requests_made: kept.requests_made,
            share: progress.share,
            eta_seconds: progress.eta.map(|eta| eta.num_seconds()),
        },
    })
}
