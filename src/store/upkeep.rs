//! When each table of the lake was last maintained, and what that did.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{AuditEntry, Store, StoreError, instant, statement::sql};

/// A pass over one table that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptUpkeep {
    pub table: String,
    pub succeeded_at: DateTime<Utc>,
    /// The replica that did it.
    pub replica: String,
    pub millis: i64,
    pub files_before: i64,
    pub bytes_before: i64,
    pub files_removed: i64,
    pub bytes_removed: i64,
    pub entries_removed: i64,
}

#[derive(FromRow)]
struct Row {
    table_name: String,
    succeeded_at: i64,
    replica: String,
    millis: i64,
    files_before: i64,
    bytes_before: i64,
    files_removed: i64,
    bytes_removed: i64,
    entries_removed: i64,
}

impl Store {
    /// The newest pass over each table that was ever maintained, by name.
    pub async fn upkeep(&self) -> Result<Vec<KeptUpkeep>, StoreError> {
        let upkeep = sql("select table_name, succeeded_at, replica, millis, files_before, \
             bytes_before, files_removed, bytes_removed, entries_removed \
             from upkeep order by table_name collate \"C\"");
        let rows: Vec<Row> = self.engine.read(upkeep).await?;
        let read = |row: Row| KeptUpkeep {
            table: row.table_name,
            succeeded_at: instant(row.succeeded_at),
            replica: row.replica,
            millis: row.millis,
            files_before: row.files_before,
            bytes_before: row.bytes_before,
            files_removed: row.files_removed,
            bytes_removed: row.bytes_removed,
            entries_removed: row.entries_removed,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Takes the place of what was known of the table.
    pub async fn keep_upkeep(&self, done: &KeptUpkeep) -> Result<(), StoreError> {
        let keep = sql("insert into upkeep (table_name, succeeded_at, replica, millis, \
             files_before, bytes_before, files_removed, bytes_removed, entries_removed) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (table_name) do update \
             set succeeded_at = excluded.succeeded_at, replica = excluded.replica, \
             millis = excluded.millis, files_before = excluded.files_before, \
             bytes_before = excluded.bytes_before, files_removed = excluded.files_removed, \
             bytes_removed = excluded.bytes_removed, entries_removed = excluded.entries_removed")
        .bind(&*done.table)
        .bind(done.succeeded_at.timestamp_micros())
        .bind(&*done.replica)
        .bind(done.millis)
        .bind(done.files_before)
        .bind(done.bytes_before)
        .bind(done.files_removed)
        .bind(done.bytes_removed)
        .bind(done.entries_removed);
        self.engine.write(&[keep]).await
    }

    /// Writes down a command that changes nothing in the store, before it is done.
    pub async fn note(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.engine.write(&[entry.statement()]).await
    }
}
