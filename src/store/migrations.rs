//! The schema of the store: one folder of migrations for both engines.

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::{StoreError, engine::Engine, statement::sql};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How far the schema of a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The newest migration the store has; 0 before the first.
    pub version: i64,
    /// What it lacks, oldest first: number and name.
    pub pending: Vec<(i64, String)>,
}

/// Runs what the store lacks.
pub(super) async fn run<C: Migrate>(connection: &mut C) -> Result<(), StoreError> {
    let outcome = MIGRATIONS.run_direct(None, connection, false).await;
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(found) => newer(found),
        other => StoreError::Migrate(other),
    })
}

/// How far a database is; nothing is changed.
pub(super) async fn look(engine: Option<&Engine>) -> Result<Schema, StoreError> {
    let applied = match engine {
        Some(engine) => applied(engine).await?,
        None => Vec::new(),
    };
    let version = applied.iter().copied().max().unwrap_or(0);
    if let Some(unknown) = applied.iter().find(|version| !MIGRATIONS.version_exists(**version)) {
        return Err(newer(*unknown));
    }
    let pending = MIGRATIONS.iter().filter(|one| !applied.contains(&one.version));
    let pending = pending.map(|one| (one.version, one.description.to_string())).collect();
    Ok(Schema { version, pending })
}

async fn applied(engine: &Engine) -> Result<Vec<i64>, StoreError> {
    let table = sql(match engine {
        Engine::Sqlite(_) => "select name from sqlite_master where name = '_sqlx_migrations'",
        Engine::Postgres(_) => "select cast(to_regclass('_sqlx_migrations') as text)",
    });
    let table: Option<(Option<String>,)> = engine.read_one(table).await?;
    if table.is_none_or(|(name,)| name.is_none()) {
        return Ok(Vec::new());
    }
    let versions = sql("select version from _sqlx_migrations where success order by version");
    let versions: Vec<(i64,)> = engine.read(versions).await?;
    Ok(versions.into_iter().map(|(version,)| version).collect())
}

fn newer(found: i64) -> StoreError {
    let known = MIGRATIONS.iter().map(|one| one.version).max().unwrap_or(0);
    StoreError::Newer { found, known }
}
