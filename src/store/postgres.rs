//! The engine for a server: several connections read, one writes.
//!
//! Several daemons may use one database. Who may write what is for leases to say, in the transaction
//! of each write; the sessions know nothing of it, so they may come and go.

use std::{future::Future, io, str::FromStr, time::Duration};

use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Mutex;

use super::{
    StoreError, migrations,
    statement::{Progress, Record, Statement},
};
use crate::config::StoreUrl;

/// How long one statement may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// `SQLSTATE` of a transaction in which nothing has happened for too long.
const STOOD_STILL: &str = "25P03";
/// How long a read waits for a connection while there is no server.
const ACQUIRE: Duration = Duration::from_secs(5);

pub(super) struct PostgresEngine {
    url: StoreUrl,
    options: PgConnectOptions,
    reader: PgPool,
    /// The connection that writes; `None` after it was lost.
    writer: Mutex<Option<PgConnection>>,
}

impl PostgresEngine {
    /// Connects, and brings the schema up to date.
    pub(super) async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        let engine = Self::prepare(url)?;
        let mut connection = engine.connect().await?;
        migrations::run(&mut connection).await?;
        *engine.writer.lock().await = Some(connection);
        Ok(engine)
    }

    /// The database as it is, to be read from.
    pub(super) async fn look(url: &StoreUrl) -> Result<Self, StoreError> {
        let engine = Self::prepare(url)?;
        engine.options.connect().await.map_err(|source| engine.unreachable(source))?;
        Ok(engine)
    }

    fn prepare(url: &StoreUrl) -> Result<Self, StoreError> {
        let options = options(url)?;
        let reader = PgPoolOptions::new().max_connections(4).acquire_timeout(ACQUIRE);
        Ok(Self {
            reader: reader.connect_lazy_with(options.clone()),
            url: url.clone(),
            options,
            writer: Mutex::default(),
        })
    }

    /// Asks again, once, if the connection was lost meanwhile.
    pub(super) async fn read<R: Record>(&self, statement: &Statement) -> sqlx::Result<Vec<R>> {
        let ask = async || in_time(statement.rows::<Postgres, R>()?.fetch_all(&self.reader)).await;
        match ask().await {
            Err(error) if is_lost(&error) => ask().await,
            answer => answer,
        }
    }

    /// Writes all or nothing; again, once, if the connection was lost meanwhile. Whether the first
    /// attempt was committed nobody can tell, so the statements must bear being told twice.
    pub(super) async fn write(&self, statements: &[Statement]) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        match self.write_once(&mut writer, statements).await {
            Err(StoreError::Unavailable(error)) if is_lost(&error) => {
                self.write_once(&mut writer, statements).await
            }
            outcome => outcome,
        }
    }

    /// The connection is put back only after everything went well: one on which something failed, or
    /// was given up half-way, is not used again.
    async fn write_once(
        &self,
        writer: &mut Option<PgConnection>,
        statements: &[Statement],
    ) -> Result<(), StoreError> {
        let mut connection = self.take(writer).await?;
        let mut tx = in_time(connection.begin()).await?;
        match write_in(&mut tx, statements).await {
            Ok(()) => in_time(tx.commit()).await?,
            Err(moved_on @ StoreError::MovedOn { .. }) => {
                in_time(tx.rollback()).await?;
                *writer = Some(connection);
                return Err(moved_on);
            }
            Err(error) => return Err(error),
        }
        *writer = Some(connection);
        Ok(())
    }

    /// Writes one statement that answers with the rows it has changed. It is not repeated.
    pub(super) async fn change<R: Record>(
        &self,
        statement: &Statement,
    ) -> Result<Vec<R>, StoreError> {
        let mut writer = self.writer.lock().await;
        let mut connection = self.take(&mut writer).await?;
        let rows = statement.rows::<Postgres, R>()?.fetch_all(&mut connection);
        let rows = in_time(rows).await?;
        *writer = Some(connection);
        Ok(rows)
    }

    async fn take(&self, writer: &mut Option<PgConnection>) -> Result<PgConnection, StoreError> {
        match writer.take() {
            Some(connection) => Ok(connection),
            None if self.reader.is_closed() => Err(sqlx::Error::PoolClosed.into()),
            None => self.connect().await,
        }
    }

    pub(super) async fn close(&self) {
        self.reader.close().await;
        if let Some(connection) = self.writer.lock().await.take() {
            // A server that does not hear it notices by itself.
            let _ = in_time(connection.close()).await;
        }
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let connection = in_time(self.options.connect()).await;
        connection.map_err(|source| self.unreachable(source))
    }

    fn unreachable(&self, source: sqlx::Error) -> StoreError {
        StoreError::Reach { url: self.url.clone(), source }
    }
}

/// The settings of every session. A server notices within a minute that a client has vanished, and
/// waits a few seconds for a lock. A process that stops in the middle of a transaction does not keep
/// what it has locked.
fn options(url: &StoreUrl) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url.whole().expose_secret());
    let options = options.map_err(|source| StoreError::Reach { url: url.clone(), source })?;
    Ok(options.application_name(&format!("barkeep, process {}", std::process::id())).options([
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "4s"),
    ]))
}

async fn write_in(tx: &mut PgConnection, statements: &[Statement]) -> Result<(), StoreError> {
    let mut progress = Progress::default();
    for statement in statements {
        if progress.comes_to(statement) {
            let done = in_time(statement.query::<Postgres>()?.execute(&mut *tx)).await?;
            progress.past(statement, done.rows_affected())?;
        }
    }
    Ok(())
}

async fn in_time<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Whether the connection went, so that another one may do better at once.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != io::ErrorKind::TimedOut,
        sqlx::Error::Protocol(_) => true,
        // The server is shutting down, or the connection is broken.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("08") || code == STOOD_STILL
        }),
        _ => false,
    }
}

/// Without the options, which hold the password.
impl std::fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresEngine").field("url", &self.url).finish_non_exhaustive()
    }
}
