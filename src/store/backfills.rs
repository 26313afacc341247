//! Backfills, their series, and the plans that may become one.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::{
    AuditEntry, Store, StoreError,
    chunks::{NewChunk, insert_chunks},
    instant,
    statement::{Statement, sql},
};
use crate::market::{InstrumentId, ProviderId, Series, Window};

/// What has been decided about a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackfillState {
    Active,
    Paused,
    Cancelled,
    Completed,
    CompletedWithErrors,
    Failed,
}

impl BackfillState {
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Paused,
        Self::Cancelled,
        Self::Completed,
        Self::CompletedWithErrors,
        Self::Failed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::CompletedWithErrors => "completed_with_errors",
            Self::Failed => "failed",
        }
    }

    fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether chunks may still have to be done.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }
}

/// Chunks of a backfill by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChunkCounts {
    pub total: i64,
    pub done: i64,
    pub failed: i64,
    pub cancelled: i64,
    pub running: i64,
}

impl ChunkCounts {
    pub const fn waiting(&self) -> i64 {
        self.total - self.done - self.failed - self.cancelled - self.running
    }
}

/// A backfill as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptBackfill {
    pub id: String,
    pub kind: String,
    pub state: BackfillState,
    /// As JSON; what it means is not the store's business.
    pub request: String,
    pub request_hash: String,
    pub priority: i64,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    pub reason: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub active_micros: i64,
    pub active_since: Option<DateTime<Utc>>,
    pub chunks: ChunkCounts,
    pub requests_planned: i64,
    pub requests_made: i64,
    pub requests_settled: i64,
    pub candles_landed: i64,
    pub revision: i64,
}

/// A backfill to be created, with everything it is to do.
#[derive(Debug, Clone)]
pub struct NewBackfill {
    pub id: String,
    pub kind: &'static str,
    pub request: String,
    pub request_hash: String,
    pub idempotency_key: Option<String>,
    pub priority: i64,
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub series: Vec<(Series, Window)>,
    pub chunks: Vec<NewChunk>,
}

/// Which backfills to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct BackfillFilter {
    pub state: Option<BackfillState>,
    pub asset: Option<InstrumentId>,
    pub after: Option<(DateTime<Utc>, String)>,
}

#[derive(FromRow)]
struct Row {
    backfill_id: String,
    kind: String,
    state: String,
    request: String,
    request_hash: String,
    priority: i64,
    created_at: i64,
    created_by: String,
    reason: Option<String>,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    active_micros: i64,
    active_since: Option<i64>,
    chunks_total: i64,
    chunks_done: i64,
    chunks_failed: i64,
    chunks_cancelled: i64,
    chunks_running: i64,
    requests_planned: i64,
    requests_made: i64,
    requests_settled: i64,
    candles_landed: i64,
    revision: i64,
}

impl Store {
    /// How many backfills have been created; given to `create_backfill`, it says that what was
    /// planned knew of all of them.
    pub async fn backfill_epoch(&self) -> Result<i64, StoreError> {
        let epoch = self.engine.read_one(sql("select epoch from backfill_epoch")).await?;
        Ok(epoch.map_or(0, |(epoch,): (i64,)| epoch))
    }

    /// Creates it with all its chunks, or fails with `MovedOn` if another one came in between.
    pub async fn create_backfill(
        &self,
        new: &NewBackfill,
        epoch: i64,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let mut statements = vec![in_turn(epoch), insert(new, audit)];
        for (series, window) in &new.series {
            let answer_for = "insert into backfill_series (backfill_id, series, start_at, end_at) \
                              values ($1, $2, $3, $4)";
            statements.push(
                sql(answer_for)
                    .bind(&*new.id)
                    .bind(series.to_string())
                    .bind(window.start.timestamp_micros())
                    .bind(window.end.timestamp_micros()),
            );
        }
        let created_at = new.created_at.timestamp_micros();
        statements.extend(insert_chunks(&new.id, &new.chunks, created_at));
        statements.push(audit.statement());
        self.engine.write(&statements).await
    }

    pub async fn backfill(&self, id: &str) -> Result<Option<KeptBackfill>, StoreError> {
        let one = sql("select * from backfill_view where backfill_id = $1").bind(id);
        let row: Option<Row> = self.engine.read_one(one).await?;
        row.map(kept).transpose()
    }

    /// The one that was created with that key.
    pub async fn backfill_of_key(&self, key: &str) -> Result<Option<KeptBackfill>, StoreError> {
        let one = sql("select * from backfill_view where idempotency_key = $1").bind(key);
        let row: Option<Row> = self.engine.read_one(one).await?;
        row.map(kept).transpose()
    }

    /// Newest first.
    pub async fn backfills(
        &self,
        filter: &BackfillFilter,
        limit: u32,
    ) -> Result<Vec<KeptBackfill>, StoreError> {
        let after = filter.after.as_ref();
        let about = filter.asset.as_ref().map(|asset| format!("%/{asset}/%"));
        let listed = sql("select * from backfill_view where ($1 is null or state = $1) \
             and ($2 is null or (created_at, backfill_id) < ($2, $3)) \
             and ($5 is null or exists (select 1 from backfill_series about where \
             about.backfill_id = backfill_view.backfill_id and about.series like $5)) \
             order by created_at desc, backfill_id desc limit $4")
        .bind(filter.state.map(BackfillState::as_str))
        .bind(after.map(|(at, _)| at.timestamp_micros()))
        .bind(after.map(|(_, id)| &**id))
        .bind(i64::from(limit))
        .bind(about.as_deref());
        let rows: Vec<Row> = self.engine.read(listed).await?;
        rows.into_iter().map(kept).collect()
    }

    /// What backfills that have not ended answer for, by series.
    pub async fn history_in_work(&self) -> Result<Vec<(Series, Window, String)>, StoreError> {
        let windows = sql("select series, start_at, end_at, backfill_id from backfill_series \
             where backfill_id in (select backfill_id from backfill \
             where state in ('active', 'paused')) order by backfill_id, series");
        let rows: Vec<(String, i64, i64, String)> = self.engine.read(windows).await?;
        let read = |(series, start, end, id): (String, i64, i64, String)| {
            let window = Window::new(instant(start), instant(end));
            match series.parse() {
                Ok(series) => Ok((series, window, id)),
                Err(_) => Err(StoreError::Unreadable { what: "a series", value: series }),
            }
        };
        rows.into_iter().map(read).collect()
    }

    /// Those with chunks of a provider that may be begun, the most urgent first, oldest first.
    pub async fn backfills_with_work(
        &self,
        provider: &ProviderId,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, StoreError> {
        let active = sql("select backfill_id from backfill where state = 'active' \
             and exists (select 1 from chunk where chunk.backfill_id = backfill.backfill_id \
             and provider = $1 and chunk.state = 'waiting' and not_before <= $2) \
             order by priority desc, created_at, backfill_id")
        .bind(provider.as_str())
        .bind(now.timestamp_micros());
        let rows: Vec<(String,)> = self.engine.read(active).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// The history that a backfill is about.
    pub async fn history_of(&self, id: &str) -> Result<Vec<(Series, Window)>, StoreError> {
        let windows = sql("select series, start_at, end_at from backfill_series \
             where backfill_id = $1 order by series");
        let rows: Vec<(String, i64, i64)> = self.engine.read(windows.bind(id)).await?;
        let read = |(series, start, end): (String, i64, i64)| match series.parse() {
            Ok(series) => Ok((series, Window::new(instant(start), instant(end)))),
            Err(_) => Err(StoreError::Unreadable { what: "a series", value: series }),
        };
        rows.into_iter().map(read).collect()
    }

    /// Puts a backfill from one state into another, or fails with `MovedOn`.
    pub async fn turn_backfill(
        &self,
        id: &str,
        (from, to): (BackfillState, BackfillState),
        reason: Option<&str>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let now = audit.at.timestamp_micros();
        let mut statements = vec![
            sql("update backfill set state = $1, reason = $2, revision = revision + 1, \
                 active_micros = active_micros + case when state = 'active' \
                 then $3 - coalesce(active_since, $3) else 0 end, \
                 active_since = case when $1 = 'active' then $3 else null end, \
                 ended_at = case when $1 = 'cancelled' then coalesce(ended_at, $3) else null end \
                 where backfill_id = $4 and state = $5")
            .bind(to.as_str())
            .bind(reason)
            .bind(now)
            .bind(id)
            .bind(from.as_str())
            .or_moved_on("the backfill"),
        ];
        if to == BackfillState::Cancelled {
            statements.extend(cancel_waiting(id, now));
        }
        statements.push(audit.statement());
        self.engine.write(&statements).await
    }

    /// Has every failed chunk tried again, and the backfill active, or as paused as it is; fails with
    /// `MovedOn` if another one was created meanwhile.
    pub async fn retry_backfill(
        &self,
        id: &str,
        (from, to): (BackfillState, BackfillState),
        epoch: i64,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let now = audit.at.timestamp_micros();
        let turn = sql("update backfill set state = $1, revision = revision + 1, \
             chunks_failed = 0, ended_at = null, \
             active_since = case when $1 = 'active' then coalesce(active_since, $2) else null end \
             where backfill_id = $3 and state = $4")
        .bind(to.as_str())
        .bind(now)
        .bind(id)
        .bind(from.as_str())
        .or_moved_on("the backfill");
        let again = sql("update chunk set state = 'waiting', attempts = 0, not_before = 0, \
             error = null, settled_at = null, changed_at = $1 \
             where backfill_id = $2 and state = 'failed'")
        .bind(now)
        .bind(id);
        self.engine.write(&[in_turn(epoch), turn, again, audit.statement()]).await
    }

    /// Ends every backfill of which no chunk is left to do.
    pub async fn end_backfills(&self, now: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        let ended = sql("update backfill set revision = revision + 1, ended_at = $1, \
             active_micros = active_micros + $1 - coalesce(active_since, $1), active_since = null, \
             state = case when chunks_failed = 0 then 'completed' when chunks_done = 0 \
             then 'failed' else 'completed_with_errors' end \
             where state = 'active' and chunks_done + chunks_failed = chunks_total \
             returning backfill_id")
        .bind(now.timestamp_micros());
        let rows: Vec<(String,)> = self.engine.change(ended).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

/// Whoever decides about history that may be in work decides alone.
fn in_turn(epoch: i64) -> Statement {
    sql("update backfill_epoch set epoch = epoch + 1 where epoch = $1")
        .bind(epoch)
        .or_moved_on("the list of backfills")
}

fn insert(new: &NewBackfill, audit: &AuditEntry) -> Statement {
    let requests: i64 = new.chunks.iter().map(|chunk| chunk.requests).sum();
    let created_at = new.created_at.timestamp_micros();
    sql("insert into backfill (backfill_id, kind, state, request, priority, created_at, created_by, \
         idempotency_key, request_hash, reason, active_since, chunks_total, requests_planned) \
         values ($1, $2, 'active', $3, $4, $5, $6, $7, $8, $9, $5, $10, $11)")
    .bind(&*new.id)
    .bind(new.kind)
    .bind(&*new.request)
    .bind(new.priority)
    .bind(created_at)
    .bind(&*audit.by.actor)
    .bind(new.idempotency_key.as_deref())
    .bind(&*new.request_hash)
    .bind(new.reason.as_deref())
    .bind(i64::try_from(new.chunks.len()).unwrap_or(i64::MAX))
    .bind(requests)
}

/// The chunks that nobody has begun; what is on its way ends by itself.
fn cancel_waiting(id: &str, now: i64) -> [Statement; 2] {
    let count = "update backfill set chunks_cancelled = chunks_cancelled + (select count(*) \
                 from chunk where chunk.backfill_id = $1 and chunk.state = 'waiting') \
                 where backfill_id = $1";
    let cancel = "update chunk set state = 'cancelled', settled_at = $1, changed_at = $1 \
                  where backfill_id = $2 and state = 'waiting'";
    [sql(count).bind(id), sql(cancel).bind(now).bind(id)]
}

fn kept(row: Row) -> Result<KeptBackfill, StoreError> {
    let state = BackfillState::read(&row.state)
        .ok_or(StoreError::Unreadable { what: "a backfill's state", value: row.state })?;
    Ok(KeptBackfill {
        id: row.backfill_id,
        kind: row.kind,
        state,
        request: row.request,
        request_hash: row.request_hash,
        priority: row.priority,
        created_at: instant(row.created_at),
        created_by: row.created_by,
        reason: row.reason,
        started_at: row.started_at.map(instant),
        ended_at: row.ended_at.map(instant),
        active_micros: row.active_micros,
        active_since: row.active_since.map(instant),
        chunks: ChunkCounts {
            total: row.chunks_total,
            done: row.chunks_done,
            failed: row.chunks_failed,
            cancelled: row.chunks_cancelled,
            running: row.chunks_running,
        },
        requests_planned: row.requests_planned,
        requests_made: row.requests_made,
        requests_settled: row.requests_settled,
        candles_landed: row.candles_landed,
        revision: row.revision,
    })
}
