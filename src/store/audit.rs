//! Who asked for what. An entry is written together with what it tells of, or not at all.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{
    Store, StoreError, instant,
    statement::{Statement, sql},
};
use crate::market::By;

/// One command that changed something.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Time-ordered, like `au_0190f1c2…`.
    pub id: String,
    pub at: DateTime<Utc>,
    pub by: By,
    /// A stable word, like `backfill.create`.
    pub command: String,
    /// An id, a series, an asset.
    pub target: String,
    pub detail: serde_json::Value,
}

#[derive(FromRow)]
struct Row {
    audit_id: String,
    at: i64,
    actor: String,
    request_id: String,
    command: String,
    target: String,
    detail: String,
}

/// Which entries to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub command: Option<String>,
    pub target: Option<String>,
    /// List what comes after this one: its time and its id.
    pub after: Option<(DateTime<Utc>, String)>,
}

impl AuditEntry {
    pub fn new(
        at: DateTime<Utc>,
        by: &By,
        command: &str,
        target: &dyn std::fmt::Display,
        detail: serde_json::Value,
    ) -> Self {
        let id = format!("au_{}", Uuid::now_v7().simple());
        let (command, target) = (command.to_owned(), target.to_string());
        Self { id, at, by: by.clone(), command, target, detail }
    }

    /// To be written with what it tells of.
    pub(super) fn statement(&self) -> Statement {
        sql("insert into audit (audit_id, at, actor, request_id, command, target, detail) \
             values ($1, $2, $3, $4, $5, $6, $7) on conflict (audit_id) do nothing")
        .bind(&*self.id)
        .bind(self.at.timestamp_micros())
        .bind(&*self.by.actor)
        .bind(&*self.by.request)
        .bind(&*self.command)
        .bind(&*self.target)
        .bind(self.detail.to_string())
    }
}

impl Store {
    /// Newest first.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let after = filter.after.as_ref();
        let entries = sql("select audit_id, at, actor, request_id, command, target, detail \
             from audit where ($1 is null or actor = $1) and ($2 is null or command = $2) \
             and ($3 is null or target = $3) and ($4 is null or (at, audit_id) < ($4, $5)) \
             order by at desc, audit_id desc limit $6")
        .bind(filter.actor.as_deref())
        .bind(filter.command.as_deref())
        .bind(filter.target.as_deref())
        .bind(after.map(|(at, _)| at.timestamp_micros()))
        .bind(after.map(|(_, id)| &**id))
        .bind(i64::from(limit));
        let rows: Vec<Row> = self.engine.read(entries).await?;
        let read = |row: Row| match serde_json::from_str(&row.detail) {
            Ok(detail) => Ok(AuditEntry {
                id: row.audit_id,
                at: instant(row.at),
                by: By { actor: row.actor, request: row.request_id },
                command: row.command,
                target: row.target,
                detail,
            }),
            Err(_) => Err(StoreError::Unreadable { what: "a command", value: row.detail }),
        };
        rows.into_iter().map(read).collect()
    }
}
