//! The chunks of backfills: claimed by one worker at a time, settled once.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

use super::{
    Store, StoreError, instant,
    statement::{Statement, sql, sql_of},
};
use crate::market::{ProviderId, Series, Window};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChunkState {
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl ChunkState {
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A piece of work to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChunk {
    pub series: Series,
    /// The finer series it is made of.
    pub needs: Option<Series>,
    pub window: Window,
    pub requests: i64,
}

/// A chunk as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptChunk {
    pub id: String,
    pub backfill_id: String,
    pub series: Series,
    pub window: Window,
    pub requests: i64,
    pub state: ChunkState,
    pub attempts: i64,
    pub not_before: Option<DateTime<Utc>>,
    pub holder: Option<String>,
    pub rows_landed: i64,
    pub error: Option<String>,
    pub changed_at: DateTime<Utc>,
}

/// The right to do a chunk, until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub chunk: KeptChunk,
    /// Only this attempt has it.
    pub token: i64,
}

/// Who claims, and until when nobody else may.
#[derive(Debug, Clone, Copy)]
pub struct Claimer<'a> {
    pub holder: &'a str,
    pub now: DateTime<Utc>,
    pub lease_until: DateTime<Utc>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    Done,
    /// To be tried again, and why; it counts as an attempt, or is none.
    Later {
        not_before: DateTime<Utc>,
        error: Option<String>,
        is_attempt: bool,
    },
    Failed {
        error: String,
    },
}

/// What an attempt took, and what it brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub requests: i64,
    pub rows: i64,
}

/// Which chunks to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct ChunkFilter {
    pub state: Option<ChunkState>,
    /// List what comes after this one.
    pub after: Option<(DateTime<Utc>, String)>,
}

#[derive(FromRow)]
struct Row {
    chunk_id: String,
    backfill_id: String,
    series: String,
    start_at: i64,
    end_at: i64,
    requests: i64,
    state: String,
    attempts: i64,
    not_before: i64,
    holder: Option<String>,
    token: i64,
    rows_landed: i64,
    error: Option<String>,
    changed_at: i64,
}

#[derive(Serialize)]
struct Inserted {
    id: String,
    seq: usize,
    series: String,
    provider: String,
    needs: Option<String>,
    start_at: i64,
    end_at: i64,
    requests: i64,
}

/// Rows that one statement carries.
const AT_ONCE: usize = 1_000;

pub(super) fn insert_chunks(backfill: &str, chunks: &[NewChunk], now: i64) -> Vec<Statement> {
    let row = |(seq, chunk): (usize, &NewChunk)| Inserted {
        id: format!("{backfill}.{seq}"),
        seq,
        series: chunk.series.to_string(),
        provider: chunk.series.provider.to_string(),
        needs: chunk.needs.as_ref().map(ToString::to_string),
        start_at: chunk.window.start.timestamp_micros(),
        end_at: chunk.window.end.timestamp_micros(),
        requests: chunk.requests,
    };
    let rows: Vec<Inserted> = chunks.iter().enumerate().map(row).collect();
    let insert = |rows: &[Inserted]| {
        sql_of(
            "insert into chunk (chunk_id, backfill_id, seq, series, provider, needs, start_at, \
             end_at, requests, state, changed_at) \
             select value ->> 'id', $1, value ->> 'seq', value ->> 'series', \
             value ->> 'provider', value ->> 'needs', value ->> 'start_at', value ->> 'end_at', \
             value ->> 'requests', 'waiting', $2 from json_each($3)",
            "insert into chunk (chunk_id, backfill_id, seq, series, provider, needs, start_at, \
             end_at, requests, state, changed_at) \
             select id, $1, seq, series, provider, needs, start_at, end_at, requests, 'waiting', \
             $2 from jsonb_to_recordset(cast($3 as jsonb)) as rows(id text, seq bigint, \
             series text, provider text, needs text, start_at bigint, end_at bigint, \
             requests bigint)",
        )
        .bind(backfill)
        .bind(now)
        .bind(serde_json::to_string(rows).unwrap_or_default())
    };
    rows.chunks(AT_ONCE).map(insert).collect()
}

impl Store {
    /// The next chunk of a backfill that one of `provider` may do, unless it is no longer active.
    ///
    /// A chunk of derived candles waits until those it is made of are settled.
    pub async fn claim_chunk(
        &self,
        backfill: &str,
        provider: &ProviderId,
        claimer: Claimer<'_>,
    ) -> Result<Option<Claim>, StoreError> {
        let claim = sql_of(
            "update chunk set state = 'running', token = token + 1, holder = $1, \
             lease_until = $2, changed_at = $3 where chunk_id = (select chunk_id from chunk as next \
             where backfill_id = $4 and provider = $5 and state = 'waiting' and not_before <= $3 \
             and not exists (select 1 from chunk as part where part.backfill_id = $4 \
             and part.series = next.needs and part.start_at < next.end_at \
             and part.end_at > next.start_at and part.state in ('waiting', 'running')) \
             and exists (select 1 from backfill where backfill_id = $4 and state = 'active') \
             order by seq limit 1) returning *",
            "update chunk set state = 'running', token = token + 1, holder = $1, \
             lease_until = $2, changed_at = $3 where chunk_id = (select chunk_id from chunk as next \
             where backfill_id = $4 and provider = $5 and state = 'waiting' and not_before <= $3 \
             and not exists (select 1 from chunk as part where part.backfill_id = $4 \
             and part.series = next.needs and part.start_at < next.end_at \
             and part.end_at > next.start_at and part.state in ('waiting', 'running')) \
             and exists (select 1 from backfill where backfill_id = $4 and state = 'active') \
             order by seq limit 1 for update skip locked) returning *",
        )
        .bind(claimer.holder)
        .bind(claimer.lease_until.timestamp_micros())
        .bind(claimer.now.timestamp_micros())
        .bind(backfill)
        .bind(provider.as_str());
        let rows: Vec<Row> = self.engine.change(claim).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let begun = sql("update backfill set started_at = coalesce(started_at, $1), \
             revision = revision + 1 where backfill_id = $2")
        .bind(claimer.now.timestamp_micros())
        .bind(backfill);
        self.engine.write(&[begun]).await?;
        let token = row.token;
        Ok(Some(Claim { chunk: kept(row)?, token }))
    }

    /// Keeps the right to a chunk; fails with `MovedOn` if somebody else has it.
    pub async fn renew_claim(&self, claim: &Claim, until: DateTime<Utc>) -> Result<(), StoreError> {
        let renew = sql("update chunk set lease_until = $1 \
             where chunk_id = $2 and token = $3 and state = 'running'")
        .bind(until.timestamp_micros())
        .bind(&*claim.chunk.id)
        .bind(claim.token)
        .or_moved_on("the claim of the chunk");
        self.engine.write(&[renew]).await
    }

    /// Ends an attempt, once; fails with `MovedOn` if its lease had ended and somebody else has it.
    pub async fn settle_chunk(
        &self,
        claim: &Claim,
        settlement: &Settlement,
        spent: Spent,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let written = self.engine.write(&settle(claim, settlement, spent, now)).await;
        match written {
            // Written, but the answer was lost, and so it was told again?
            Err(StoreError::MovedOn { .. }) if self.has_settled(claim).await? => Ok(()),
            written => written,
        }
    }

    async fn has_settled(&self, claim: &Claim) -> Result<bool, StoreError> {
        let settled = sql("select count(*) from chunk \
             where chunk_id = $1 and token = $2 and state <> 'running'")
        .bind(&*claim.chunk.id)
        .bind(claim.token);
        let count = self.engine.read_one(settled).await?;
        Ok(count.is_some_and(|(count,): (i64,)| count > 0))
    }

    /// Gives back what nobody works at any more: whatever lease has ended, and whatever `former` had.
    pub async fn take_back_chunks(
        &self,
        former: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let now = now.timestamp_micros();
        let lost = "update chunk set state = case when (select state from backfill \
                    where backfill.backfill_id = chunk.backfill_id) = 'cancelled' \
                    then 'cancelled' else 'waiting' end, attempts = attempts + 1, \
                    token = token + 1, holder = null, error = 'its worker went away', \
                    changed_at = $1 where state = 'running' and (lease_until <= $1 or holder = $2)";
        let count = "update backfill set chunks_cancelled = (select count(*) from chunk \
                     where chunk.backfill_id = backfill.backfill_id and chunk.state = 'cancelled') \
                     where state = 'cancelled' and chunks_done + chunks_failed + chunks_cancelled \
                     < chunks_total";
        self.engine.write(&[sql(lost).bind(now).bind(former), sql(count).if_changed()]).await
    }

    /// The chunks of a backfill, or of all, whichever changed last first.
    pub async fn chunks(
        &self,
        backfill: Option<&str>,
        filter: &ChunkFilter,
        limit: u32,
    ) -> Result<Vec<KeptChunk>, StoreError> {
        let after = filter.after.as_ref();
        let listed = sql("select * from chunk where ($1 is null or backfill_id = $1) \
             and ($2 is null or state = $2) and ($3 is null or (changed_at, chunk_id) < ($3, $4)) \
             order by changed_at desc, chunk_id desc limit $5")
        .bind(backfill)
        .bind(filter.state.map(ChunkState::as_str))
        .bind(after.map(|(at, _)| at.timestamp_micros()))
        .bind(after.map(|(_, id)| &**id))
        .bind(i64::from(limit));
        let rows: Vec<Row> = self.engine.read(listed).await?;
        rows.into_iter().map(kept).collect()
    }
}

/// The chunk, and its backfill's counts, in one go.
fn settle(
    claim: &Claim,
    settlement: &Settlement,
    spent: Spent,
    now: DateTime<Utc>,
) -> Vec<Statement> {
    let now = now.timestamp_micros();
    let (state, attempt, error, not_before) = match settlement {
        Settlement::Done => ("done", 0, None, 0),
        Settlement::Later { not_before, error, is_attempt } => {
            ("waiting", i64::from(*is_attempt), error.as_deref(), not_before.timestamp_micros())
        }
        Settlement::Failed { error } => ("failed", 1, Some(&**error), 0),
    };
    let chunk = sql("update chunk set state = case when $1 = 'waiting' and (select state \
         from backfill where backfill.backfill_id = chunk.backfill_id) = 'cancelled' \
         then 'cancelled' else $1 end, rows_landed = rows_landed + $2, attempts = attempts + $3, \
         error = $4, not_before = $5, holder = null, \
         settled_at = case when $1 = 'waiting' then null else $6 end, changed_at = $6 \
         where chunk_id = $7 and token = $8 and state = 'running'")
    .bind(state)
    .bind(spent.rows)
    .bind(attempt)
    .bind(error)
    .bind(not_before)
    .bind(now)
    .bind(&*claim.chunk.id)
    .bind(claim.token)
    .or_moved_on("the claim of the chunk");
    let (done, failed) = (i64::from(state == "done"), i64::from(state == "failed"));
    let backfill = sql("update backfill set chunks_done = chunks_done + $1, \
         chunks_failed = chunks_failed + $2, candles_landed = candles_landed + $3, \
         requests_made = requests_made + $4, requests_settled = requests_settled + $5, \
         chunks_cancelled = chunks_cancelled + case when $6 = 'waiting' \
         and state = 'cancelled' then 1 else 0 end, revision = revision + 1 \
         where backfill_id = $7")
    .bind(done)
    .bind(failed)
    .bind(spent.rows)
    .bind(spent.requests)
    .bind(if done == 1 { claim.chunk.requests } else { 0 })
    .bind(state)
    .bind(&*claim.chunk.backfill_id);
    vec![chunk, backfill]
}

fn kept(row: Row) -> Result<KeptChunk, StoreError> {
    let unreadable = |what, value| StoreError::Unreadable { what, value };
    let state = ChunkState::ALL.into_iter().find(|state| state.as_str() == row.state);
    Ok(KeptChunk {
        id: row.chunk_id,
        backfill_id: row.backfill_id,
        series: row.series.parse().map_err(|_| unreadable("a series", row.series))?,
        window: Window::new(instant(row.start_at), instant(row.end_at)),
        requests: row.requests,
        state: state.ok_or_else(|| unreadable("a chunk's state", row.state))?,
        attempts: row.attempts,
        not_before: (row.not_before > 0).then(|| instant(row.not_before)),
        holder: row.holder,
        rows_landed: row.rows_landed,
        error: row.error,
        changed_at: instant(row.changed_at),
    })
}
