//! The plans that were told to somebody, and may become a backfill.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, instant, statement::sql};

/// A plan that was told to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPlan {
    pub id: String,
    pub request: String,
    pub hash: String,
    pub expires_at: DateTime<Utc>,
}

impl Store {
    /// Keeps a plan until it expires, and forgets those that have.
    pub async fn keep_plan(&self, plan: &KeptPlan, now: DateTime<Utc>) -> Result<(), StoreError> {
        let forget = sql("delete from backfill_plan where expires_at < $1");
        let keep = sql("insert into backfill_plan (plan_id, request, plan_hash, expires_at) \
             values ($1, $2, $3, $4) on conflict (plan_id) do nothing")
        .bind(&*plan.id)
        .bind(&*plan.request)
        .bind(&*plan.hash)
        .bind(plan.expires_at.timestamp_micros());
        self.engine.write(&[forget.bind(now.timestamp_micros()), keep]).await
    }

    pub async fn plan(&self, id: &str) -> Result<Option<KeptPlan>, StoreError> {
        let plan = sql("select plan_id, request, plan_hash, expires_at from backfill_plan \
                 where plan_id = $1")
        .bind(id);
        let row: Option<(String, String, String, i64)> = self.engine.read_one(plan).await?;
        Ok(row.map(|(id, request, hash, expires_at)| KeptPlan {
            id,
            request,
            hash,
            expires_at: instant(expires_at),
        }))
    }
}
