//! What the tables that models build were made of, and how each build went.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, StoreError, instant, statement::sql};

/// What a model's table was last made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptModel {
    /// As its table is called.
    pub model: String,
    pub fingerprint: String,
    /// Which version of each table it has read, by name.
    pub inputs: BTreeMap<String, u64>,
    pub built_at: DateTime<Utc>,
}

/// What became of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildOutcome {
    Built,
    /// Something had changed, but nothing of what is built of it.
    Unchanged,
    Failed,
}

/// One build.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptBuild {
    /// Sorts by when it began.
    pub run: String,
    pub model: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub outcome: BuildOutcome,
    pub is_whole: bool,
    /// Rows.
    pub inserted: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub removed: i64,
    /// Of the model's table, afterwards.
    pub version: i64,
    pub inputs: BTreeMap<String, u64>,
    /// How its tests went, as JSON.
    pub tests: String,
    pub error: Option<String>,
}

impl BuildOutcome {
    pub const ALL: [Self; 3] = [Self::Built, Self::Unchanged, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }
}

#[derive(FromRow)]
struct Row {
    model_name: String,
    fingerprint: String,
    inputs: String,
    built_at: i64,
}

#[derive(FromRow)]
struct RunRow {
    run_id: String,
    model_name: String,
    started_at: i64,
    ended_at: i64,
    outcome: String,
    is_whole: i64,
    inserted: i64,
    updated: i64,
    unchanged: i64,
    removed: i64,
    version: i64,
    inputs: String,
    tests: String,
    error: Option<String>,
}

/// Builds of a model that are remembered.
const REMEMBERED: i64 = 1_000;

impl Store {
    /// Every model that was ever built, by name.
    pub async fn models(&self) -> Result<Vec<KeptModel>, StoreError> {
        let models = sql("select model_name, fingerprint, inputs, built_at from model \
             order by model_name collate \"C\"");
        let rows: Vec<Row> = self.engine.read(models).await?;
        Ok(rows.into_iter().map(Row::read).collect())
    }

    /// Writes down how a build went; and what the table is made of now, if it came to its end.
    pub async fn keep_build(
        &self,
        build: &KeptBuild,
        state: Option<&KeptModel>,
    ) -> Result<(), StoreError> {
        let keep =
            sql("insert into model_run (run_id, model_name, started_at, ended_at, outcome, \
             is_whole, inserted, updated, unchanged, removed, version, inputs, tests, error) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)")
            .bind(&*build.run)
            .bind(&*build.model)
            .bind(build.started_at.timestamp_micros())
            .bind(build.ended_at.timestamp_micros())
            .bind(build.outcome.as_str())
            .bind(i64::from(build.is_whole))
            .bind(build.inserted)
            .bind(build.updated)
            .bind(build.unchanged)
            .bind(build.removed)
            .bind(build.version)
            .bind(&*json(&build.inputs))
            .bind(&*build.tests)
            .bind(build.error.as_deref());
        let forget = sql("delete from model_run where model_name = $1 and run_id not in \
             (select run_id from model_run where model_name = $1 order by run_id desc limit $2)")
        .bind(&*build.model)
        .bind(REMEMBERED);
        let mut writes = vec![keep, forget];
        if let Some(state) = state {
            writes.push(
                sql("insert into model (model_name, fingerprint, inputs, built_at) \
                     values ($1, $2, $3, $4) on conflict (model_name) do update \
                     set fingerprint = excluded.fingerprint, inputs = excluded.inputs, \
                     built_at = excluded.built_at")
                .bind(&*state.model)
                .bind(&*state.fingerprint)
                .bind(&*json(&state.inputs))
                .bind(state.built_at.timestamp_micros()),
            );
        }
        self.engine.write(&writes).await
    }

    /// Has a model's table built from scratch the next time.
    pub async fn forget_model(&self, model: &str) -> Result<(), StoreError> {
        self.engine.write(&[sql("delete from model where model_name = $1").bind(model)]).await
    }

    /// The newest builds before run `before`, newest first; of all models, or of one.
    pub async fn builds(
        &self,
        model: Option<&str>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<KeptBuild>, StoreError> {
        let builds = sql("select run_id, model_name, started_at, ended_at, outcome, is_whole, \
             inserted, updated, unchanged, removed, version, inputs, tests, error from model_run \
             where ($1 = '' or model_name = $1) and ($2 = '' or run_id < $2) \
             order by run_id desc limit $3")
        .bind(model.unwrap_or_default())
        .bind(before.unwrap_or_default())
        .bind(limit);
        let rows: Vec<RunRow> = self.engine.read(builds).await?;
        Ok(rows.into_iter().map(RunRow::read).collect())
    }
}

fn json(inputs: &BTreeMap<String, u64>) -> String {
    serde_json::to_string(inputs).unwrap_or_default()
}

impl Row {
    fn read(self) -> KeptModel {
        KeptModel {
            model: self.model_name,
            fingerprint: self.fingerprint,
            inputs: serde_json::from_str(&self.inputs).unwrap_or_default(),
            built_at: instant(self.built_at),
        }
    }
}

impl RunRow {
    fn read(self) -> KeptBuild {
        let named = |outcome: &BuildOutcome| outcome.as_str() == self.outcome;
        KeptBuild {
            run: self.run_id,
            model: self.model_name,
            started_at: instant(self.started_at),
            ended_at: instant(self.ended_at),
            outcome: BuildOutcome::ALL.into_iter().find(named).unwrap_or(BuildOutcome::Failed),
            is_whole: self.is_whole != 0,
            inserted: self.inserted,
            updated: self.updated,
            unchanged: self.unchanged,
            removed: self.removed,
            version: self.version,
            inputs: serde_json::from_str(&self.inputs).unwrap_or_default(),
            tests: self.tests,
            error: self.error,
        }
    }
}
