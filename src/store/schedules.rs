//! What was said of schedules: which are held up, and which were asked for out of turn.

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    AuditEntry, Store, StoreError, instant,
    roster::revised,
    statement::{Statement, sql},
};

/// What was said of one schedule. One of which nothing was ever said runs, and has no row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptSchedule {
    pub name: String,
    /// Set while it is held up.
    pub paused: Option<Paused>,
    /// Ticks that somebody asked for.
    pub triggers: i64,
}

/// Who held it up, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    pub by: String,
    pub since: DateTime<Utc>,
    pub reason: Option<String>,
}

#[derive(FromRow)]
struct Row {
    schedule: String,
    paused: i64,
    paused_by: Option<String>,
    paused_at: Option<i64>,
    reason: Option<String>,
    triggers: i64,
}

impl Store {
    /// Those of which something was ever said, by name.
    pub async fn schedules(&self) -> Result<Vec<KeptSchedule>, StoreError> {
        let schedules = sql("select schedule, paused, paused_by, paused_at, reason, triggers \
             from schedule order by schedule collate \"C\"");
        let rows: Vec<Row> = self.engine.read(schedules).await?;
        let read = |row: Row| {
            let by = row.paused_by.unwrap_or_default();
            let since = instant(row.paused_at.unwrap_or_default());
            let paused = (row.paused != 0).then_some(Paused { by, since, reason: row.reason });
            KeptSchedule { name: row.schedule, paused, triggers: row.triggers }
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Holds a schedule up. One that is held up already stays so since then, and for its reason.
    pub async fn pause_schedule(
        &self,
        name: &str,
        reason: Option<&str>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let paused = sql("insert into schedule \
             (schedule, paused, paused_by, paused_at, reason, triggers) values ($1, 1, $2, $3, $4, 0) \
             on conflict (schedule) do update set paused = 1, paused_by = excluded.paused_by, \
             paused_at = excluded.paused_at, reason = excluded.reason where schedule.paused = 0")
        .bind(name)
        .bind(&*audit.by.actor)
        .bind(audit.at.timestamp_micros())
        .bind(reason);
        self.told(paused, audit).await
    }

    pub async fn resume_schedule(&self, name: &str, audit: &AuditEntry) -> Result<(), StoreError> {
        let resumed = sql("update schedule set paused = 0, paused_by = null, paused_at = null, \
             reason = null where schedule = $1 and paused = 1");
        self.told(resumed.bind(name), audit).await
    }

    /// Asks for a tick out of turn, of every replica.
    pub async fn trigger_schedule(&self, name: &str, audit: &AuditEntry) -> Result<(), StoreError> {
        let triggered = sql("insert into schedule (schedule, paused, triggered_at, triggers) \
             values ($1, 0, $2, 1) on conflict (schedule) do update \
             set triggered_at = excluded.triggered_at, triggers = schedule.triggers + 1")
        .bind(name)
        .bind(audit.at.timestamp_micros());
        self.told(triggered, audit).await
    }

    /// Also when it turns out to be done twice, it is only one tick more.
    async fn told(&self, statement: Statement, audit: &AuditEntry) -> Result<(), StoreError> {
        let statements = [statement, revised().if_changed(), audit.statement().if_changed()];
        self.engine.write(&statements).await
    }
}
