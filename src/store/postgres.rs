//! The engine for a server: several connections read, one writes, and that one holds the store.
//!
//! A daemon owns its store: its writing session holds an advisory lock of the database for as long
//! as it lives. So what is written is written by the owner, also after the server was restarted and
//! every session with it.

use std::{future::Future, io, str::FromStr, time::Duration};

use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Mutex;

use super::{
    StoreError, Tenancy, migrations,
    statement::{Progress, Record, Statement},
};
use crate::config::StoreUrl;

/// How long one statement may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a read waits for a connection while there is no server.
const ACQUIRE: Duration = Duration::from_secs(5);
/// The lock that the owner holds: `barkeep` in ASCII.
const OWNERSHIP: i64 = 0x62_6172_6b65_6570;
/// `SQLSTATE` of a lock that was waited for in vain.
const LOCK_NOT_AVAILABLE: &str = "55P03";

pub(super) struct PostgresEngine {
    url: StoreUrl,
    options: PgConnectOptions,
    tenancy: Tenancy,
    reader: PgPool,
    writer: Mutex<Writer>,
}

/// The connection that writes; `None` after it was lost.
#[derive(Default)]
struct Writer {
    connection: Option<PgConnection>,
    /// Process and beginning of the newest session that owned the store.
    session: Option<String>,
}

impl PostgresEngine {
    /// Connects, takes the store if it is to be owned, and brings the schema up to date.
    pub(super) async fn open(url: &StoreUrl, tenancy: Tenancy) -> Result<Self, StoreError> {
        let engine = Self::prepare(url, tenancy)?;
        let mut writer = engine.writer.lock().await;
        let mut connection = engine.connect(&mut writer).await?;
        migrations::run(&mut connection).await?;
        writer.connection = Some(connection);
        drop(writer);
        Ok(engine)
    }

    /// The database as it is, to be read from.
    pub(super) async fn look(url: &StoreUrl) -> Result<Self, StoreError> {
        let engine = Self::prepare(url, Tenancy::Guest)?;
        engine.options.connect().await.map_err(|source| engine.unreachable(source))?;
        Ok(engine)
    }

    fn prepare(url: &StoreUrl, tenancy: Tenancy) -> Result<Self, StoreError> {
        let options = options(url)?;
        let reader = PgPoolOptions::new().max_connections(4).acquire_timeout(ACQUIRE);
        Ok(Self {
            reader: reader.connect_lazy_with(options.clone()),
            url: url.clone(),
            options,
            tenancy,
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
        writer: &mut Writer,
        statements: &[Statement],
    ) -> Result<(), StoreError> {
        let mut connection = self.take(writer).await?;
        let mut tx = in_time(connection.begin()).await?;
        match write_in(&mut tx, statements).await {
            Ok(()) => in_time(tx.commit()).await?,
            Err(moved_on @ StoreError::MovedOn { .. }) => {
                in_time(tx.rollback()).await?;
                writer.connection = Some(connection);
                return Err(moved_on);
            }
            Err(error) => return Err(error),
        }
        writer.connection = Some(connection);
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
        writer.connection = Some(connection);
        Ok(rows)
    }

    async fn take(&self, writer: &mut Writer) -> Result<PgConnection, StoreError> {
        match writer.connection.take() {
            Some(connection) => Ok(connection),
            None if self.reader.is_closed() => Err(sqlx::Error::PoolClosed.into()),
            None => self.connect(writer).await,
        }
    }

    pub(super) async fn close(&self) {
        self.reader.close().await;
        if let Some(connection) = self.writer.lock().await.connection.take() {
            // A server that does not hear it notices by itself.
            let _ = in_time(connection.close()).await;
        }
    }

    async fn connect(&self, writer: &mut Writer) -> Result<PgConnection, StoreError> {
        let connection = in_time(self.options.connect()).await;
        let mut connection = connection.map_err(|source| self.unreachable(source))?;
        if self.tenancy == Tenancy::Owner {
            self.own(&mut connection, writer.session.as_deref()).await?;
            writer.session = Some(session(&mut connection).await?);
        }
        Ok(connection)
    }

    /// Takes the lock, or says who has it. A session of our own that the server believes to live
    /// has lost its connection, and is ended.
    async fn own(
        &self,
        connection: &mut PgConnection,
        former: Option<&str>,
    ) -> Result<(), StoreError> {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where pid || ' ' || backend_start = $1";
        in_time(sqlx::query(end).bind(former).execute(&mut *connection)).await?;
        let lock = sqlx::query("select pg_advisory_lock($1)").bind(OWNERSHIP);
        match in_time(lock.execute(&mut *connection)).await {
            Err(sqlx::Error::Database(error))
                if error.code().is_some_and(|code| code == LOCK_NOT_AVAILABLE) =>
            {
                Err(StoreError::Owned { by: owner(connection).await? })
            }
            outcome => Ok(outcome.map(|_| ())?),
        }
    }

    fn unreachable(&self, source: sqlx::Error) -> StoreError {
        StoreError::Reach { url: self.url.clone(), source }
    }
}

/// The settings of every session. A server notices within a minute that a client has vanished, and
/// waits a few seconds for a lock, which the session of a daemon that was killed may still hold.
fn options(url: &StoreUrl) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url.whole().expose_secret());
    let options = options.map_err(|source| StoreError::Reach { url: url.clone(), source })?;
    Ok(options.application_name(&format!("barkeep, process {}", std::process::id())).options([
        ("tcp_keepalives_idle", "30"),
        ("tcp_keepalives_interval", "10"),
        ("tcp_keepalives_count", "3"),
        ("lock_timeout", "5s"),
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

async fn session(connection: &mut PgConnection) -> sqlx::Result<String> {
    let name = "select pid || ' ' || backend_start from pg_stat_activity \
                where pid = pg_backend_pid()";
    in_time(sqlx::query_scalar(name).fetch_one(connection)).await
}

/// Who holds the lock, as far as this user may know.
async fn owner(connection: &mut PgConnection) -> sqlx::Result<String> {
    let name = "select coalesce(nullif(application_name, ''), 'somebody') \
                || coalesce(' at ' || host(client_addr), '') \
                || coalesce(', since ' || date_trunc('second', backend_start), '') \
                from pg_locks join pg_stat_activity using (pid) \
                where locktype = 'advisory' and granted \
                and classid::bigint << 32 | objid::bigint = $1 and objsubid = 1 \
                and pg_locks.database = \
                (select oid from pg_database where datname = current_database())";
    let owner = sqlx::query_scalar(name).bind(OWNERSHIP).fetch_optional(connection);
    Ok(in_time(owner).await?.unwrap_or_else(|| "somebody who has just left".to_owned()))
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
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        }
        _ => false,
    }
}

/// Without the options, which hold the password.
impl std::fmt::Debug for PostgresEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresEngine").field("url", &self.url).finish_non_exhaustive()
    }
}
