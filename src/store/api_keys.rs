//! API keys: who may ask for what. A key is written and revoked together with its audit entry.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, StoreError, audit::AuditEntry, instant, statement::sql};
use crate::market::Scope;

/// A key as kept: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Time-ordered, like `key_0190f1c2…`.
    pub id: String,
    pub name: String,
    /// SHA-256 of the token, in hexadecimal digits.
    pub hash: String,
    pub scope: Scope,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct Row {
    key_id: String,
    name: String,
    hash: String,
    scope: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl Store {
    /// `MovedOn` if there is a living key of that name.
    pub async fn add_api_key(&self, key: &ApiKey, entry: &AuditEntry) -> Result<(), StoreError> {
        // Told twice, the second time finds its own row and not another one of that name.
        let add = sql("insert into api_key (key_id, name, hash, scope, created_at, expires_at) \
             select $1, $2, $3, $4, $5, $6 where not exists \
             (select 1 from api_key where name = $2 and revoked_at is null and key_id <> $1) \
             on conflict (key_id) do update set name = excluded.name")
        .bind(&*key.id)
        .bind(&*key.name)
        .bind(&*key.hash)
        .bind(key.scope.as_str())
        .bind(key.created_at.timestamp_micros())
        .bind(key.expires_at.map(|at| at.timestamp_micros()));
        let add = add.or_moved_on("the list of API keys");
        self.engine.write(&[add, entry.statement()]).await
    }

    /// `MovedOn` if there is no living key of that name.
    pub async fn revoke_api_key(
        &self,
        name: &str,
        at: DateTime<Utc>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let revoke = sql("update api_key set revoked_at = $2 \
             where name = $1 and (revoked_at is null or revoked_at = $2)")
        .bind(name)
        .bind(at.timestamp_micros())
        .or_moved_on("the list of API keys");
        self.engine.write(&[revoke, entry.statement()]).await
    }

    /// Every key there ever was, the newest first.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.read_api_keys("").await
    }

    /// Those that have not been revoked; some may have expired.
    pub async fn living_api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.read_api_keys("living").await
    }

    /// Remembers a use, if it is later than the last one.
    pub async fn used_api_key(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        let used = sql("update api_key set last_used_at = $2 \
             where key_id = $1 and (last_used_at is null or last_used_at < $2)")
        .bind(id)
        .bind(at.timestamp_micros());
        self.engine.write(&[used]).await
    }

    async fn read_api_keys(&self, which: &'static str) -> Result<Vec<ApiKey>, StoreError> {
        let keys = sql("select key_id, name, hash, scope, created_at, expires_at, revoked_at, \
             last_used_at from api_key where $1 = '' or revoked_at is null \
             order by created_at desc, key_id desc")
        .bind(which);
        let rows: Vec<Row> = self.engine.read(keys).await?;
        rows.into_iter().map(kept).collect()
    }
}

fn kept(row: Row) -> Result<ApiKey, StoreError> {
    let unreadable = StoreError::Unreadable { what: "a scope", value: row.scope.clone() };
    Ok(ApiKey {
        id: row.key_id,
        name: row.name,
        hash: row.hash,
        scope: row.scope.parse().map_err(|_| unreadable)?,
        created_at: instant(row.created_at),
        expires_at: row.expires_at.map(instant),
        revoked_at: row.revoked_at.map(instant),
        last_used_at: row.last_used_at.map(instant),
    })
}
