//! The two engines behind one face. Nothing above the store knows which one runs.

use std::sync::Arc;

use super::{
    StoreError,
    postgres::PostgresEngine,
    sqlite::SqliteEngine,
    statement::{Record, Statement},
};
use crate::config::StoreUrl;

#[derive(Debug, Clone)]
pub(super) enum Engine {
    Sqlite(SqliteEngine),
    Postgres(Arc<PostgresEngine>),
}

impl Engine {
    /// Brings the schema up to date as well.
    pub(super) async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        Ok(if url.is_postgres() {
            Self::Postgres(Arc::new(PostgresEngine::open(url).await?))
        } else {
            Self::Sqlite(SqliteEngine::open(url).await?)
        })
    }

    /// Changes nothing; `None` if there is no database yet.
    pub(super) async fn look(url: &StoreUrl) -> Result<Option<Self>, StoreError> {
        Ok(if url.is_postgres() {
            Some(Self::Postgres(Arc::new(PostgresEngine::look(url).await?)))
        } else {
            SqliteEngine::look(url).await?.map(Self::Sqlite)
        })
    }

    /// Every row of the answer.
    pub(super) async fn read<R: Record>(&self, statement: Statement) -> Result<Vec<R>, StoreError> {
        Ok(match self {
            Self::Sqlite(engine) => engine.read(&statement).await?,
            Self::Postgres(engine) => engine.read(&statement).await?,
        })
    }

    /// The first row of the answer.
    pub(super) async fn read_one<R: Record>(
        &self,
        statement: Statement,
    ) -> Result<Option<R>, StoreError> {
        Ok(self.read(statement).await?.into_iter().next())
    }

    /// All of the statements or none, in their order. They may run twice if a connection is lost,
    /// so they say what shall be, not what to add.
    pub(super) async fn write(&self, statements: &[Statement]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(engine) => engine.write(statements).await,
            Self::Postgres(engine) => engine.write(statements).await,
        }
    }

    /// One statement that changes rows and answers with them: `… returning …`. If its answer is lost
    /// nobody knows whether it was done.
    pub(super) async fn change<R: Record>(
        &self,
        statement: Statement,
    ) -> Result<Vec<R>, StoreError> {
        match self {
            Self::Sqlite(engine) => Ok(engine.change(&statement).await?),
            Self::Postgres(engine) => engine.change(&statement).await,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(engine) => engine.close().await,
            Self::Postgres(engine) => engine.close().await,
        }
    }
}
